"""Bookings that are lost, that no request asked for, that one key made twice, or that are on the wrong shard."""

from typing import Any

import pytest

from closeshave.history import Routed
from closeshave.judge.verdict import Status
from closeshave.topology import Move
from tests.judge.clean import REFUSED, UNANSWERED, Plant, clean, fields, not_passing, verdict
from tests.judge.histories import EIGHT, Run, ns

PASS, FAIL = Status.PASS, Status.FAIL


def lost(run: Run) -> None:
    """Acknowledged and not there."""
    run.book(30, 50, final=False)


def lost_cancel(run: Run) -> None:
    """Cancelled, acknowledged, and still there."""
    run.act("cancel", 30, booking=1)


def lost_move(run: Run) -> None:
    """Moved to another slot, version 2; the final state has version 1."""
    run.act("reschedule", 30, booking=1, barber=1, starts_at=EIGHT, minutes=30, version=2)


def lost_move_without_versions(run: Run) -> None:
    """Moved once, and still at its old slot."""
    run.book(30, 50, version=None)
    run.act("reschedule", 31, booking=50, barber=1, starts_at=EIGHT, minutes=30)
    assert run.bookings is not None
    run.bookings[-1] = run.bookings[-1].__class__(**{**fields(run.bookings[-1]), "version": None})


def reused_id(run: Run) -> None:
    """A row of the same ID, but of another key: a booking that was lost, whose number was given to the next one."""
    run.book(30, 50, final=False)
    run.row(50, key="somebody-else")


NAMELESS: dict[str, Any] = {"booking": None, "key": None, "final": False, "barber": 7, "starts_at": EIGHT + 900 * 3600}


def two_of_one_row(run: Run) -> None:
    """Two customers were promised one slot, without an ID or a key by which a row could be told, and there is one row."""
    for at in (30, 31):
        run.book(at, session=f"at {at}", **NAMELESS)
    run.row(50, barber=7, starts_at=NAMELESS["starts_at"], key=None)


def one_of_anothers_row(run: Run) -> None:
    """One was told no ID; the only row there is that of another customer, who was."""
    run.book(30, **NAMELESS)
    run.book(31, 50, barber=7, starts_at=NAMELESS["starts_at"], key=None)


def phantom(run: Run) -> None:
    """A booking that no customer requested."""
    run.row(50)


def refused_phantom(run: Run) -> None:
    """Requested, refused, and there."""
    run.book(30, None, final=False, key="refused", starts_at=EIGHT + 3600, session="late", **REFUSED)
    run.row(50, key="refused")


def key_of_two(run: Run) -> None:
    """One key was answered with two bookings."""
    run.book(30, 50, key="same")
    run.book(31, 51, key="same")


def wrong_shard(run: Run) -> None:
    """Franchise 1 belongs to shard 1."""
    run.book(30, 50, final=False)
    run.row(50, found_on=2)


BREACHES: dict[Plant, set[str]] = {
    lost: {"lost"},
    lost_cancel: {"lost"},
    lost_move: {"lost"},
    lost_move_without_versions: {"lost"},
    two_of_one_row: {"lost"},
    one_of_anothers_row: {"lost"},
    reused_id: {"lost", "phantom"},
    phantom: {"phantom"},
    refused_phantom: {"phantom"},
    key_of_two: {"idempotency"},
    wrong_shard: {"misplaced"},
}
"""Each defect and the only verdicts that it fails."""


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_each_breach_fails_its_own_verdict(plant: Plant) -> None:
    """And no other: a clean history with one defect."""
    assert not_passing(plant) == BREACHES[plant]


def cancelled(run: Run) -> None:
    """Cancelled, and the row is gone: the platform deletes what is cancelled."""
    run.book(30, 50, final=False)
    run.act("cancel", 31, booking=50)


def perhaps_cancelled(run: Run) -> None:
    """The cancel has no answer, and the booking is missing: it may have been cancelled."""
    run.book(30, 50, final=False)
    run.act("cancel", 31, booking=50, **UNANSWERED)


