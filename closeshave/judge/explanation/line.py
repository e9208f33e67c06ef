"""One line of an explanation: an event with its place in the history."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One event. ``at_ns`` is monotonic; ``None`` for the final state."""

    at_ns: int | None
    kind: str
    """``sent``, ``answered``, ``fault``, ``signal`` or ``end``."""
    who: str
    what: str
    source: str
    """The place in the history: a file and its row, or the operation's ID."""
    accused: bool = False
    """Whether the verdict names this operation as a witness."""
