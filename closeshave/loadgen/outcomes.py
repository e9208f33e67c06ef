"""The only table of what an answer, or no answer, means: the outcome (as in Jepsen), and whether it is the promised answer. Pure.

Booking journeys and the plain client both use it; only the journeys know conflicts, and refusals that a stated limit explains.

| what came | a read | a write |
|---|---|---|
| 2xx, the body is what was asked for | ok, good | ok, good |
| 2xx, the body is something else | fail | info: something happened, it is unknown what |
| 3xx that says *ask again there* (307, 308) or *you have it* (304) | fail | fail |
| any other 3xx that nobody follows | fail | info: a form that was taken is often answered so |
| 429 | fail, rate limited | fail, rate limited |
| any other 4xx | fail | fail |
| 5xx | fail | info |
| nothing, and nothing can have arrived | fail | fail |
| nothing, and the request may have arrived | fail | info |
"""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.history import RATE_LIMITED, Outcome

WRONG_BODY = "wrong_body"

_NOT_DONE = frozenset({304, 307, 308})
"""Redirects that certainly did nothing (RFC 9110, section 15.4)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the history records of an answer; ``error`` is ``None`` exactly when it is good."""

    outcome: Outcome
    good: bool
    error: str | None = None


GOOD = Meaning(Outcome.OK, good=True)


def of_answer(status: int, *, writes: bool, right_body: bool) -> Meaning:
    """The meaning of an answer with this status; ``right_body`` matters only for a success."""
    if 200 <= status < 300 and right_body:
        return GOOD
    error = WRONG_BODY if 200 <= status < 300 else RATE_LIMITED if status == 429 else f"status_{status}"
    certain = not writes or 400 <= status < 500 or status in _NOT_DONE
    return Meaning(Outcome.FAIL if certain else Outcome.INFO, good=False, error=error)


def of_failure(error: str, *, writes: bool, may_have_arrived: bool) -> Meaning:
    """The meaning of no answer, for this reason."""
    return Meaning(Outcome.INFO if writes and may_have_arrived else Outcome.FAIL, good=False, error=error)