def refused(run: Run) -> None:
    """A conflict: not there, rightly."""
    run.book(30, None, final=False, key="late", starts_at=EIGHT + 3600, **REFUSED)


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


def older_row(run: Run) -> None:
    """Booked before the run."""
    run.row(50, created_at=1.0)


def nameless_taken_again(run: Run) -> None:
    """The first one was cancelled, its row is gone, and the slot was booked again."""
    run.book(30, **NAMELESS)
    run.act("cancel", 31, booking=None, barber=7, starts_at=NAMELESS["starts_at"])
    run.book(32, **NAMELESS)
    run.row(50, barber=7, starts_at=NAMELESS["starts_at"], key=None)


def nameless_kept_cancelled(run: Run) -> None:
    """The same where cancelled rows are kept: each has its own."""
    nameless_taken_again(run)
    run.row(51, barber=7, starts_at=NAMELESS["starts_at"], key=None, status="cancelled")


def nameless_then_refused(run: Run) -> None:
    """A contest for one slot: the later customer was refused, so the row is the first one's."""
    run.book(30, **NAMELESS)
    run.book(31, session="late", **NAMELESS, **REFUSED)
    run.row(50, barber=7, starts_at=NAMELESS["starts_at"], key=None)


def nameless_then_unanswered(run: Run) -> None:
    """The later customer got no answer, so it owns no row for sure."""
    run.book(30, **NAMELESS)
    run.book(31, session="late", **NAMELESS, **UNANSWERED)
    run.row(50, barber=7, starts_at=NAMELESS["starts_at"], key=None)


def nameless_moved_away(run: Run) -> None:
    """The first one was moved to another time, and the second took its place; a move without an ID does not say of which booking."""
    run.book(30, **NAMELESS)
    run.act("reschedule", 31, booking=None, barber=7, starts_at=NAMELESS["starts_at"] + 3600)
    run.book(32, **NAMELESS)
    run.row(50, barber=7, starts_at=NAMELESS["starts_at"], key=None)
    run.row(51, barber=7, starts_at=NAMELESS["starts_at"] + 3600, key=None, created_at=1.0)


INNOCENT = (
    cancelled,
    perhaps_cancelled,
    refused,
    unheard_and_done,
    unheard_and_not_done,
    unheard_then_refused,
    unheard_then_heard,
    heard_twice,
    older_row,
    nameless_taken_again,
    nameless_kept_cancelled,
    nameless_then_refused,
    nameless_then_unanswered,
    nameless_moved_away,
)


@pytest.mark.parametrize("plant", INNOCENT, ids=lambda plant: plant.__name__)
def test_what_only_looks_like_a_breach_passes(plant: Plant) -> None:
    """Every one of these is right behaviour."""
    assert not_passing(plant) == set()


def test_the_first_and_the_worst_are_shown() -> None:
    """Two lost bookings: the first and the last to be acknowledged."""
    run = clean()
    for number in (50, 51, 52):
        run.book(30 + number / 100, number, final=False)
    assert [witness.facts()["effect"]["booking"] for witness in verdict(run, "lost").witnesses] == [50, 52]


@pytest.mark.parametrize(
    ("franchise", "shard", "expected"), [(100, 1, PASS), (101, 2, PASS), (100, 2, FAIL), (101, 1, FAIL), (201, 2, FAIL)]
)
def test_ranges_include_their_last_franchise(franchise: int, shard: int, expected: Status) -> None:
    """Shard 1 holds 1 to 100, shard 2 holds 101 to 200, and no shard holds 201."""
    run = clean()
    run.book(30, 50, franchise=franchise, final=False)
    run.row(50, franchise=franchise, found_on=shard)
    assert verdict(run, "misplaced").status is expected


MOVED = Routed(ns(40), 1, (Move(51, 60, 1, 2),))


