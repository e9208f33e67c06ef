"""Which release each instance has while a rollout is going on: a file in the environment's root, written before each change.

Who finds it, and nobody holding its lock, comes after a harness that was killed: the environment is between two releases. Without the file all
instances have the release of the deployment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically

FILE, LOCK = "rollout.json", "rollout.lock"


class RolloutBusy(RuntimeError):
    """Another process is rolling out a release in this environment."""


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """A rollout that is not finished."""

    before: str
    """The release to which it goes back."""
    after: str
    instances: Mapping[str, str]
    """Instance or worker → the release that it has, or is just getting. Those that are not named have the one from before."""
    version: str = ""
    """What the instances answered before; empty for an application that does not say."""

    def told(self) -> str:
        """For a person."""
        if not self.instances:
            return f"a rollout of {self.after} was not finished: all instances have {self.before}"
        return f"a rollout of {self.after} was not finished: {', '.join(self.instances)} may have it, all others have {self.before}"


_CODEC = TypeAdapter(RolloutRecord)


def unfinished(root: Path) -> RolloutRecord | None:
    """The rollout that was begun and not finished; ``None`` without one. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(root / FILE, _CODEC)
    except FileNotFoundError:
        return None


def write(root: Path, record: RolloutRecord) -> None:
    """Write it so that it survives a crash. Raises :class:`OSError`."""
    write_atomically(root / FILE, _CODEC.dump_json(record, indent=1))


def remove(root: Path) -> None:
    """All instances have one release again."""
    (root / FILE).unlink(missing_ok=True)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the environment's lock on rollouts; the kernel releases it when its holder dies. Raises :class:`RolloutBusy`."""
    descriptor = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RolloutBusy(f"another process is rolling out a release in the environment at {root}") from None
        yield
    finally:
        os.close(descriptor)
