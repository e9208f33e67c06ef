"""How far a rebuilding has come: a file in the environment's root, from before anything is lost until everything serves again.

Who finds it comes after a rebuilding that was not finished, and can resume it. Without the file the platform is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically

FILE = "rebuilding.json"


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """A rebuilding that is not finished."""

    lost: bool = False
    """Whether everything is lost: until then it may be half lost, and what is left is of no use."""
    lost_wall_s: float = 0.0
    """When it was lost, in seconds since the epoch."""
    restored: Mapping[int, str] = field(default_factory=dict)
    """Shard → the base backup from which it is restored, ready to be copied to its members."""
    aside: bool = False
    """Whether the backups from before are set aside, so that new ones can be made. Nothing is restored from them any more."""

    def told(self) -> str:
        """For a person."""
        done = ", ".join(f"shard {shard}" for shard in self.restored)
        return f"a rebuilding was not finished: everything is {'lost' if self.lost else 'being lost'}; restored: {done or 'nothing yet'}"


_CODEC = TypeAdapter(Rebuilding)


def read(root: Path) -> Rebuilding | None:
    """The rebuilding that is not finished; ``None`` without one. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        return jsonfile.read(root / FILE, _CODEC)
    except FileNotFoundError:
        return None


def write(root: Path, rebuilding: Rebuilding) -> None:
    """Write it so that it survives a crash. Raises :class:`OSError`."""
    write_atomically(root / FILE, _CODEC.dump_json(rebuilding, indent=1))


def remove(root: Path) -> None:
    """The platform is whole again."""
    (root / FILE).unlink(missing_ok=True)
