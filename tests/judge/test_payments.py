"""Payments against the provider's own ledger: one acknowledged is one charge, one in doubt is at most one, one refused is none."""

import pytest

from closeshave.judge.verdict import Status
from tests.judge.clean import REFUSED, UNANSWERED, Plant, clean, not_passing, statuses
from tests.judge.histories import Run


def charged_twice(run: Run) -> None:
    """A second charge, under another key."""
    run.capture(1, at=70, key="again")


def charged_though_refused(run: Run) -> None:
    """The only payment was refused."""
    run.book(30, 50)
    run.act("capture", 31, booking=50, **REFUSED)
    run.capture(50, at=31)


def charged_unasked(run: Run) -> None:
    """A charge without a payment for this booking."""
    run.book(30, 50)
    run.capture(50, at=31)


def charge_that_never_was(run: Run) -> None:
    """Acknowledged to the customer, unknown to the provider."""
    run.book(30, 50)
    run.act("capture", 31, booking=50)


def charge_without_a_booking(run: Run) -> None:
    """Paid for something that is not there."""
    run.act("capture", 31, booking=50)
    run.capture(50, at=31)


BREACHES: dict[Plant, set[str]] = {
    charged_twice: {"duplicate_payments"},
    charged_though_refused: {"duplicate_payments"},
    charged_unasked: {"duplicate_payments"},
    charge_that_never_was: {"missing_payments"},
    charge_without_a_booking: {"orphan_payments"},
}
"""Each defect and the only verdicts that it fails."""


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_each_breach_fails_its_own_verdict(plant: Plant) -> None:
    """And no other: a clean history with one defect."""
    assert not_passing(plant) == BREACHES[plant]


def older_charge(run: Run) -> None:
    """Charged before the run, for a booking of that time."""
    run.capture(50, at=-5000)


def doubtful_charge(run: Run) -> None:
    """The payment was not answered: one charge is right, and so is none."""
    for number in (50, 51):
        run.book(30, number)
        run.act("capture", 31, booking=number, **UNANSWERED)
    run.capture(50, at=31)


def paid_and_cancelled(run: Run) -> None:
    """A charge for a booking that was cancelled and whose row is gone is a refund's matter."""
    run.book(30, 50, final=False)
    run.act("capture", 31, booking=50)
    run.capture(50, at=31)
    run.act("cancel", 32, booking=50)


def paid_twice_by_one_charge(run: Run) -> None:
    """Two acknowledged payments of one booking and one charge: the second was recognised."""
    run.act("capture", 70, booking=1, key="pay-1", attempt=2)


INNOCENT = (older_charge, doubtful_charge, paid_and_cancelled, paid_twice_by_one_charge)


@pytest.mark.parametrize("plant", INNOCENT, ids=lambda plant: plant.__name__)
def test_what_only_looks_like_a_breach_passes(plant: Plant) -> None:
    """Every one of these is right behaviour."""
    assert not_passing(plant) == set()


def test_a_charge_for_a_booking_that_this_run_does_not_know_may_be_of_an_earlier_one() -> None:
    """A request of the run before may have been answered late: this is no breach of this run, and no pass."""
    run = clean()
    run.capture(50, at=31)
    found = statuses(run)
    assert {found["duplicate_payments"], found["orphan_payments"]} == {Status.INCONCLUSIVE}
    assert "earlier run" in run.verdict("integrity/orphan_payments").reason


def test_a_charge_of_an_earlier_run_hides_no_breach_of_this_one() -> None:
    """One charge is known to this run and has no booking: a breach, whatever the other is."""
    run = clean()
    run.capture(50, at=31)
    run.act("capture", 31, booking=51)
    run.capture(51, at=31)
    assert statuses(run)["orphan_payments"] is Status.FAIL


def test_without_a_ledger_payments_are_unknown() -> None:
    """The bookings are judged in any case."""
    run = clean()
    run.captures = None
    assert {name for name, status in statuses(run).items() if status is Status.INCONCLUSIVE} == {
        "duplicate_payments",
        "missing_payments",
        "orphan_payments",
    }
