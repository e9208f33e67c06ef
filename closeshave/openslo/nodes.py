"""A part of an OpenSLO document: values of the expected form with file, line and key, and the keys that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem, line_of

Key = str | int


@dataclass(slots=True)
class Node:
    """A mapping inside a document. It notes which of its keys were asked for, so that the others can be named."""

    file: Path
    document: Any
    location: tuple[Key, ...] = ()
    asked: set[str] = field(default_factory=set)

    @property
    def raw(self) -> Mapping[str, Any]:
        """The mapping itself."""
        held = self.document
        for part in self.location:
            held = held[part]
        return held  # type: ignore[no-any-return]  # whoever makes a node has seen that it is one

    def where(self, *more: Key) -> str:
        """File and line of a key."""
        return f"{self.file}:{line_of(self.document, (*self.location, *more))}"

    def key(self, *more: Key) -> str:
        """The path of a key."""
        return ".".join(map(str, (*self.location, *more)))

    def wrong(self, key: str, message: str) -> NoReturn:
        """Raise :class:`InvalidFile` about a key."""
        raise InvalidFile(self.problem(key, message))

    def problem(self, key: str, message: str) -> Problem:
        """What is wrong with a key, for several problems at once."""
        location = (*self.location, *((key,) if key else ()))
        return Problem(str(self.file), line_of(self.document, location), ".".join(map(str, location)), message)

    def has(self, key: str) -> bool:
        """Whether the key is there with a value."""
        return self.raw.get(key) is not None

    def get(self, key: str) -> Any:
        """The value of a key, whatever it is; ``None`` without one."""
        self.asked.add(key)
        return self.raw.get(key)

    def text(self, key: str, *, needed: bool = False) -> str:
        """A text; empty without one. Raises :class:`InvalidFile`."""
        value = self.get(key)
        if value is None:
            if needed:
                self.wrong(key, "is missing")
            return ""
        if not isinstance(value, str):
            self.wrong(key, f"{_short(value)} is not text")
        return str(value)

    def word(self, key: str, words: tuple[str, ...], *, needed: bool = True) -> str:
        """One of these words; empty without one. Raises :class:`InvalidFile`."""
        value = self.text(key, needed=needed)
        if value and value not in words:
            self.wrong(key, f"{_short(value)} is unknown here{meant(value, words)}; available: {', '.join(words)}")
        return value

    def number(self, key: str) -> float | None:
        """A finite number; ``None`` without one. Raises :class:`InvalidFile`."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            self.wrong(key, f"{_short(value)} is not a finite number")
        return float(value)

    def inner(self, key: str) -> Node | None:
        """A mapping; ``None`` without one. Raises :class:`InvalidFile`."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(key, f"{_short(value)} is not a mapping of keys to values")
        return Node(self.file, self.document, (*self.location, key))

    def needed(self, key: str) -> Node:
        """A mapping that must be there. Raises :class:`InvalidFile`."""
        inner = self.inner(key)
        if inner is None:
            self.wrong(key, "is missing")
        return inner

    def several(self, key: str) -> tuple[Node, ...]:
        """A list of mappings; empty without one. Raises :class:`InvalidFile`."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.wrong(key, f"{_short(value)} is not a list of mappings")
        return tuple(Node(self.file, self.document, (*self.location, key, number)) for number in range(len(value)))

    def unasked(self) -> Iterator[str]:
        """Keys that nobody asked for."""
        yield from (str(key) for key in self.raw if str(key) not in self.asked)


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:40]}… ({len(said)} characters)"
