"""The stages of a rebuilding. Each may be done again after it was cut off at any instant; what it made is in :mod:`.record`."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment, Process
from closeshave.drills import backups, restored_server
from closeshave.drills.kind import DrillDisturbed, DrillFailed
from closeshave.drills.platform import record
from closeshave.drills.platform.record import Rebuilding
from closeshave.environments.rollout import record as rollout
from closeshave.faults.killing import StillAlive, kill, victims_of
from closeshave.faults.waiting import after
from closeshave.files import jsonfile

OUTSIDE = frozenset({"edge", "payments"})
"""Roles that are no part of the platform: the edges stand for DNS, and the payment provider belongs to somebody else."""
APPLICATION = frozenset({"app", "worker"})
PROGRAM = "closeshave.environments.rebuild"
"""The program that starts everything from files and restored databases."""
PROCESS = "rebuild"
PACKAGE = Path(__file__).parents[3]
KEPT = "files-backup"
"""The directory below the root in which the backup of the platform's files is: what cannot be made from the environment's definition."""
IRREPLACEABLE = ("config/private-key.pem", "data/application")
"""What is in it, by its place below the root: a file, and the application's own directory."""
ASIDE = "before-rebuild"
REMOVED_WITHIN_S = 20.0
WHOLE_DIRECTORIES = frozenset({"patroni", "etcd"})
"""Roles whose data directory goes as a whole, because whoever starts them makes it anew."""

RESULT = "rebuild-result.json"
"""What the program says when it has ended."""


@dataclass(frozen=True, slots=True)
class _Result:
    """When it reached each milestone, in seconds from its start, or why it failed."""

    reached: Mapping[str, float] = field(default_factory=dict)
    failed: str = ""


_RESULT = TypeAdapter(_Result)
Until = Callable[[Callable[[], str], str], None]
"""Waits until nothing is in the way; the second argument says what it waits for. Raises when it must not wait any longer."""


def platform_of(deployment: Deployment) -> tuple[Process, ...]:
    """Every process of the platform; those that start others come first."""
    mine = (process for process in deployment.processes if process.role not in OUTSIDE)
    return tuple(sorted(mine, key=lambda process: process.role != "patroni"))


def cut_off(deployment: Deployment) -> int:
    """End the application, so that nothing is acknowledged any more; returns how many processes were killed."""
    return _kill(deployment, [process for process in deployment.processes if process.role in APPLICATION])


def keep_files(deployment: Deployment) -> None:
    """Back up the files of the platform that cannot be made again: the application's private key, and what it keeps in its own directory. Raises
    :class:`OSError`."""
    root, place = Path(deployment.root), Path(deployment.root, KEPT)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    for kept in IRREPLACEABLE:
        if (root / kept).is_dir():
            shutil.copytree(root / kept, place / kept, symlinks=True)
        elif (root / kept).exists():
            (place / kept).parent.mkdir(exist_ok=True)
            shutil.copy2(root / kept, place / kept)


def lose(deployment: Deployment) -> tuple[int, int]:
    """Kill every process of the platform and remove its files and data, but not what backup servers keep; how many processes, and how many of the parts
    had stored anything. Raises :class:`OSError`."""
    root = Path(deployment.root)
    rebuilding = record.read(root) or Rebuilding()
    record.write(root, rebuilding)
    end_program(deployment)
    # What an earlier rebuilding said is none of this one's.
    (root / RESULT).unlink(missing_ok=True)
    killed = _kill(deployment, platform_of(deployment))
    emptied = _empty(deployment)
    for lost in ("config", "data/application"):
        shutil.rmtree(root / lost, ignore_errors=True)
        (root / lost).mkdir(exist_ok=True)
    rollout.remove(root)
    record.write(root, replace(rebuilding, lost=True, lost_wall_s=rebuilding.lost_wall_s or time.time()))
    return killed, emptied


def _kill(deployment: Deployment, parts: list[Process] | tuple[Process, ...]) -> int:
    victims = victims_of(deployment, parts)
    if not victims:
        return 0
    try:
        return len(kill(victims, now_ns()).touched)
    except StillAlive as error:
        raise DrillDisturbed(str(error)) from error


def _empty(deployment: Deployment) -> int:
    kept = {server.process for server in deployment.backups}
    emptied = 0
    for part in platform_of(deployment):
        place = Path(deployment.root, "data", part.name)
        if part.name in kept or not place.is_dir():
            continue
        found = list(place.iterdir())
        emptied += bool(found)
        for path in [place] if part.role in WHOLE_DIRECTORIES else found:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return emptied


