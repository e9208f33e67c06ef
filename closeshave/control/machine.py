"""Where one process of an environment runs, and the operations on it.

There are two kinds: this machine itself (:mod:`.local`) and a container (:mod:`.contained`). A third kind, such as a pod or another machine, needs
one more class and a line in :func:`of`. Code that injects faults, starts processes or signals them uses these operations and never asks where a
process runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from closeshave.control.contained import Contained
from closeshave.control.engine import EngineFailed
from closeshave.control.engine.allowance import Allowance
from closeshave.control.local import Local
from closeshave.deployment import Attachment, Process

MachineFailed = EngineFailed
"""The exceptions of an operation that failed or is not possible now; the message is one sentence."""


class Machine(Protocol):
    """The machine or container of one process. An operation that fails raises :data:`MachineFailed`."""

    @property
    def own_limits(self) -> bool:
        """Whether its CPU and memory can be limited separately. If not, the methods below that set or read limits must not be called."""
        ...

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Its declared networks; empty if it is on the machine's own."""
        ...

    @property
    def running(self) -> bool:
        """Whether it exists: a container ends with its process."""
        ...

    def launch(self, root: Path, environment_id: str) -> int:
        """Start the process, its output appended to ``logs/NAME.log``; returns its ID on this machine. Raises :class:`OSError` too."""
        ...

    def outer_pid(self, first: int | None, number: int) -> int | None:
        """The ID on this machine of the process with the ID ``number`` there; ``first`` is the first process there. ``None`` when it has ended."""
        ...

    def execute(self, argv: Sequence[str]) -> str:
        """Run a program there, as the process's user; returns what it printed."""
        ...

    def place(self, file: Path, root: Path) -> Path:
        """The path at which the process finds a file of this machine; copied into the environment's ``root`` if the process sees nothing else."""
        ...

    def missing(self) -> tuple[Attachment, ...]:
        """Declared networks to which it is not connected; none while it does not run."""
        ...

    def connect(self, attachment: Attachment) -> None:
        """Connect it to a network."""
        ...

    def disconnect(self, network: str) -> None:
        """Disconnect it from a network. Its TCP connections stay open, but nothing gets through."""
        ...

    def allowance(self) -> Allowance:
        """The limits in force."""
        ...

    def limit_cpu(self, share: float | None) -> None:
        """Limit it to this share of one CPU; ``None`` removes the limit."""
        ...

    def limit_memory(self, bytes_max: int | None) -> None:
        """Limit its memory; ``None`` removes the limit."""
        ...

    def declared_memory_bytes_max(self) -> int | None:
        """The memory that it may use as declared; ``None`` means no limit."""
        ...

    def killed_for_memory(self) -> bool:
        """Whether the kernel has killed it, or a part of it, because it reached its memory limit."""
        ...


def of(process: Process) -> Machine:
    """The machine of this process."""
    return Local(process) if process.container is None else Contained(process, process.container)
