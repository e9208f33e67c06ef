"""All judges over one run. Each runs guarded: one that raises becomes an inconclusive verdict that names it, and the others still speak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from closeshave.history import History
from closeshave.judge import load, objectives, preconditions, reconcile
from closeshave.judge.case import Case
from closeshave.judge.verdict import Assessment, IntegrityFigures, LoadFigures, Status, Verdict, worst
from closeshave.plan import Plan, Target

T = TypeVar("T")

UNKNOWN_INTEGRITY = IntegrityFigures(None, None, None, None, None, None, None, None, None, None)
UNKNOWN_LOAD = LoadFigures(0, 0, 0, None, None, None, dict.fromkeys(load.PERCENTILES), 0, None)


def assess(history: History, plan: Plan, target: Target) -> Assessment:
    """Judge a run from its evidence alone. Never raises for what the evidence holds: a judge that fails is an inconclusive verdict."""
    case = Case(history, plan, target)
    broken: list[Verdict] = []
    verdicts: list[Verdict] = []
    for name, judge in _judges(case):
        verdicts += _guarded(name, judge, (), broken)
    load_figures = _guarded("load", partial(load.figures, case), UNKNOWN_LOAD, broken)
    verdicts += broken
    gating = [verdict for verdict in verdicts if verdict.gates]
    return Assessment(
        status=worst(verdict.status for verdict in gating),
        reasons=_reasons(gating),
        load=load_figures,
        verdicts=tuple(verdicts),
        faults=(),
        integrity=UNKNOWN_INTEGRITY,
    )


def _judges(case: Case) -> Iterator[tuple[str, Callable[[], tuple[Verdict, ...]]]]:
    """Every judge by name. Objectives are guarded one by one: a column that only one of them needs must not silence the rest."""
    for objective in case.target.objectives:
        if objective.measure in objectives.STEADY:
            yield objective.id, partial(objectives.judge, case, objective)
    yield "preconditions", partial(preconditions.judge, case)
    yield "reconciliation", partial(reconcile.judge, case)


def _guarded(name: str, judge: Callable[[], T], otherwise: T, broken: list[Verdict]) -> T:
    try:
        return judge()
    except Exception as error:  # noqa: BLE001 - whatever it is, this judge could not judge, and that is what the run must say
        broken.append(
            Verdict(
                id=f"judge/{name}",
                claims=(),
                status=Status.INCONCLUSIVE,
                measure="judge",
                scope="all",
                measured=None,
                bound=None,
                unit="count",
                reason=f"the judge of {name} could not judge: {type(error).__name__}: {error}",
            )
        )
        return otherwise


def _reasons(verdicts: list[Verdict]) -> tuple[str, ...]:
    wrong = [verdict for verdict in verdicts if verdict.status is not Status.PASS]
    ordered = sorted(wrong, key=lambda verdict: -verdict.status.severity)
    reasons = tuple(f"{verdict.id}: {verdict.reason}" for verdict in ordered)
    return reasons if reasons or verdicts else ("nothing was judged",)
