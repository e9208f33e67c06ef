"""A circuit breaker: after a few failures in a row no request waits for a failed dependency."""

from __future__ import annotations

FAILURES = 3
"""Failures in a row that open it. A single failure may come from a healthy server, whose other requests could still be served."""


class Breaker:
    """Closed in normal operation. Opens after :data:`FAILURES` in a row; any success closes it.

    There is no half-open state: while it is open, only its owner's probes go through, so that no customer's request is used as a test.
    """

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures = 0

    @property
    def open(self) -> bool:
        """Whether to refuse requests at once."""
        return self._failures >= FAILURES

    def succeeded(self) -> None:
        """Note that the dependency answered, with any answer."""
        self._failures = 0

    def failed(self) -> None:
        """Note that the dependency did not answer, or said that it cannot serve."""
        self._failures += 1
