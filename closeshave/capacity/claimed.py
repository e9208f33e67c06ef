"""Promised rates against the measured capacity. Pure.

Two sorts of promise name a rate. An *objective* on throughput binds the environment that is measured, at any size: a capacity that is proven to be lower
refutes it. The *figures of a claim* (``says: [{requests_per_s: …}]``) are about the platform itself, whose size nobody reproduces on one machine: a
capacity that reaches them there is more than enough, and one that does not refutes nothing, because the platform is larger. Then the claim is *not
supported*, unless the platform itself was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from closeshave.capacity.search import CapacityFound, SearchEnd
from closeshave.target import Measure, Target
from closeshave.vocabulary import EvidenceGrade

PROVEN_ENDS = frozenset({SearchEnd.FOUND, SearchEnd.BELOW})
"""Ends after which a rate above the capacity is proven to be too high."""


class ClaimSupport(StrEnum):
    """What a capacity says of a promised rate."""

    MET = "met"
    """So much was sustained here."""
    REFUTED = "refuted"
    """Less is proven to be too much, on what the promise is about."""
    NOT_SUPPORTED = "not supported"
    """Neither: what was measured does not reach so far."""


@dataclass(frozen=True, slots=True)
class ClaimedRate:
    """A promised rate."""

    claim: str
    """The ID of the claim, or of the objective where it has none."""
    per_s: float
    """Requests per second."""
    binding: bool
    """Whether it binds the environment that was measured, whatever its size."""


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """A promised rate and what the capacity says of it."""

    claim: str
    """The ID of the claim, or of the objective where it has none."""
    per_s: float
    """Requests per second that are promised."""
    support: ClaimSupport
    """What the capacity says of it."""
    sentence: str
    """The same in words."""


def rates(target: Target) -> tuple[ClaimedRate, ...]:
    """The promised rates of a target: those of its objectives on throughput, and of its claims."""
    return tuple(_rates(target))


def _rates(target: Target) -> Iterator[ClaimedRate]:
    for one in target.objectives:
        if one.measure is Measure.THROUGHPUT and one.at_least is not None and one.per == "all" and not one.operations:
            for name in one.claims or (one.id,):
                yield ClaimedRate(name, one.at_least, True)
    for claim in target.claims:
        for says in claim.says:
            if says.requests_per_s is not None and not says.of:
                yield ClaimedRate(claim.id, says.requests_per_s, False)


def answered(
    claimed: ClaimedRate, found: CapacityFound, capacity_per_s: float | None, too_high_per_s: float | None, grade: str
) -> ClaimAnswer:
    """``capacity_per_s`` and ``too_high_per_s`` are in requests per second: what was confirmed, and the lowest rate that is proven to break."""
    said = f"{claimed.claim} promises {claimed.per_s:,.0f} requests/s"

    def answer(support: ClaimSupport, why: str) -> ClaimAnswer:
        return ClaimAnswer(claimed.claim, claimed.per_s, support, f"{said}: {support.value}, {why}")

    if capacity_per_s is not None and capacity_per_s >= claimed.per_s:
        return answer(ClaimSupport.MET, f"{capacity_per_s:,.0f} were sustained here")
    itself = claimed.binding or grade == EvidenceGrade.VERIFIED
    if itself and found.end in PROVEN_ENDS and too_high_per_s is not None and too_high_per_s <= claimed.per_s:
        return answer(ClaimSupport.REFUTED, f"{too_high_per_s:,.0f} are too many here")
    measured = f"{capacity_per_s:,.0f} were measured here" if capacity_per_s is not None else "no capacity was measured"
    why = (
        measured
        if itself
        else f"{measured}, on an environment that is not the platform itself; nothing is claimed beyond what was measured"
    )
    return answer(ClaimSupport.NOT_SUPPORTED, why)
