"""A database that is restored beside the running shard: made from a base backup and the log, started, and removed without a trace."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from closeshave.clients import patroni, ports, postgres
from closeshave.clients.address import HOST
from closeshave.control import processes, variables
from closeshave.deployment import BackupServer, Deployment, Member, Process
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillOverdue
from closeshave.faults.kind import Proof, Say
from closeshave.faults.waiting import left_s, until

ROLE = "restored"
NICE = 5
END_WITHIN_S = 5.0
STOPPED_WITHIN_S = 30.0
FULL = "No space left on device"
FATAL = ("FATAL:", "PANIC:")
LOG_BYTES = 20_000


def name_of(shard: int) -> str:
    """What the restored database of a shard is called; there is at most one."""
    return f"restored-shard{shard}"


def place(deployment: Deployment, shard: int) -> Path:
    """Its data directory, below the environment's, so that whoever removes the environment finds it."""
    return Path(deployment.root, "data", name_of(shard))


def command(deployment: Deployment, argv: Sequence[str], within_s: float) -> tuple[int, str]:
    """Run a helper program to its end; its exit code and what it said. Raises :class:`DrillOverdue` if it does not end in time.

    Raises :class:`DrillDisturbed` if it cannot be run, or the disk is full.
    """
    environ = {**variables.for_parts(), processes.MARK: deployment.id}
    try:
        done = subprocess.run(
            [*deployment.programs.words, *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(0.1, within_s),
            env=environ,
            cwd=deployment.root,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DrillOverdue(f"{Path(argv[0]).name} did not end in time") from None
    except OSError as error:
        raise DrillDisturbed(f"{argv[0]} cannot be run: {error}") from error
    said = f"{done.stdout}\n{done.stderr}".strip()
    if done.returncode and FULL in said:
        raise DrillDisturbed("the disk is full")
    return done.returncode, said


def first_error(said: str) -> str:
    """The first error in what a program of PostgreSQL said, else its first line."""
    lines = [line.partition("error: ")[2] or line for line in said.splitlines() if line.strip()]
    return lines[0] if lines else "it did not say why"


def copy(deployment: Deployment, shard: int, base: Path, within_s: float) -> None:
    """Copy a base backup to the place of the restored database. Raises :class:`DrillFailed` and :class:`DrillDisturbed`."""
    code, said = command(deployment, ["cp", "-a", "--reflink=auto", str(base), str(place(deployment, shard))], within_s)
    if code:
        raise DrillFailed(f"the base backup cannot be copied: {said.splitlines()[-1] if said else f'exit code {code}'}")


def until_time(target: str) -> Mapping[str, str]:
    """Settings by which a recovery ends at an instant of the wall clock."""
    return {"recovery_target_time": target, "recovery_target_inclusive": "on"}


TO_THE_END: Mapping[str, str] = MappingProxyType({})
"""Settings by which a recovery ends where the log does."""
AS_COPIED: Mapping[str, str] = MappingProxyType({"recovery_target": "immediate"})
"""Settings by which a recovery ends as soon as the base backup is consistent: nothing of the log after it is used."""


def start(deployment: Deployment, server: BackupServer, target: Mapping[str, str]) -> int:
    """Start the restored database; it recovers from the log as far as the settings ``target`` say, then accepts writes.

    Returns its port. Raises :class:`OSError`.
    """
    directory, port = place(deployment, server.shard), ports.unused()
    log = f"{server.log}/%f"
    changes = {
        "port": str(port),
        "listen_addresses": HOST,
        "hba_file": str(directory / "pg_hba.conf"),
        "ident_file": str(directory / "pg_ident.conf"),
        "unix_socket_directories": "",
        "hot_standby": "off",
        "primary_conninfo": "",
        "primary_slot_name": "",
        "synchronous_standby_names": "",
        "archive_mode": "off",
        # The file that the receiver still writes ends with .partial; what it holds so far is enough to reach the target.
        "restore_command": f'cp "{log}" "%p" 2>/dev/null || cp "{log}.partial" "%p"',
        "recovery_target_timeline": "latest",
        "recovery_target_action": "promote",
    }
    if target:
        # In the file that is read last, because Patroni's file empties every target: a target on the command line would be a second one.
        with (directory / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write("".join(f"{name} = '{value}'\n" for name, value in target.items()))
    (directory / "recovery.signal").touch()
    words = [word for name, value in changes.items() for word in ("-c", f"{name}={value}")]
    argv = (*deployment.programs.words, deployment.programs.of_postgres("postgres"), "-D", str(directory), *words)
    # It must not take the processor from the running shard.
    process = replace(_process(deployment, server.shard), argv=argv, ports=(port,), nice=NICE)
    processes.start(Path(deployment.root), deployment.id, process)
    return port


def waits_for(deployment: Deployment, shard: int, port: int) -> str:
    """Why the restored database does not accept writes yet; empty when it does. Raises :class:`DrillFailed` when it has ended."""
    if processes.find(Path(deployment.root), _process(deployment, shard)) is None:
        said = last_words(deployment, shard)
        if FULL in said:
            raise DrillDisturbed("the disk is full")
        raise DrillFailed(f"PostgreSQL did not start from the backup: {said}")
    try:
        standing = postgres.standing(deployment, member_at(deployment, shard, port))
    except postgres.Unavailable as error:
        return postgres.first_line(error)
    return "it is still recovering" if standing.in_recovery else ""


def member_at(deployment: Deployment, shard: int, port: int) -> Member:
    """The restored database, to ask it as a member of its shard is asked."""
    first = patroni.members_of(deployment, shard)[0]
    return replace(first, process=name_of(shard), name=name_of(shard), port=port, api_port=0)


def last_words(deployment: Deployment, shard: int) -> str:
    """The last fatal line of its log, else the last line."""
    path = Path(deployment.root, "logs", f"{name_of(shard)}.log")
    try:
        lines = path.read_bytes()[-LOG_BYTES:].decode("utf-8", "replace").splitlines()
    except OSError:
        return "its log cannot be read"
    fatal = [line for line in lines if any(word in line for word in FATAL)]
    return (fatal or lines or ["it said nothing"])[-1].strip()


def stop(deployment: Deployment, shard: int) -> None:
    """Stop the restored database cleanly, so that its files can be used as they are. Raises :class:`DrillOverdue` if it does not stop in time."""
    identity = processes.find(Path(deployment.root), _process(deployment, shard))
    family = processes.with_descendants([identity]) if identity else []
    # PostgreSQL's fast shutdown: clients are disconnected, and a checkpoint is written.
    processes.send([identity] if identity else [], signal.SIGINT)
    if processes.gone(family, STOPPED_WITHIN_S):
        raise DrillOverdue(f"{name_of(shard)} does not stop")


def remove(deployment: Deployment, shard: int, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the restored database and remove its files; returns what was done. From any process and any number of times."""
    done, root = [], Path(deployment.root)
    if identity := processes.find(root, _process(deployment, shard)):
        family = processes.with_descendants([identity])
        # So that it frees its shared memory.
        processes.send([identity], signal.SIGQUIT)
        left = processes.gone(family, min(END_WITHIN_S, max(0.5, left_s(deadline_ns))))
        processes.send(left, signal.SIGKILL)
        processes.gone(left, END_WITHIN_S)
        done.append(f"ended {name_of(shard)} pid {identity.pid}")
    directory = place(deployment, shard)
    if directory.exists():
        say(f"removing {directory.name}")
        until(lambda: _removed(directory), deadline_ns, 0.2)
        done.append(f"removed {directory.name}")
    return tuple(done)


def gone(deployment: Deployment, shard: int) -> Proof:
    """Neither its process nor its files are left."""
    left = []
    if identity := processes.find(Path(deployment.root), _process(deployment, shard)):
        left.append(f"{name_of(shard)} runs as pid {identity.pid}")
    if place(deployment, shard).exists():
        left.append(f"{place(deployment, shard)} is still there")
    return Proof(f"nothing of {name_of(shard)} is left", not left, "; ".join(left) or "neither process nor files")


def _removed(directory: Path) -> bool:
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def _process(deployment: Deployment, shard: int) -> Process:
    return Process(name_of(shard), ROLE, None, (), pid_file=str(place(deployment, shard) / "postmaster.pid"))