@pytest.mark.parametrize(
    ("routings", "franchise", "shard", "expected"),
    [
        ((), 55, 1, Status.PASS),
        ((MOVED,), 55, 2, Status.PASS),
        ((MOVED,), 55, 1, Status.FAIL),
        ((MOVED,), 65, 1, Status.PASS),
        ((MOVED,), 65, 2, Status.FAIL),
        # The last one was in force when the final state was read: the range had moved once more.
        ((MOVED, Routed(ns(90), 2, (*MOVED.moves, Move(51, 60, 2, 1)))), 55, 1, Status.PASS),
        ((MOVED, Routed(ns(90), 2, (*MOVED.moves, Move(51, 60, 2, 1)))), 55, 2, Status.FAIL),
    ],
)
def test_a_booking_of_a_range_that_moved_belongs_where_the_routing_said(
    routings: tuple[Routed, ...], franchise: int, shard: int, expected: Status
) -> None:
    """The routing that was in force when the final state was read."""
    run = clean()
    run.book(30, 50, franchise=franchise, final=False)
    run.row(50, franchise=franchise, found_on=shard)
    run.changes["routings"] = routings
    assert verdict(run, "misplaced").status is expected


def test_what_cannot_be_looked_up_is_inconclusive() -> None:
    """A create with neither answer nor key, whose customer and barber are unknown: it cannot be found in the final state."""
    run = clean()
    run.book(30, None, final=False, key=None, barber=None, client=None, **UNANSWERED)
    assert verdict(run, "unresolved").status is Status.INCONCLUSIVE
    assert run.assess().integrity.breaches["unresolved"] == 1


def test_a_create_without_an_answer_and_without_a_row_never_happened() -> None:
    """The final state is completely known, and the slot is empty."""
    run = clean()
    run.book(30, None, final=False, key=None, **UNANSWERED)
    assert verdict(run, "unresolved").status is Status.PASS


def unheard_without_a_key(run: Run) -> None:
    """No answer and no key, but its slot identifies it."""
    run.book(30, None, final=False, key=None, starts_at=EIGHT, **UNANSWERED)
    run.row(50, key=None, starts_at=EIGHT)


def test_the_slot_alone_decides_what_became_of_a_create() -> None:
    """The slot has a booking, so nothing is lost and nothing is a phantom."""
    assert not_passing(unheard_without_a_key) == set()


def test_a_key_whose_answer_names_no_booking_made_one_booking_only() -> None:
    """The row with this key is that booking, and not a second one; two rows are two."""
    run = clean()
    slot = EIGHT + 900_000
    for at in (80, 81):
        run.book(at, None, final=False, key="once", starts_at=slot)
    run.row(990, key="once", starts_at=slot)
    assert run.verdict("integrity/idempotency").status is Status.PASS
    run.row(991, key="once", starts_at=slot + 36_000)
    verdict = run.verdict("integrity/idempotency")
    assert (verdict.status, verdict.measured) == (Status.FAIL, 1)
    assert verdict.witnesses[0].facts()["bookings"] == [990, 991]


def test_a_booking_that_was_answered_without_an_id_and_a_key_is_found_by_its_slot() -> None:
    """As by a Locust file of one's own whose platform answers with an empty body. Without a row it is lost, unless its slot was given up."""
    slot: dict[str, Any] = {"barber": 7, "starts_at": EIGHT + 900_000, "minutes": 30}
    there, lost, cancelled = clean(), clean(), clean()
    for run in (there, lost, cancelled):
        run.book(80, None, final=False, key=None, **slot)
    there.row(990, key=None, **slot)
    cancelled.act("cancel", 82, booking=None, **slot)
    found = [run.verdict("integrity/lost").status for run in (there, lost, cancelled)]
    assert found == [Status.PASS, Status.FAIL, Status.PASS]
    cancelled.act("cancel", 82, booking=None, **{**slot, "barber": 8})
    lost.act("cancel", 82, booking=None, **{**slot, "barber": 8})
    assert lost.verdict("integrity/lost").status is Status.FAIL
