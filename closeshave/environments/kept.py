"""The definition of a running environment, in its root: what reading back needs, and no other package reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from closeshave.environments.stack import Containers, Embedded, Stack
from closeshave.files import jsonfile, write_atomically

FILE = "definition.json"
_CODEC: TypeAdapter[Embedded | Containers] = TypeAdapter(Embedded | Containers)


def save(root: Path, definition: Stack) -> None:
    """Write it into the root. Raises :class:`OSError`."""
    assert isinstance(definition, Embedded | Containers)
    write_atomically(root / FILE, _CODEC.dump_json(definition))


def load(root: Path) -> Stack:
    """Read it. Raises :class:`FileNotFoundError` for an environment of an older version, and :class:`closeshave.files.jsonfile.Damaged`."""
    return jsonfile.read(root / FILE, _CODEC)
