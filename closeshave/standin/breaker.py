"""A circuit breaker: after a few failures in a row no request waits for a dead dependency."""

from __future__ import annotations

FAILURES = 3
"""In a row. One alone may be a hiccup of a live server, and opening for it would turn away requests that could be served."""


class Breaker:
    """Closed while all is well. Opens after :data:`FAILURES` in a row; any success closes it.

    There is no half-open state: while it is open, a probe of its owner is the only thing that still goes through, so no customer's request
    is spent on finding out.
    """

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures = 0

    @property
    def open(self) -> bool:
        """Whether to turn requests away at once."""
        return self._failures >= FAILURES

    def succeeded(self) -> None:
        """The dependency answered, with whatever answer."""
        self._failures = 0

    def failed(self) -> None:
        """The dependency did not answer, or said that it cannot serve."""
        self._failures += 1
