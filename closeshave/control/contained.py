"""A process in its own container, controlled through the container engine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closeshave.control import engine
from closeshave.control.engine import namespace
from closeshave.control.engine.allowance import Allowance, allowance
from closeshave.deployment import Attachment, Container, Process


@dataclass(frozen=True, slots=True)
class Contained:
    """See :class:`closeshave.control.machine.Machine`. Everything raises :class:`engine.EngineFailed`."""

    process: Process
    container: Container

    own_limits = True

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """As declared."""
        return self.container.attachments

    @property
    def running(self) -> bool:
        """As the engine has it."""
        return engine.alive(self.container.name) is not None

    def launch(self, root: Path, environment_id: str) -> int:
        """In a new container; one of this name that has ended is removed."""
        return engine.run(root, environment_id, self.process)

    def outer_pid(self, first: int | None, number: int) -> int | None:
        """As the kernel reports for its process namespace."""
        return namespace.known_inside_as(first, number) if first is not None else None

    def execute(self, argv: Sequence[str]) -> str:
        """As the container's user."""
        return engine.execute(self.container.name, argv)

    def place(self, file: Path, root: Path) -> Path:
        """The process sees only the environment's root of this machine."""
        there = root / "config" / file.name
        shutil.copyfile(file, there)
        there.chmod(0o644)
        return there

    def missing(self) -> tuple[Attachment, ...]:
        """As the engine has it; an ended container is connected to all of them when it starts."""
        if not self.running:
            return ()
        here = engine.attached(self.container.name)
        return tuple(each for each in self.attachments if each.network not in here)

    def connect(self, attachment: Attachment) -> None:
        """Under the same address as before."""
        engine.connect(self.container.name, attachment)

    def disconnect(self, network: str) -> None:
        """Like a cable that is pulled out."""
        engine.disconnect(self.container.name, network)

    def allowance(self) -> Allowance:
        """Read back from the engine."""
        return allowance(self.container.name)

    def limit_cpu(self, share: float | None) -> None:
        """By the kernel's quota."""
        engine.limit_cpu(self.container.name, share)

    def limit_memory(self, bytes_max: int | None) -> None:
        """Without swap."""
        engine.limit_memory(self.container.name, bytes_max)

    def declared_memory_bytes_max(self) -> int | None:
        """By the environment's file."""
        return self.container.memory_bytes_max

    def killed_for_memory(self) -> bool:
        """As the kernel reported it to the engine."""
        return engine.oom_killed(self.container.name)
