"""Platforms that show less than the stand-in: what they cannot show is reported, and neither passes nor fails."""

from dataclasses import replace

import pytest

from closeshave.history import History, Mark
from closeshave.judge.assess import assess
from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import Plan
from closeshave.target import Measure, Objective, Target
from tests.judge.clean import clean
from tests.judge.histories import EIGHT, INTEGRITY, Run

WHY = "the platform does not do this"


def judged(run: Run, *missing: str, edge_counters: bool = True, captures: bool = True) -> dict[str, Verdict]:
    """The verdicts on a run at a platform that cannot do all of this."""
    history: History = run.history
    history = replace(
        history,
        manifest=replace(history.manifest, edge_counters=edge_counters),
        edges=history.edges if edge_counters else None,
        marks=(*history.marks, *(Mark(0, "part-missing", f"{what}: {WHY}") for what in missing)),
        captures=history.captures if captures else None,
    )
    plan: Plan = run.plan
    target: Target = run.target
    return {verdict.id: verdict for verdict in assess(history, plan, target).verdicts}


@pytest.mark.parametrize("counted", [True, False])
def test_edges_without_counters_are_not_compared(counted: bool) -> None:
    """No verdict, instead of one that makes every run inconclusive."""
    found = judged(clean(), edge_counters=counted)
    assert ("reconciled/edges" in found) is counted
    assert found["reconciled"].status is Status.PASS


def test_bookings_without_a_time_of_creation_are_no_evidence_about_clocks() -> None:
    """Some platforms do not state when a booking was stored: then nothing can be compared, and the clocks are not reported."""
    run = clean()
    for number in range(20, 45):
        run.book(20 + number, number, session=f"s{number}")
        run.book(20 + number, number + 100, session=f"c{number}", source="canary")
    history = run.history
    assert history.bookings is not None
    untold = replace(history, bookings=history.bookings.assign(created_at=float("nan")))
    clocks = next(verdict for verdict in assess(untold, run.plan, run.target).verdicts if verdict.id == "clocks")
    assert (clocks.status, clocks.gates) == (Status.INCONCLUSIVE, False)


@pytest.mark.parametrize(
    ("objective", "missing"),
    [
        (Objective("hits", (), Measure.CACHE_HIT_RATIO, at_least=0.9), "franchises"),
        (Objective("db", (), Measure.DATABASE_TIME, at_most=0.01, percentile=0.95), "franchises"),
        (Objective("shards", (), Measure.AVAILABILITY, at_least=0.9, per="shard"), "franchises"),
        (Objective("deciles", (), Measure.AVAILABILITY, at_least=0.9, per="franchise_decile"), "franchises"),
        (Objective("paying", (), Measure.AVAILABILITY, at_least=0.9, operations=("pay_confirm",)), "pay_confirm"),
    ],
)
def test_an_objective_that_the_platform_cannot_show_is_inconclusive_for_that_reason(objective: Objective, missing: str) -> None:
    """Once, with the reason that its operator was shown."""
    run = clean()
    run.objectives = (objective,)
    found = [verdict for verdict in judged(run, missing).values() if verdict.id.startswith(objective.id)]
    assert [(verdict.status, WHY in verdict.reason) for verdict in found] == [(Status.INCONCLUSIVE, True)]


def test_payments_that_are_never_made_are_not_judged() -> None:
    """With pay steps off and no ledger there is nothing to charge twice."""
    found = judged(clean(), "pay_intent", "pay_confirm", captures=False)
    assert not any("payments" in name for name in found)


def test_payments_without_a_ledger_are_inconclusive() -> None:
    """They were made, and the provider's records are unknown."""
    found = judged(clean(), captures=False)
    assert found["integrity/duplicate_payments"].status is Status.INCONCLUSIVE
    assert "ledger is missing" in found["integrity/duplicate_payments"].reason


def test_the_shard_of_a_row_is_not_concluded_from_who_answered() -> None:
    """In a final state that was read through the API, misplaced rows would seem to be on the right shard."""
    assert "integrity/misplaced" not in judged(clean(), "placement")
    assert "integrity/misplaced" not in judged(clean(), "franchises")
    demanding = clean()
    demanding.objectives = (replace(INTEGRITY, invariants=("misplaced",)),)
    found = judged(demanding, "placement")
    assert (found["integrity/misplaced"].status, found["integrity/misplaced"].reason) == (Status.INCONCLUSIVE, WHY)


def test_a_create_without_an_answer_is_known_by_its_slot_where_the_platform_states_no_keys() -> None:
    """It may have been carried out: a final state without keys must not make it a phantom."""
    run = Run((INTEGRITY,))
    for number in range(1, 4):
        run.book(20 + number, number, session=f"s{number}")
    doubtful = {"outcome": "info", "good": False, "status": 0, "error": "timeout"}
    run.book(40, None, final=False, starts_at=EIGHT + 4 * 3600, session="s4", **doubtful)
    run.row(4)
    history = run.history
    assert history.bookings is not None
    blind = replace(history, bookings=history.bookings.assign(key=None))
    found = {verdict.id: verdict for verdict in assess(blind, run.plan, run.target).verdicts}
    assert found["integrity/phantom"].status is Status.PASS
