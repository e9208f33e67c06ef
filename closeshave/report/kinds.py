"""What sort of question a verdict answers: a promise, an invariant, or whether the run can be believed at all. Pure."""

from __future__ import annotations

from enum import Enum

from closeshave.judge.integrity.registry import TITLES
from closeshave.judge.verdict import Verdict


class Kind(Enum):
    """The sorts, in the order in which a reader should hear of trouble."""

    INTEGRITY = "integrity"
    PRECONDITION = "precondition"
    OBJECTIVE = "objective"


PRECONDITIONS = {
    "rate": "Machine sustains enough of the plan",
    "observed": "Fault seen to bite",
    "healed": "Heal proven",
    "completeness": "Run complete",
    "evidence": "Evidence readable",
    "generator_health": "Generator on schedule",
    "reconciliation": "Counts agree",
    "judge": "Judged without error",
    "in_flight": "Writes under way at the fault",
    "clock": "Clocks certain enough",
    "clock_offset": "Senders' clocks agree",
    "host": "Machine not disturbed by others",
    "shortage": "Load machine short of nothing",
    "proxy": "Proxy passed everything on",
    "rate_limits": "Rate limits not in the way",
    "fault": "Only planned faults",
}
"""Measures that say whether the others mean anything, and their titles."""


def kind(verdict: Verdict) -> Kind:
    """The sort of this verdict; a measure that is not known is taken for an objective."""
    if verdict.measure in TITLES:
        return Kind.INTEGRITY
    return Kind.PRECONDITION if verdict.measure in PRECONDITIONS else Kind.OBJECTIVE
