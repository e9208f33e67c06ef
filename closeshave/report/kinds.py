"""What a verdict is about: a promise, an invariant, or whether the other verdicts can be trusted. Pure."""

from __future__ import annotations

from enum import Enum

from closeshave.judge.verdict import Verdict


class Kind(Enum):
    """The kinds, in the order in which a reader should see failures."""

    INTEGRITY = "integrity"
    PRECONDITION = "precondition"
    OBJECTIVE = "objective"


INVARIANTS = {
    "lost": "Lost bookings",
    "phantom": "Phantom bookings",
    "double_booked": "Double bookings",
    "refused_though_free": "Free slots refused as taken",
    "idempotency": "Idempotency keys booked twice",
    "misplaced": "Misplaced bookings",
    "duplicate_payments": "Duplicate payments",
    "missing_payments": "Missing payments",
    "orphan_payments": "Orphan payments",
    "stale_sessions": "Stale sessions",
    "stale_offers": "Booked times shown as free",
    "stale_pages": "Stale pages",
    "stale_cache": "Stale cache entries",
    "leaked": "Bookings shown to other customers",
    "lost_sessions": "Lost sessions",
    "residency_breaches": "Residency breaches",
    "unresolved": "Unknown outcomes",
    "split_brain": "Split-brain writes",
}
"""Measures that count breaches, and their titles."""

PRECONDITIONS = {
    "rate": "Machine sustains enough load",
    "observed": "Fault observed in effect",
    "healed": "Heal proven",
    "completeness": "Run complete",
    "evidence": "Evidence readable",
    "generator_health": "Generator on schedule",
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
}
"""Measures that say whether the other verdicts can be trusted, and their titles."""


def kind(verdict: Verdict) -> Kind:
    """The sort of this verdict; a measure that is not known is taken for an objective."""
    if verdict.measure in INVARIANTS:
        return Kind.INTEGRITY
    return Kind.PRECONDITION if verdict.measure in PRECONDITIONS else Kind.OBJECTIVE
