"""Stretches of a run in which figures are doubtful, and why: what the timeline hatches. No verdict is made here; it shows what the judges saw. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from closeshave.history import History
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import blindness, origin_ns
from closeshave.plan import Plan
from closeshave.report import words
from closeshave.target import Target


class DoubtKind(StrEnum):
    """Why figures are doubtful."""

    OTHERS = "others"
    """Other programs took the machine."""
    LATE = "late"
    """The load generator could not keep its schedule."""
    BLIND = "blind"
    """A worker of the load generator was killed, with what it had recorded."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """One stretch, in seconds after the run's first phase began."""

    kind: DoubtKind
    start_s: float
    end_s: float
    cause: str


def doubts(history: History, plan: Plan, target: Target, zero_ns: int, span_s: float) -> tuple[Doubtful, ...]:
    """Every doubtful stretch within ``span_s`` seconds after ``zero_ns``, in time order; none where the evidence of it cannot be read."""
    try:
        found = list(_found(Evidence(history, plan, target), zero_ns))
    except Exception:  # noqa: BLE001 - whatever it is, a judge met it too and says so in its verdict; the page must not be lost to it
        return ()
    inside = (one for one in found if one.start_s < span_s and one.end_s > 0)
    clipped = (Doubtful(one.kind, max(0.0, one.start_s), min(span_s, one.end_s), one.cause) for one in inside)
    return tuple(sorted(clipped, key=lambda one: (one.start_s, one.end_s, one.kind)))


def _found(evidence: Evidence, zero_ns: int) -> Iterator[Doubtful]:
    def stretch(kind: DoubtKind, from_ns: int, to_ns: int, cause: str) -> Doubtful:
        return Doubtful(kind, (from_ns - zero_ns) / 1e9, (to_ns - zero_ns) / 1e9, words.clean(cause))

    for doubt in evidence.doubtful:
        yield stretch(DoubtKind.OTHERS, doubt.started_ns, doubt.ended_ns, doubt.cause)
    for window in evidence.late:
        told = f"the load generator was late: p99 send lateness {words.seconds(window.lateness_ns_p99 / 1e9)}"
        yield stretch(DoubtKind.LATE, window.span.started_ns, window.span.ended_ns, told)
    for blind in evidence.history.blind:
        yield stretch(DoubtKind.BLIND, blind.from_ns, blind.to_ns, blindness(blind, origin_ns(evidence.history.manifest)))
