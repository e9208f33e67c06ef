"""What the runs that count say of one promise at an instant, waivers applied; and why the others do not count. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.waivers import in_force
from closeshave.plan import Waiver
from closeshave.readiness.evidence import PartVerdicts, RunEvidence, text_of
from closeshave.readiness.standing import RunStanding, RunWorth
from closeshave.report import ranking
from closeshave.target import Claim, Target

OTHER_TEXT = "it tested this promise when it had another text, other ways or other objectives"
Standings = Sequence[tuple[RunEvidence, RunStanding]]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What one run says of one part of a promise."""

    run: RunEvidence
    part: str
    verdicts: tuple[Verdict, ...]
    """Worst first."""
    status: Status
    """The worst of them."""
    waiver: Waiver | None = None
    """If the status is fail and every fail is waived: the waiver that ends first."""
    ways: frozenset[str] = frozenset()
    """In which ways the part was tried, if not in all of the run's."""
    failing: tuple[Verdict, ...] = ()
    """The fails that nobody accepts; if every one is waived, all of them."""

    @property
    def refutes(self) -> bool:
        """Whether it shows that the promise is not kept, and nobody accepts that."""
        return self.status is Status.FAIL and self.waiver is None


@dataclass(frozen=True, slots=True)
class PromiseEvidence:
    """All that is known of one promise."""

    results: tuple[PartResult, ...] = ()
    """Of runs that count."""
    stale: tuple[str, ...] = ()
    """Why evidence has expired, a clause for each run."""
    worthless: tuple[str, ...] = ()
    """Why runs that tested it count for nothing, a clause for each."""


def found(target: Target, claim: Claim, runs: Standings, on: date) -> PromiseEvidence:
    """What the runs say of a promise of the target. Waivers are those of the target and of each run's plan that still hold on the day."""
    text = text_of(target, claim.id)
    results: list[PartResult] = []
    stale: list[str] = []
    worthless: list[str] = []
    for run, how in runs:
        if claim.id not in run.asked and all(one.claim != claim.id for one in run.parts):
            continue
        if how.standing is RunWorth.NOTHING:
            worthless.append(f"{run.id or run.path}: {how.why}")
        elif how.standing is RunWorth.STALE:
            stale.append(f"{run.id}: {how.why}")
        elif run.texts.get(claim.id) != text:
            stale.append(f"{run.id}: {OTHER_TEXT}")
        else:
            mine = [_result(run, one, (*run.waive, *target.waive), on) for one in run.parts if one.claim == claim.id]
            results += [one for one in mine if how.standing is RunWorth.COUNTS or one.refutes]
    return PromiseEvidence(tuple(results), tuple(stale), tuple(worthless))


def _result(run: RunEvidence, said: PartVerdicts, waivers: Sequence[Waiver], on: date) -> PartResult:
    ordered = tuple(ranking.worst_first(said.verdicts))
    status = max((one.status for one in ordered), key=lambda one: one.severity)
    fails = tuple(one for one in ordered if one.status is Status.FAIL)
    open_ = tuple(one for one in fails if in_force(one.id, waivers, on) is None)
    accepted = [found for one in fails if (found := in_force(one.id, waivers, on)) is not None]
    waiver = min(accepted, key=lambda one: one.until) if accepted and not open_ else None
    return PartResult(run, said.part, ordered, status, waiver, said.ways, open_ or fails)
