"""Integrity as a whole: a clean history, one without evidence, and every kind of breach in any order of rows."""

import pytest

from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.judge.verdict import Status
from tests.judge import test_bookings, test_double, test_payments, test_sessions
from tests.judge.clean import Plant, clean, statuses
from tests.judge.histories import INTEGRITY, Run

PASS, INCONCLUSIVE = Status.PASS, Status.INCONCLUSIVE

NAMES = ("lost", "phantom", "double_booked", "refused_though_free", "idempotency", "misplaced", "duplicate_payments", "missing_payments",
         "orphan_payments", "stale_sessions", "stale_cache", "leaked", "lost_sessions", "unresolved")  # fmt: skip
CORE = ("lost", "phantom", "double_booked", "refused_though_free", "idempotency", "misplaced")
"""What every run that promises integrity tests."""
IDLE = {"residency_breaches", "stale_offers", "stale_pages", "jobs_lost", "jobs_twice", "jobs_late", "updates_missed"}
"""What the clean history cannot show, or nobody in it does."""

BREACHES: dict[Plant, set[str]] = test_bookings.BREACHES | test_double.BREACHES | test_payments.BREACHES | test_sessions.BREACHES
"""Every defect that the tests of a topic plant, and the only verdicts that it fails."""


def test_a_clean_history_passes_every_judge() -> None:
    """Nothing lost, doubled, misplaced or charged twice."""
    assert statuses(clean()) == dict.fromkeys(NAMES, PASS)
    assert {each.id for each in clean().assess().not_asked} == IDLE
    figures = clean().assess().integrity
    assert (figures.acknowledged, figures.breaches["lost"], figures.breaches["double_booked"], figures.breaches["residency_breaches"]) == (
        10,
        0,
        0,
        None,
    )


def test_an_empty_history_proves_nothing() -> None:
    """Where nothing happened, nothing is proven; only unresolved operations are certainly none. What no customer did is listed, each with the reason."""
    found, asked = Run((INTEGRITY,)).assess(), statuses(Run((INTEGRITY,)))
    assert asked == {**dict.fromkeys(CORE, INCONCLUSIVE), "unresolved": PASS}
    assert {each.id for each in found.not_asked} == set(INVARIANTS) - {*CORE, "unresolved"}
    assert all(each.why for each in found.not_asked)


def test_without_a_final_state_nothing_is_known() -> None:
    """Missing evidence is never an empty table."""
    run = clean()
    run.bookings = None
    assert statuses(run) == dict.fromkeys([*NAMES, "stale_offers"], INCONCLUSIVE)
    assert run.assess().integrity.breaches["lost"] is None


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_the_order_of_rows_does_not_matter(plant: Plant) -> None:
    """Verdicts and witnesses are the same for every order of rows in the files."""
    run = clean()
    plant(run)
    assert run.shuffled(5).assess() == run.assess()
