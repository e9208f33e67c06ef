"""What a verdict is about: a promise, an invariant, or whether the other verdicts can be trusted. Pure."""

from __future__ import annotations

from enum import Enum

from closeshave.judge.integrity.registry import TITLES
from closeshave.judge.verdict import Verdict


class VerdictKind(Enum):
    """The kinds, in the order in which a reader should see failures."""

    INTEGRITY = "integrity"
    PRECONDITION = "precondition"
    OBJECTIVE = "objective"


PRECONDITIONS = {
    "rate": "Machine sustains enough load",
    "observed": "Fault observed in effect",
    "healed": "Heal proven",
    "completeness": "Run complete",
    "rehearsal": "Not a dress rehearsal",
    "evidence": "Evidence readable",
    "generator_health": "Generator on schedule",
    "load_machines": "Load machines reconciled",
    "reconciliation": "Counts agree",
    "judge": "Judged without error",
    "in_flight": "Writes in flight at the fault",
    "clock": "Clocks accurate enough",
    "clock_offset": "Senders' clocks agree",
    "host": "Machine not disturbed by other programs",
    "shortage": "Load machine had enough resources",
    "proxy": "Proxy forwarded all requests",
    "rate_limits": "No unexpected rate limits",
    "fault": "Only planned faults",
    "recorder": "Recorded by the load engine",
}
"""Measures that say whether the other verdicts can be trusted, and their titles."""

DRILLS = {
    "drill": "Drill",
    "drill_rows": "Restored rows",
    "drill_duration": "Duration of the drill",
    "drill_failed_requests": "Requests not good during the drill",
    "drill_loss": "Data loss window of the drill",
    "drill_refusal": "Longest refusal of writes by the drill",
    "drill_lost_sessions": "Customers logged out by the drill",
}
"""Measures of drills, and their titles: bounds are the plan's."""


ALERTS = {"alert": "Alert raised", "alert_silence": "Silence after the heal"}
"""Measures of alerts besides those of targets, and their titles: bounds are the plan's."""


_CAUSES = (
    "rehearsal",
    "completeness",
    "rate",
    "evidence",
    "judge",
    "reconciliation",
    "generator_health",
    "load_machines",
    "shortage",
    "proxy",
    "rate_limits",
    "clock_offset",
    "clock",
    "host",
    "recorder",
    "fault",
    "observed",
    "healed",
    "in_flight",
)
"""Preconditions, the one first that explains the most of what else is wrong: after an early end no fault was observed and no count agrees."""


def cause_rank(verdict: Verdict) -> int:
    """The place of an inconclusive verdict among causes and effects: a smaller one explains a larger one."""
    if verdict.measure in _CAUSES:
        return _CAUSES.index(verdict.measure)
    return len(_CAUSES) + (kind_of(verdict) is not VerdictKind.INTEGRITY)


def kind_of(verdict: Verdict) -> VerdictKind:
    """The sort of this verdict; a measure that is not known is taken for an objective."""
    if verdict.measure in TITLES:
        return VerdictKind.INTEGRITY
    return VerdictKind.PRECONDITION if verdict.measure in PRECONDITIONS else VerdictKind.OBJECTIVE
