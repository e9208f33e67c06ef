"""One line of a story: an event with its place in the history."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One event. ``at_ns`` is monotonic; ``None`` for what was true in the end."""

    at_ns: int | None
    kind: str
    """``sent``, ``answered``, ``fault``, ``signal`` or ``end``."""
    who: str
    what: str
    source: str
    """The line of history: a file and the row in it, or the operation's ID."""
    accused: bool = False
    """Whether it is of an operation that the verdict names as its witness."""
