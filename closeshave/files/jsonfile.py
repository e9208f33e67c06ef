"""JSON files that the harness itself wrote, read as what they should hold: a value, or an error that names the file and the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
SHOWN = 3
"""So many errors of a file are reported; the others mostly follow from them."""


class Damaged(ValueError):
    """A file that the harness wrote does not hold what was written into it; no user's input is wrong. Names the file, never its content, which may
    be a password."""


def read(path: Path, codec: TypeAdapter[T]) -> T:
    """The value in ``path``. Raises :class:`Damaged` for a file that holds none, :class:`FileNotFoundError` and other :class:`OSError`."""
    try:
        return codec.validate_json(path.read_bytes())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[:SHOWN]
        wrong = "; ".join(": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in found)
        raise Damaged(f"{path} is damaged: {wrong}") from None
