"""A process directly on this machine, in its own session."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closeshave.control import variables
from closeshave.control.engine.allowance import Allowance
from closeshave.deployment import Attachment, Process

_STARTED: list[subprocess.Popen[bytes]] = []
"""Children of this process, kept so that they can be reaped and leave no zombies."""
MANY_FILES = frozenset({"pooler"})
"""Roles of programs that may need more open files than a shell usually permits (1,024), one for each client, and do not raise the limit themselves."""


@dataclass(frozen=True, slots=True)
class Local:
    """See :class:`closeshave.control.machine.Machine`. It shares the CPU, the memory and the network of the machine with all other programs."""

    process: Process

    own_limits = False
    attachments: tuple[Attachment, ...] = ()
    running = True

    def launch(self, root: Path, environment_id: str) -> int:  # noqa: ARG002 - the process carries the ID among its variables
        """Raises :class:`OSError` when the program cannot be run."""
        process = self.process
        log = root / "logs" / f"{process.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        # nice(1) rather than preexec_fn: the latter may deadlock in a process that has threads.
        argv = ["nice", "-n", str(process.nice), *process.argv] if process.nice else list(process.argv)
        with log.open("ab") as output:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=process.directory or root,
                env={**variables.for_parts(), **process.environ},
            )
        _STARTED.append(child)
        rank_session(child.pid, process.nice)
        if process.role in MANY_FILES:
            allow_files(child.pid)
        return child.pid

    def outer_pid(self, first: int | None, number: int) -> int | None:  # noqa: ARG002 - every machine is asked the same
        """The same ID: there is only one table of processes."""
        return number

    def execute(self, argv: Sequence[str]) -> str:
        """Raises :class:`subprocess.SubprocessError` when it fails."""
        return subprocess.run(list(argv), check=True, capture_output=True, text=True).stdout

    def place(self, file: Path, root: Path) -> Path:  # noqa: ARG002 - every machine is asked the same
        """The path itself."""
        return file

    def missing(self) -> tuple[Attachment, ...]:
        """None: it is on the machine's own networks."""
        return ()

    def connect(self, attachment: Attachment) -> None:
        """Never called: it has no attachments."""
        raise NotImplementedError

    def disconnect(self, network: str) -> None:
        """Never called: it has no attachments."""
        raise NotImplementedError

    def allowance(self) -> Allowance:
        """Without limits."""
        return Allowance(None, None)

    def limit_cpu(self, share: float | None) -> None:
        """Never called: it has no limits of its own."""
        raise NotImplementedError

    def limit_memory(self, bytes_max: int | None) -> None:
        """Never called: it has no limits of its own."""
        raise NotImplementedError

    def declared_memory_bytes_max(self) -> int | None:
        """Without a limit."""
        return None

    def killed_for_memory(self) -> bool:
        """False: the kernel does not report it."""
        return False


def allow_files(pid: int) -> None:
    """Let a process open as many files as this user may permit it (getrlimit(2), ``RLIMIT_NOFILE``)."""
    with contextlib.suppress(OSError):
        _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))


def rank_session(pid: int, nice: int) -> None:
    """Give the session of ``pid`` this niceness as a whole.

    If Linux groups processes by session (``sched_autogroup_enabled``, sched(7)), nice values count only inside a session, and each process of the
    harness has its own session: without this the load generator would have no priority over eight applications.
    """
    with contextlib.suppress(OSError):  # no such grouping here, or no permission to set it: then nice alone must be enough
        Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="utf-8")


def reap() -> None:
    """Collect the exit status of this process's ended children, so that they do not stay as zombies."""
    for child in [each for each in _STARTED if each.poll() is not None]:
        # One by one: another thread may add a child meanwhile, or collect the same one.
        with contextlib.suppress(ValueError):
            _STARTED.remove(child)
