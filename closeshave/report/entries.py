"""Verdicts and faults with their places on the page: what links to what. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from closeshave.judge.verdict import FaultFigures, Verdict
from closeshave.report import promised, ranking, recovery, words
from closeshave.report.anchors import anchors
from closeshave.report.axis import Axis
from closeshave.report.breakdown import BreakdownWindow
from closeshave.report.findings import Findings
from closeshave.report.headline import MARKS
from closeshave.report.moments import Moment, instant, moment
from closeshave.report.views import FaultView, VerdictView, fault_view, row_view, verdict_view
from closeshave.report.witness import Testimony
from closeshave.target import Measure, Objective, Target


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A witness and when it happened."""

    testimony: Testimony
    at: Moment | None


@dataclass(frozen=True, slots=True)
class VerdictEntry:
    """A verdict on the page."""

    view: VerdictView
    anchor: str
    which: str
    """What tells its objective from others on the same measure: ID, operations, window."""
    given: str
    """For a recovery, how long the platform was left alone with the fault."""
    at: Moment | None
    """Where the timeline shows it."""
    fault: str
    """The anchor of the fault that it judges; empty for other verdicts."""
    witnesses: tuple[Witnessed, ...]


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """A fault on the page."""

    view: FaultView
    anchor: str
    at: Moment | None
    verdicts: tuple[tuple[str, str, str], ...]
    """Those on it: anchor, title, and mark of the status."""
    requests: str
    """How many requests were due while it was in effect, and how many of them were not good; empty where none was."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Everything on the page that has a place."""

    first: tuple[VerdictEntry, ...]
    """The rows of the first screen, worst first."""
    verdicts: tuple[VerdictEntry, ...]
    """All of them, worst first."""
    faults: tuple[FaultEntry, ...]
    fault_anchors: Mapping[str, str]


def entries(findings: Findings, axis: Axis, windows: tuple[BreakdownWindow, ...]) -> Entries:
    """Every verdict and fault of a judged run, with its links."""
    assessment = findings.assessment
    places = anchors("verdict", (one.id for one in assessment.verdicts))
    of_faults = anchors("fault", (one.id for one in assessment.faults))
    by_id = {one.id: one for one in assessment.faults}

    def entry(verdict: Verdict, view: VerdictView) -> VerdictEntry:
        fault = verdict.scope.removeprefix("fault:") if verdict.scope.startswith("fault:") else ""
        witnesses = zip(view.testimonies, verdict.witnesses, strict=True)
        return VerdictEntry(
            view=view,
            anchor=places[verdict.id],
            which=words.clean(which(verdict, words.objective_of(verdict, findings.target), view.alike)),
            given=recovery.given(by_id[fault]) if verdict.measure == Measure.RECOVERY and fault in by_id else "",
            at=moment(verdict, findings.target, axis),
            fault=of_faults.get(fault, ""),
            witnesses=tuple(Witnessed(told, instant(witness, axis)) for told, witness in witnesses),
        )

    limit_s, zero_ns = findings.plan.canaries.latency, axis.zero_ns
    return Entries(
        first=tuple(entry(row.verdict, row_view(row, findings.target, zero_ns)) for row in ranking.rows(assessment.verdicts)),
        verdicts=tuple(
            entry(one, verdict_view(one, findings.target, zero_ns, limit_s)) for one in ranking.worst_first(assessment.verdicts)
        ),
        faults=tuple(_fault(one, findings, axis, windows, of_faults[one.id], places) for one in assessment.faults),
        fault_anchors=of_faults,
    )


def which(verdict: Verdict, objective: Objective | None, alike: int) -> str:
    """Its ID, and for an objective on requests the operations that count and when; of a verdict that stands for others what is common to them."""
    name = verdict.id if alike == 1 else objective.id if objective is not None and objective.measure is not Measure.INTEGRITY else ""
    return " · ".join(filter(None, (name, promised.where(objective) if objective is not None else "")))


def _fault(
    fault: FaultFigures, findings: Findings, axis: Axis, windows: tuple[BreakdownWindow, ...], anchor: str, places: Mapping[str, str]
) -> FaultEntry:
    band = next((one for one in axis.bands if one.fault == fault.id), None)
    end_s = max(band.end_s, band.recovered_s or 0.0, band.verified_s or 0.0) if band is not None else 0.0
    mine = ranking.worst_first(one for one in findings.assessment.verdicts if one.scope == f"fault:{fault.id}")
    return FaultEntry(
        view=fault_view(fault, findings.history.faults, axis.zero_ns),
        anchor=anchor,
        at=Moment(band.start_s, end_s) if band is not None else None,
        verdicts=tuple((places[one.id], _named(one, mine, findings.target), MARKS[one.status]) for one in mine),
        requests=_requests(next((one for one in windows if one.fault == fault.id), None)),
    )


def _named(verdict: Verdict, others: Sequence[Verdict], target: Target) -> str:
    """The title of a verdict, and its objective where another one among them has the same title."""
    title = words.title(verdict, target)
    alone = sum(words.title(one, target) == title for one in others) == 1
    return title if alone else f"{title} ({words.clean(verdict.id.partition('/')[0])})"


def _requests(window: BreakdownWindow | None) -> str:
    whole = next((row for row in window.rows if (row.operation, row.region, row.shard) == (None, None, None)), None) if window else None
    return f"{words.count(whole.count)} requests, {words.count(whole.not_good)} of them not good" if whole else ""
