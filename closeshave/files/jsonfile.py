"""Reads JSON files that the harness itself wrote: as the expected value, or as an error that names the file and the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
SHOWN = 3
"""At most so many errors of a file are reported; further ones are mostly caused by these."""


class Damaged(ValueError):
    """A file that the harness wrote is damaged; no user's input is wrong.

    The message names the file, never its content, which may be a password.
    """


def read(path: Path, codec: TypeAdapter[T]) -> T:
    """The value in ``path``. Raises :class:`Damaged` for a file without a valid value, :class:`FileNotFoundError` and other :class:`OSError`."""
    try:
        return codec.validate_json(path.read_bytes())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[:SHOWN]
        wrong = "; ".join(": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in found)
        raise Damaged(f"{path} is damaged: {wrong}") from None
