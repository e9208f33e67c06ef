"""Run all judges over one run. A judge that raises becomes an inconclusive verdict that names it; the others still give theirs."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from closeshave.extensions import CHECKS
from closeshave.history import History
from closeshave.judge import asked, waivers
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.drills import DrillLife, drill_lives
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.integrity import verdicts as integrity
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.integrity.registry import BREACHES, INVARIANTS, UNKNOWN
from closeshave.judge.measures import alerting, load
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import (
    NO_RESILIENCE,
    AlertFigures,
    Assessment,
    DrillFigures,
    FaultFigures,
    LoadFigures,
    NotRun,
    Status,
    Verdict,
    worst,
)
from closeshave.judge.verdicts import (
    alerts,
    clocks,
    containment,
    drills,
    faults,
    loss,
    objectives,
    people,
    preconditions,
    reconciliation,
    recovery,
    resilience,
)
from closeshave.plan import Plan
from closeshave.target import OF_PEOPLE, STEADY, Target

T = TypeVar("T")

UNKNOWN_LOAD = LoadFigures(0, 0, 0, None, None, None, dict.fromkeys(load.PERCENTILES), 0, None)

REHEARSAL = "rehearsal"
"""The measure of the verdict that says so."""
PROMISES = "promises"
"""The measure of the verdict that none was tested."""
NO_LIVES: tuple[Life, ...] = ()
NO_VERDICTS: tuple[Verdict, ...] = ()
NOTHING: tuple[NotRun, ...] = ()
NO_FIGURES: tuple[FaultFigures, ...] = ()
NO_DRILLS: tuple[DrillLife, ...] = ()
NO_DRILL_FIGURES: tuple[DrillFigures, ...] = ()
NO_ALERTS: tuple[AlertFigures, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """The judges that failed: one inconclusive verdict for each, and its traceback."""

    verdicts: list[Verdict] = field(default_factory=list)
    tracebacks: dict[str, str] = field(default_factory=dict)
    """By the name of the judge."""


def assess(history: History, plan: Plan, target: Target, also: Sequence[Verdict] = ()) -> Assessment:
    """Judge a run from its evidence alone. Never raises because of the evidence: a judge that fails becomes an inconclusive verdict.

    ``also`` are verdicts that others made of what the run recorded: they count like the judges' own.
    """
    with blocks.kept_in(history.room):
        return _assessed(history, plan, target, also)


def _assessed(history: History, plan: Plan, target: Target, also: Sequence[Verdict]) -> Assessment:
    known = history.manifest.kinds
    tested = asked.asked(plan, target, known)
    evidence = Evidence(history, plan, replace(target, objectives=tested.objectives), target)
    analysis = Analysis(evidence)
    broken = Broken([*_absent(history)])
    lives = _guarded("faults", lambda: analysis.lives, NO_LIVES, broken)
    drilled = _guarded("drills", lambda: drill_lives(evidence), NO_DRILLS, broken)
    verdicts = [verdict for name, judge in _judges(analysis, lives, drilled) for verdict in _guarded(name, judge, NO_VERDICTS, broken)]
    findings = _findings(analysis, broken)
    verdicts += _guarded("integrity", partial(integrity.judge, analysis, findings), NO_VERDICTS, broken)
    not_asked = _guarded("what is asked", partial(integrity.not_asked, analysis, findings), NOTHING, broken)
    # Without canaries nobody asked whether a fault was survived.
    survived = lives if plan.probed else NO_LIVES
    beside = resilience.possible(history.manifest)
    score = _guarded("resilience", lambda: resilience.figures(survived, verdicts, BREACHES, known, beside), NO_RESILIENCE, broken)
    verdicts += resilience.judge(analysis, score, lives, verdicts)
    fault_figures = [_guarded(f"figures of {life.fault.id}", partial(_told, analysis, life), NO_FIGURES, broken) for life in lives]
    drill_figures = [_guarded(f"figures of {one.drill.id}", partial(_drilled, analysis, one), NO_DRILL_FIGURES, broken) for one in drilled]
    alert_figures = _guarded("figures of alerts", partial(alerting.figures, evidence, lives), NO_ALERTS, broken)
    load_figures = _guarded("load", partial(load.figures, evidence), UNKNOWN_LOAD, broken)
    integrity_figures = _guarded("figures of integrity", partial(integrity.figures, analysis, findings), UNKNOWN, broken)
    verdicts += asked.without_verdict(plan, target, tested.objectives, verdicts, known)
    verdicts += [*broken.verdicts, *also]
    waived = (*plan.waive, *target.waive)
    verdicts = waivers.applied(verdicts, waived, history.manifest.started_at)
    if waivers.nothing_counts(verdicts):
        verdicts.append(_unjudged("waivers", "every promise that was tested is waived, so nothing is left that could count"))
    elif not waivers.any_promise(verdicts):
        verdicts.append(_untested(target, tested))
    if history.manifest.game_day == "rehearsed":
        verdicts = [_not_evidence(verdict) for verdict in verdicts]
    gating = [verdict for verdict in verdicts if verdict.gates]
    return Assessment(
        status=worst(verdict.status for verdict in gating),
        reasons=_reasons(gating),
        load=load_figures,
        verdicts=tuple(verdicts),
        faults=tuple(figures for told in fault_figures for figures in told),
        drills=tuple(figures for told in drill_figures for figures in told),
        alerts=alert_figures,
        integrity=integrity_figures,
        resilience=score,
        not_run=tested.not_run,
        not_asked=(*not_asked, *tested.in_part, *asked.unsaid(plan), *waivers.idle(verdicts, waived)),
        tracebacks=broken.tracebacks,
    )


def _judges(
    analysis: Analysis, lives: tuple[Life, ...], drilled: tuple[DrillLife, ...]
) -> Iterator[tuple[str, Callable[[], tuple[Verdict, ...]]]]:
    """Every judge by name. Objectives and faults are guarded one by one, so that evidence which only one of them needs cannot stop the others."""
    # First: if too little of the plan was loaded, no other verdict says why.
    yield "rate", partial(preconditions.rate, analysis.evidence)
    for objective in analysis.evidence.target.objectives:
        if objective.measure in STEADY:
            yield objective.id, partial(objectives.judge, analysis, objective)
    for life in lives:
        yield f"recovery from {life.fault.id}", partial(recovery.judge, analysis, life)
        yield f"loss by {life.fault.id}", partial(loss.judge, analysis, life)
        yield f"containment of {life.fault.id}", partial(containment.judge, analysis, life)
        yield life.fault.id, partial(faults.judge, analysis, life)
    for one in drilled:
        yield one.drill.id, partial(drills.judge, analysis, one)
    yield "people", partial(_people, analysis, lives)
    yield "alerts", partial(alerts.judge, analysis, lives)
    yield "unplanned faults", partial(faults.unplanned, analysis)
    yield "clocks", lambda: (clocks.judge(analysis),)
    yield "preconditions", partial(preconditions.judge, analysis.evidence)
    yield "reconciliation", partial(reconciliation.judge, analysis.evidence)


def _not_evidence(verdict: Verdict) -> Verdict:
    """Nothing of a rehearsal counts, for or against the platform, but that it was one."""
    if verdict.measure == REHEARSAL:
        return verdict
    return replace(verdict, gates=False, status=Status.INCONCLUSIVE, reason="; ".join(filter(None, ("a dress rehearsal", verdict.reason))))


def _people(analysis: Analysis, lives: tuple[Life, ...]) -> tuple[Verdict, ...]:
    objectives = [each for each in analysis.evidence.target.objectives if each.measure in OF_PEOPLE]
    if not objectives:
        return ()
    nobody = "" if analysis.evidence.history.manifest.game_day else "nobody held the clock of this run, so nobody could mark anything"
    uninjected = sum(life.injected_ns is None for life in lives)
    return tuple(people.verdicts(objectives, analysis.incidents, uninjected, nobody))


def _findings(analysis: Analysis, broken: Broken) -> dict[str, Finding]:
    """Every search for breaches. Without a final state most of them cannot start: each reports that, and it does not count as a failed judge."""
    if analysis.evidence.history.bookings is None:
        return {name: unknown(name, "the final state of bookings is missing") for name in INVARIANTS}
    # The API does not state the shard of a row, so it must not be concluded that the row is on the right one.
    unseen = analysis.evidence.missing.get("placement", "")
    return {
        name: unknown(name, unseen)
        if unseen and each.placement
        else _guarded(name, partial(each.search, analysis), unknown(name, "its judge failed"), broken)
        for name, each in INVARIANTS.items()
    }


def _absent(history: History) -> Iterator[Verdict]:
    """A check that was there when the run was made must not vanish from its verdicts because it is judged elsewhere."""
    for each in history.manifest.added:
        if each.group == CHECKS and each.name not in INVARIANTS:
            whose = f"the package {each.package} {each.version}"
            yield _unjudged(each.name, f"the run was made with the check {each.name} of {whose}, which is not installed here")


def _told(analysis: Analysis, life: Life) -> tuple[FaultFigures, ...]:
    return (faults.figures(analysis, life),)


def _drilled(analysis: Analysis, life: DrillLife) -> tuple[DrillFigures, ...]:
    return (drills.figures(analysis, life),)


def _guarded(name: str, judge: Callable[[], T], otherwise: T, broken: Broken) -> T:
    try:
        return judge()
    except Exception as error:  # noqa: BLE001 - whatever it is, this judge failed, and the run must say so
        broken.tracebacks[name] = "".join(traceback.format_exception(error))
        broken.verdicts.append(_unjudged(name, f"the judge of {name} failed: {type(error).__name__}: {error}"))
        return otherwise


def _unjudged(name: str, reason: str) -> Verdict:
    return Verdict(
        id=f"judge/{name}",
        claims=(),
        status=Status.INCONCLUSIVE,
        measure="judge",
        scope="all",
        measured=None,
        bound=None,
        unit="count",
        reason=reason,
    )


def _untested(target: Target, tested: asked.PlanCoverage) -> Verdict:
    """A run that tested no promise is no success, however well it went."""
    first = next((f": {one.id}: {one.why}" for one in tested.not_run), "")
    return Verdict(
        id=f"{PROMISES}/{asked.NO_VERDICT}",
        claims=(),
        status=Status.INCONCLUSIVE,
        measure=PROMISES,
        scope="all",
        measured=None,
        bound=None,
        unit="count",
        reason=f"no promise of {target.name} was tested{first}",
    )


def _reasons(verdicts: list[Verdict]) -> tuple[str, ...]:
    wrong = [verdict for verdict in verdicts if verdict.status is not Status.PASS]
    ordered = sorted(wrong, key=lambda verdict: -verdict.status.severity)
    reasons = tuple(f"{verdict.id}: {verdict.reason}" for verdict in ordered)
    return reasons if reasons or verdicts else ("nothing was judged",)