def restore(deployment: Deployment, server: BackupServer, until: Until, within_s: float) -> str:
    """Restore the shard of a backup server to the end of its log, and stop it cleanly; returns the base backup. Nothing is done if it is restored already.

    Raises :class:`DrillFailed`, :class:`DrillDisturbed`.
    """
    root, shard = Path(deployment.root), server.shard
    rebuilding = current(root)
    if shard in rebuilding.restored:
        return rebuilding.restored[shard]
    restored_server.remove(deployment, shard, after(REMOVED_WITHIN_S), _quiet)
    base = next(reversed(backups.bases(server)), None)
    if base is None:
        raise DrillFailed(f"{server.process} has no base backup")
    if gap := backups.gap(server, base):
        raise DrillFailed(gap)
    code, said = restored_server.command(
        deployment, [deployment.programs.of_postgres("pg_verifybackup"), "--no-parse-wal", str(base.directory)], within_s
    )
    if code:
        raise DrillFailed(f"base backup {base.name} of {server.process} is damaged: {restored_server.first_error(said)}")
    restored_server.copy(deployment, shard, base.directory, within_s)
    port = restored_server.start(deployment, server, restored_server.TO_THE_END)
    until(lambda: restored_server.waits_for(deployment, shard, port), f"the restored database of shard {shard} does not accept writes")
    restored_server.stop(deployment, shard)
    rebuilding = current(root)
    record.write(root, replace(rebuilding, restored={**rebuilding.restored, shard: base.name}))
    return base.name


def begin_program(deployment: Deployment) -> None:
    """Start the program that starts everything from files and restored databases, from nothing: what an earlier try left is removed. Raises
    :class:`OSError`."""
    root = Path(deployment.root)
    end_program(deployment)
    _kill(deployment, platform_of(deployment))
    _empty(deployment)
    _set_aside(deployment)
    (root / RESULT).unlink(missing_ok=True)
    processes.start(root, deployment.id, _program(root))


def program_runs(deployment: Deployment) -> bool:
    """Whether it runs: it goes on when whoever started it has died."""
    root = Path(deployment.root)
    return processes.find(root, _program(root)) is not None


def program_result(deployment: Deployment) -> Mapping[str, float] | str | None:
    """When each milestone was reached, in seconds from its start; or why it failed; ``None`` if it did not say either."""
    try:
        told = jsonfile.read(Path(deployment.root, RESULT), _RESULT)
    except FileNotFoundError:
        return None
    return told.failed or told.reached


def end_program(deployment: Deployment) -> None:
    """End the program if it runs."""
    root = Path(deployment.root)
    _kill(deployment, [_program(root)])


def _program(root: Path) -> Process:
    argv = (sys.executable, "-m", PROGRAM, str(root))
    return Process(PROCESS, PROCESS, None, argv, {"PYTHONPATH": str(PACKAGE)})


def _set_aside(deployment: Deployment) -> None:
    """Backups that are made from now on are of another history: those from before are kept beside them."""
    root = Path(deployment.root)
    rebuilding = current(root)
    for server in deployment.backups:
        for place in (Path(server.log), Path(server.bases)):
            old = place.with_name(f"{place.name}-{ASIDE}")
            if not rebuilding.aside and place.exists() and any(place.iterdir()):
                shutil.rmtree(old, ignore_errors=True)
                place.rename(old)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            if old.exists():
                # The user of the databases writes there.
                shutil.chown(place, old.stat().st_uid, old.stat().st_gid)
    record.write(root, replace(rebuilding, aside=True))


def finish(deployment: Deployment) -> None:
    """Everything serves: what was only needed for the rebuilding is removed, and it counts as finished."""
    root = Path(deployment.root)
    for server in deployment.backups:
        shutil.rmtree(restored_server.place(deployment, server.shard), ignore_errors=True)
    shutil.rmtree(root / KEPT, ignore_errors=True)
    (root / RESULT).unlink(missing_ok=True)
    record.remove(root)


def current(root: Path) -> Rebuilding:
    """The rebuilding that is under way. Raises :class:`DrillDisturbed` if somebody has ended it."""
    found = record.read(root)
    if found is None:
        raise DrillDisturbed("the rebuilding was ended by somebody else")
    return found


def _quiet(_line: str) -> None:
    """Nothing is said."""
