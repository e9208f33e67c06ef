"""Hostile input, kept as data: each case is a text, and what shows that it was carried out. No case does harm where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from closeshave.files.yamlfile import STRICT, InvalidFile, Problem, read, stated

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class HostileCase:
    """One text."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=r"^[a-z]+-\d{3}$")]
    """Unique in all files; a number is never used again for another text."""
    text: str
    """What is sent."""
    shows: str = ""
    """What an answer holds only if the text was carried out; it is no part of the text."""
    sleeps: Annotated[int, Field(ge=0, le=10)] = 0
    """How many seconds longer an answer takes if the text was carried out."""
    repeat: Annotated[int, Field(ge=1, le=10_000)] = 1
    """How often the text stands in a row."""

    @property
    def whole(self) -> str:
        """The text as it is sent."""
        return self.text * self.repeat


@dataclass(frozen=True, slots=True)
class HostileCases:
    """A file of them."""

    __pydantic_config__ = STRICT

    cases: tuple[HostileCase, ...]


@cache
def cases() -> tuple[HostileCase, ...]:
    """Every case of every file, by ID. Raises :class:`InvalidFile`."""
    found: dict[str, HostileCase] = {}
    for path in sorted(HERE.glob("*.yaml")):
        for one in read(path, HostileCases).cases:
            if one.id in found:
                raise InvalidFile(Problem(str(path), 0, "cases", f"{one.id} is the ID of another case too"))
            found[one.id] = one
    return tuple(found[name] for name in sorted(found))
