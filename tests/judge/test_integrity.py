"""Integrity on histories of a handful of bookings; a clean one first, then each breach by itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from closeshave.judge.verdict import Status, Verdict
from tests.judge.histories import EIGHT, INTEGRITY, Run

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE

UNANSWERED: dict[str, Any] = {"outcome": "info", "good": False, "status": 0, "error": "timeout"}
REFUSED: dict[str, Any] = {"outcome": "fail", "good": True, "status": 409}


def clean() -> Run:
    """Ten bookings of one barber, an hour apart, each paid and read back once."""
    run = Run((INTEGRITY,))
    for number in range(1, 11):
        run.book(20 + number, number, session=f"s{number}")
        run.act("capture", 40 + number, booking=number, key=f"pay-{number}")
        run.capture(number, at=40 + number)
        run.act("read", 60 + number, booking=number, session=f"s{number}", read_values='{"version": 1}')
    run.entry(1)
    return run


def verdicts(run: Run) -> dict[str, Verdict]:
    """The verdict on each kind of breach; one that fails says why, and shows a witness."""
    found = {each.id.removeprefix("integrity/"): each for each in run.assess().verdicts if each.id.startswith("integrity/")}
    for each in found.values():
        if each.status is FAIL:
            assert each.reason
            assert each.witnesses
            json.dumps(each.witnesses, allow_nan=False)
            assert all(witness["why"] for witness in each.witnesses)
    return found


def verdict(run: Run, name: str) -> Verdict:
    """The verdict on one kind of breach."""
    return verdicts(run)[name]


def statuses(run: Run) -> dict[str, Status]:
    """The status of each kind of breach."""
    return {name: each.status for name, each in verdicts(run).items()}


NAMES = ("lost", "phantom", "double_booked", "idempotency", "misplaced", "duplicate_payments", "missing_payments", "orphan_payments",
         "stale_sessions", "stale_cache", "unresolved")  # fmt: skip


def test_a_clean_history_passes_every_judge() -> None:
    """Nothing lost, doubled, misplaced or charged twice."""
    assert statuses(clean()) == {**dict.fromkeys(NAMES, PASS), "leaked": PASS, "lost_sessions": PASS}
    figures = clean().assess().integrity
    assert (figures.acknowledged, figures.lost, figures.double_booked, figures.residency_breaches) == (10, 0, 0, None)


def test_an_empty_history_proves_nothing() -> None:
    """Where nothing happened, nothing is proven; only of doubts there are certainly none."""
    assert statuses(Run((INTEGRITY,))) == {**dict.fromkeys(NAMES, INCONCLUSIVE), "unresolved": PASS}


def test_without_a_final_state_nobody_knows() -> None:
    """Missing evidence is never an empty table."""
    run = clean()
    run.bookings = None
    assert statuses(run) == dict.fromkeys(NAMES, INCONCLUSIVE)
    assert run.assess().integrity.lost is None


def test_without_a_ledger_nobody_knows_of_payments() -> None:
    """The bookings are judged all the same."""
    run = clean()
    run.captures = None
    assert {name for name, status in statuses(run).items() if status is INCONCLUSIVE} == {
        "duplicate_payments",
        "missing_payments",
        "orphan_payments",
    }


# -- each breach, and what looks like it and is none -------------------------------------------------------------------------------------------


def lost(run: Run) -> None:
    """Acknowledged and not there."""
    run.book(30, 50, final=False)


def lost_cancel(run: Run) -> None:
    """Cancelled, acknowledged, and still standing."""
    run.act("cancel", 30, booking=1)


def lost_move(run: Run) -> None:
    """Moved to another slot, version 2; the final state has version 1."""
    run.act("reschedule", 30, booking=1, barber=1, starts_at=EIGHT, minutes=30, version=2)


def lost_move_without_versions(run: Run) -> None:
    """Moved once, and still at its old slot."""
    run.book(30, 50, version=None)
    run.act("reschedule", 31, booking=50, barber=1, starts_at=EIGHT, minutes=30)
    assert run.bookings is not None
    run.bookings[-1] = run.bookings[-1].__class__(**{**_fields(run.bookings[-1]), "version": None})


def reused_id(run: Run) -> None:
    """A row of the same ID, but of another key: a booking that was lost, whose number was given to the next one."""
    run.book(30, 50, final=False)
    run.row(50, key="somebody-else")


def phantom(run: Run) -> None:
    """Nobody asked for it."""
    run.row(50)


def refused_phantom(run: Run) -> None:
    """Asked for, refused, and there."""
    run.book(30, None, final=False, key="refused", **REFUSED)
    run.row(50, key="refused")


def double_in_the_end(run: Run) -> None:
    """A 45-minute service overlaps a 20-minute one that starts half an hour later."""
    run.book(30, 50, starts_at=EIGHT, minutes=45)
    run.book(31, 51, starts_at=EIGHT + 1800, minutes=20)


def double_for_a_while(run: Run) -> None:
    """Both were acknowledged; one was cancelled later, and the final state looks innocent."""
    run.book(30, 50, starts_at=EIGHT)
    run.book(31, 51, starts_at=EIGHT, final=False)
    run.act("cancel", 40, booking=51)
    run.row(51, starts_at=EIGHT, status="cancelled")


def double_by_moving(run: Run) -> None:
    """Moved twice, the second time onto a slot that somebody else holds; moved away again later."""
    run.book(30, 50, starts_at=EIGHT)
    run.book(31, 51, starts_at=EIGHT - 7200, final=False)
    run.act("reschedule", 32, booking=51, barber=1, starts_at=EIGHT - 14400, minutes=30, version=2)
    run.act("reschedule", 33, booking=51, barber=1, starts_at=EIGHT + 600, minutes=30, version=3)
    run.act("reschedule", 40, booking=51, barber=1, starts_at=EIGHT - 7200, minutes=30, version=4)
    run.row(51, starts_at=EIGHT - 7200, version=4)


def key_of_two(run: Run) -> None:
    """One key was answered with two bookings."""
    run.book(30, 50, key="same")
    run.book(31, 51, key="same")


def wrong_shard(run: Run) -> None:
    """Franchise 1 belongs to shard 1."""
    run.book(30, 50, final=False)
    run.row(50, found_on=2)


def charged_twice(run: Run) -> None:
    """A second charge, under another key."""
    run.capture(1, at=70, key="again")


def charged_though_refused(run: Run) -> None:
    """The only payment was refused."""
    run.book(30, 50)
    run.act("capture", 31, booking=50, **REFUSED)
    run.capture(50, at=31)


def charged_unasked(run: Run) -> None:
    """Nobody paid for this booking."""
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


def read_back_in_time(run: Run) -> None:
    """Version 2 was read, then version 1."""
    run.act("read", 80, booking=1, session="s1", read_values='{"version": 2}')
    run.act("read", 81, booking=1, session="s1", read_values='{"version": 1}')


def own_write_not_read(run: Run) -> None:
    """Moved to version 2, then read as version 1."""
    run.book(30, 50, final=False, session="s50")
    run.act("reschedule", 31, booking=50, barber=1, starts_at=EIGHT, minutes=30, version=2, session="s50")
    run.row(50, starts_at=EIGHT, version=2)
    run.act("read", 32, booking=50, session="s50", version=1)


def own_booking_not_found(run: Run) -> None:
    """Booked, acknowledged, and then there is no such booking."""
    run.act("read", 80, booking=1, session="s1", version=1)
    run.act("read", 81, booking=1, session="s1", outcome="fail", status=404)


BREACHES: dict[Callable[[Run], None], set[str]] = {
    lost: {"lost"},
    lost_cancel: {"lost"},
    lost_move: {"lost"},
    lost_move_without_versions: {"lost"},
    reused_id: {"lost", "phantom"},
    phantom: {"phantom"},
    refused_phantom: {"phantom"},
    double_in_the_end: {"double_booked"},
    double_for_a_while: {"double_booked"},
    double_by_moving: {"double_booked"},
    key_of_two: {"idempotency"},
    wrong_shard: {"misplaced"},
    charged_twice: {"duplicate_payments"},
    charged_though_refused: {"duplicate_payments"},
    charged_unasked: {"duplicate_payments"},
    charge_that_never_was: {"missing_payments"},
    charge_without_a_booking: {"orphan_payments"},
    read_back_in_time: {"stale_sessions"},
    own_write_not_read: {"stale_sessions"},
    own_booking_not_found: {"stale_sessions"},
}
"""Each defect and the only verdicts that it fails."""


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_each_breach_fails_its_own_verdict(plant: Callable[[Run], None]) -> None:
    """And no other: a clean history with one defect."""
    run = clean()
    plant(run)
    assert {name for name, status in statuses(run).items() if status is not PASS} == BREACHES[plant]


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_the_order_of_rows_does_not_matter(plant: Callable[[Run], None]) -> None:
    """Verdicts and witnesses are the same whatever order files hold their rows in."""
    run = clean()
    plant(run)
    assert run.shuffled(5).assess() == run.assess()


def cancelled(run: Run) -> None:
    """Cancelled, and the row is gone: the platform deletes what is cancelled."""
    run.book(30, 50, final=False)
    run.act("cancel", 31, booking=50)


def perhaps_cancelled(run: Run) -> None:
    """Nobody answered the cancel, and the booking is gone: it may well have been cancelled."""
    run.book(30, 50, final=False)
    run.act("cancel", 31, booking=50, **UNANSWERED)


def refused(run: Run) -> None:
    """A conflict: not there, rightly."""
    run.book(30, None, final=False, key="late", **REFUSED)


def unheard_and_done(run: Run) -> None:
    """No answer, and it happened."""
    run.book(30, None, final=False, key="unheard", **UNANSWERED)
    run.row(50, key="unheard")


def unheard_and_not_done(run: Run) -> None:
    """No answer, and it did not happen."""
    run.book(30, None, final=False, key="unheard", **UNANSWERED)


def unheard_then_refused(run: Run) -> None:
    """The first attempt happened unheard, so the second met its own booking."""
    run.book(30, None, final=False, key="twice", **UNANSWERED)
    run.book(31, None, final=False, key="twice", attempt=2, **REFUSED)
    run.row(50, key="twice")


def unheard_then_heard(run: Run) -> None:
    """The second attempt with the same key is answered with the same booking."""
    run.book(30, None, final=False, key="twice", **UNANSWERED)
    run.book(31, 50, key="twice", attempt=2)


def heard_twice(run: Run) -> None:
    """The same key, the same booking, acknowledged twice."""
    run.book(30, 50, key="twice")
    run.book(31, 50, key="twice", attempt=2, final=False)


def unheard_without_a_key(run: Run) -> None:
    """No answer and no key, but its slot tells it."""
    run.book(30, None, final=False, key=None, starts_at=EIGHT, **UNANSWERED)
    run.row(50, key=None, starts_at=EIGHT)


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


def older_row(run: Run) -> None:
    """Booked before the run."""
    run.row(50, created_at=1.0)


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


def read_while_writing(run: Run) -> None:
    """A read that was under way when the move was answered may show either."""
    run.book(30, 50, final=False, session="s50")
    run.act("reschedule", 31, booking=50, took=0.5, barber=1, starts_at=EIGHT, minutes=30, version=2, session="s50")
    run.row(50, starts_at=EIGHT, version=2)
    run.act("read", 31.49, booking=50, took=0.1, session="s50", version=1)


def read_by_somebody_else(run: Run) -> None:
    """Another session is promised nothing."""
    run.act("read", 80, booking=1, session="s1", version=2)
    run.act("read", 81, booking=1, session="other", version=1)


INNOCENT = (
    cancelled, perhaps_cancelled, refused, unheard_and_done, unheard_and_not_done, unheard_then_refused, unheard_then_heard, heard_twice,
    unheard_without_a_key, neighbours, other_barber, given_on, moved_away, older_row, older_charge, doubtful_charge, paid_and_cancelled,
    paid_twice_by_one_charge, read_while_writing, read_by_somebody_else,
)  # fmt: skip


@pytest.mark.parametrize("plant", INNOCENT, ids=lambda plant: plant.__name__)
def test_what_looks_like_a_breach_and_is_none_passes(plant: Callable[[Run], None]) -> None:
    """Every one of these is right behaviour; only an unknown may stay behind."""
    run = clean()
    plant(run)
    expected = {"unresolved"} if plant is unheard_without_a_key else set()
    assert {name for name, status in statuses(run).items() if status is not PASS} == expected


def test_a_double_booking_names_the_slot_and_both_bookings() -> None:
    """The witness tells barber, time, overlap and the other booking."""
    run = clean()
    double_in_the_end(run)
    (witness,) = verdict(run, "double_booked").witnesses
    assert (witness["booking"], witness["other"]["booking"], witness["barber"]) == (51, 50, 1)
    assert witness["slot"] == "2030-03-17T18:30:00+00:00"
    assert witness["overlap_minutes"] == 15


def test_three_at_once_are_counted_in_pairs() -> None:
    """Three bookings of one slot are three pairs."""
    run = clean()
    for number in (50, 51, 52):
        run.book(30 + number / 100, number, starts_at=EIGHT)
    assert verdict(run, "double_booked").measured == 3


def test_the_first_and_the_worst_are_shown() -> None:
    """Two lost bookings: the first and the last to be acknowledged."""
    run = clean()
    for number in (50, 51, 52):
        run.book(30 + number / 100, number, final=False)
    assert [witness["effect"]["booking"] for witness in verdict(run, "lost").witnesses] == [50, 52]


@pytest.mark.parametrize(
    ("franchise", "shard", "expected"), [(100, 1, PASS), (101, 2, PASS), (100, 2, FAIL), (101, 1, FAIL), (201, 2, FAIL)]
)
def test_ranges_are_held_to_their_last_franchise(franchise: int, shard: int, expected: Status) -> None:
    """Shard 1 holds 1 to 100, shard 2 holds 101 to 200, and nobody holds 201."""
    run = clean()
    run.book(30, 50, franchise=franchise, final=False)
    run.row(50, franchise=franchise, found_on=shard)
    assert verdict(run, "misplaced").status is expected


def test_what_stays_in_doubt_is_inconclusive() -> None:
    """A create with neither answer nor key: nobody can look it up."""
    run = clean()
    run.book(30, None, final=False, key=None, **UNANSWERED)
    assert verdict(run, "unresolved").status is INCONCLUSIVE
    assert run.assess().integrity.unresolved == 1


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
