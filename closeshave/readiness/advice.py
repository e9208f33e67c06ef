"""What would make a row better: which plan tests the promise, or what is missing for one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from closeshave.plan import Waiver
from closeshave.readiness.values import PromiseOutcome
from closeshave.target import Claim

PLANS_NAMED_MOST = 2
NEEDS: Mapping[str, str] = {
    "probe": "it needs a probe, and names none (claims: probes)",
    "capacity": "it needs a capacity search: 'closeshave capacity', with the environment file of the platform",
    "drill": "it needs a plan with a drill that names it (drills: claims)",
    "load": "it needs an objective that names it (objectives: claims), and a plan that tests it",
    "fault": "it needs an objective that names it (objectives: claims), and a plan with such a fault",
}
"""By the way that is missing."""


@dataclass(frozen=True, slots=True)
class TestingPlan:
    """A plan at hand, and the promises that it tests."""

    __test__ = False  # its name begins as pytest's own do

    command: str
    """What carries it out: ``closeshave run nightly``."""
    claims: frozenset[str]


def better(
    claim: Claim, outcome: PromiseOutcome, plans: Sequence[TestingPlan], missing: Sequence[str], until: str | None, waiver: Waiver | None
) -> str:
    """One sentence, never empty. ``missing`` are ways that no evidence covers; ``until`` is the last day of what is kept."""
    runs = [f"'{one.command}'" for one in plans if claim.id in one.claims][:PLANS_NAMED_MOST]
    test = " or ".join(runs)
    again = test or "the same plan"
    if waiver is not None:
        return f"Correct it: on the day after {waiver.until.isoformat()} it counts as refuted."
    settled = {
        PromiseOutcome.VERIFIED: f"Nothing; the evidence is good until {until}.",
        PromiseOutcome.MEASURED: f"A run on the platform itself, with its environment file: {again}.",
        PromiseOutcome.REHEARSED: f"A run on your own application, or on the platform itself: {again}, with the environment file of that.",
        PromiseOutcome.ATTESTED: "Nothing that a harness can measure.",
        PromiseOutcome.REFUTED: f"Correct it, then run {again} again.",
    }
    if outcome in settled:
        return settled[outcome]
    if set(claim.how) <= {"attest"}:
        return "Name in the target who attests to it (owner)."
    return " ".join(_tests(test, missing, claim))


def _tests(test: str, missing: Sequence[str], claim: Claim) -> Iterator[str]:
    tested = {"load", "fault", "drill"} if test else set()
    tested |= {"probe"} if claim.probes else set()
    needs = [NEEDS[way] for way in missing if way in NEEDS and way not in tested]
    if test:
        yield f"Run {test}, which {'tests' if ' or ' not in test else 'test'} it."
    elif not needs:
        needs = [NEEDS[way] for way in claim.how if way in NEEDS]
    if needs:
        told = "; ".join(needs)
        yield f"{'No plan at hand tests it: ' if not test else 'Beyond that '}{told}."
