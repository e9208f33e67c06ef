"""Double bookings: acknowledged bookings of one barber that overlap, in the final state or for a while."""

from typing import Any

import pytest

from closeshave.judge.verdict import Status
from tests.judge.clean import Plant, clean, not_passing, verdict
from tests.judge.histories import EIGHT, Run


def double_in_the_end(run: Run) -> None:
    """A 45-minute service overlaps a 20-minute one that starts half an hour later."""
    run.book(30, 50, starts_at=EIGHT, minutes=45)
    run.book(31, 51, starts_at=EIGHT + 1800, minutes=20)


def double_for_a_while(run: Run) -> None:
    """Both were acknowledged; one was cancelled later, and the final state is correct."""
    run.book(30, 50, starts_at=EIGHT)
    run.book(31, 51, starts_at=EIGHT, final=False)
    run.act("cancel", 40, booking=51)
    run.row(51, starts_at=EIGHT, status="cancelled")


def double_by_moving(run: Run) -> None:
    """Moved twice, the second time to a slot that another booking holds; moved away again later."""
    run.book(30, 50, starts_at=EIGHT)
    run.book(31, 51, starts_at=EIGHT - 7200, final=False)
    run.act("reschedule", 32, booking=51, barber=1, starts_at=EIGHT - 14400, minutes=30, version=2)
    run.act("reschedule", 33, booking=51, barber=1, starts_at=EIGHT + 600, minutes=30, version=3)
    run.act("reschedule", 40, booking=51, barber=1, starts_at=EIGHT - 7200, minutes=30, version=4)
    run.row(51, starts_at=EIGHT - 7200, version=4)


BREACHES: dict[Plant, set[str]] = {
    double_in_the_end: {"double_booked"},
    double_for_a_while: {"double_booked"},
    double_by_moving: {"double_booked"},
}
"""Each defect and the only verdicts that it fails."""


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_each_breach_fails_its_own_verdict(plant: Plant) -> None:
    """And no other: a clean history with one defect."""
    assert not_passing(plant) == BREACHES[plant]


def neighbours(run: Run) -> None:
    """One ends when the next begins."""
    run.book(30, 50, starts_at=EIGHT, minutes=30)
    run.book(31, 51, starts_at=EIGHT + 1800, minutes=30)


def other_barber(run: Run) -> None:
    """The same slot of another barber, and of a barber with the same number elsewhere."""
    run.book(30, 50, starts_at=EIGHT)
    run.book(31, 51, starts_at=EIGHT, barber=2)
    run.book(32, 52, starts_at=EIGHT, franchise=150, shard=2)


def given_on(run: Run) -> None:
    """Cancelled, and booked by the next one while the cancel was still in flight."""
    run.book(30, 50, starts_at=EIGHT, final=False)
    run.act("cancel", 40, booking=50, took=1.0)
    run.row(50, starts_at=EIGHT, status="cancelled", version=2)
    run.book(40.5, 51, starts_at=EIGHT)


def moved_away(run: Run) -> None:
    """Moved, and its old slot booked by the next one."""
    run.book(30, 50, starts_at=EIGHT, final=False)
    run.act("reschedule", 40, booking=50, barber=1, starts_at=EIGHT - 7200, minutes=30, version=2)
    run.row(50, starts_at=EIGHT - 7200, version=2)
    run.book(41, 51, starts_at=EIGHT)


INNOCENT = (neighbours, other_barber, given_on, moved_away)


@pytest.mark.parametrize("plant", INNOCENT, ids=lambda plant: plant.__name__)
def test_what_only_looks_like_a_breach_passes(plant: Plant) -> None:
    """Every one of these is right behaviour."""
    assert not_passing(plant) == set()


def test_a_double_booking_names_the_slot_and_both_bookings() -> None:
    """The witness states the barber, the time, the overlap and the other booking."""
    run = clean()
    double_in_the_end(run)
    (witness,) = verdict(run, "double_booked").witnesses
    assert (witness.facts()["booking"], witness.facts()["other"]["booking"], witness.facts()["barber"]) == (51, 50, 1)
    assert witness.facts()["slot"] == "2030-03-17T18:30:00+00:00"
    assert witness.facts()["overlap_minutes"] == 15


def test_three_at_once_are_counted_in_pairs() -> None:
    """Three bookings of one slot are three pairs."""
    run = clean()
    for number in (50, 51, 52):
        run.book(30 + number / 100, number, starts_at=EIGHT)
    assert verdict(run, "double_booked").measured == 3


@pytest.mark.parametrize("unknown", ["barber", "minutes"])
def test_bookings_that_do_not_say_whose_slot_they_take_are_unknown(unknown: str) -> None:
    """A platform whose lists name no barber: two customers at eight o'clock are no double booking, and no proof that there was none."""
    run = clean()
    for number in (990, 991):
        lacking: dict[str, Any] = {"starts_at": EIGHT + 900_000, unknown: None}
        run.row(number, **lacking)
    verdict = run.verdict("integrity/double_booked")
    assert verdict.status is Status.INCONCLUSIVE
    assert (
        verdict.reason == "2 bookings read back do not say their barber, time or length, so it is unknown whether they overlap another one"
    )
    for number in (992, 993):
        run.row(number, starts_at=EIGHT + 990_000)
    assert run.verdict("integrity/double_booked").status is Status.FAIL
