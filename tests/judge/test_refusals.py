"""Refused bookings: whether another booking held the slot, by the history or by the list that was read again, and whether the refusal counts as good."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import Effect
from closeshave.judge.verdict import Status
from tests.judge.clean import REFUSED, UNANSWERED
from tests.judge.histories import AVAILABILITY, EIGHT, INTEGRITY, Run

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
NAMED = replace(INTEGRITY, invariants=("refused_though_free",))
REFUSED_AT = 40.0
Plant = Callable[[Run], None]


def refuse(run: Run, **fields: Any) -> None:
    """Session *late* requests eight o'clock at barber 1, and gets a conflict."""
    run.book(REFUSED_AT, None, final=False, **{"key": "late", "session": "late", "client": "l", "starts_at": EIGHT, **REFUSED, **fields})


def lists(run: Run, at: float, *starts: int, barber: int | None = 1, session: str = "late") -> None:
    """The times that this session is offered when it reads the list again."""
    operation = run.op(at)
    run.effects.append(Effect(operation.id, "offer", 1, 1, barber=barber, session=session, read_values=json.dumps(starts)))


def acknowledged(run: Run) -> None:
    """Another booking held it."""
    run.book(30, 50, starts_at=EIGHT, session="first")


def overlapping(run: Run) -> None:
    """A longer service that began earlier reaches into it."""
    run.book(30, 50, starts_at=EIGHT - 1800, minutes=45, session="first")


def in_flight(run: Run) -> None:
    """Two requests at once; the other's answer came later."""
    run.book(39.9, 50, took=1.0, starts_at=EIGHT, session="first")


def in_doubt(run: Run) -> None:
    """It is unknown whether the other one got it."""
    run.book(30, None, final=False, starts_at=EIGHT, session="first", key="first", **UNANSWERED)


def moved_here(run: Run) -> None:
    """Another booking had been moved to this time."""
    run.book(20, 50, final=False, starts_at=EIGHT + 7200, session="first")
    run.act("reschedule", 30, booking=50, barber=1, starts_at=EIGHT, minutes=30, session="first", version=2)
    run.row(50, starts_at=EIGHT, version=2)


def perhaps_cancelled(run: Run) -> None:
    """The cancel was never answered: the slot may still have been held."""
    acknowledged(run)
    run.act("cancel", 35, booking=50, session="first", **UNANSWERED)


def cancelled_a_moment_before(run: Run) -> None:
    """A replica may not know it yet."""
    acknowledged(run)
    run.act("cancel", 39, booking=50, session="first")


def own_other_chair(run: Run) -> None:
    """The same customer sits at another barber at that time."""
    run.book(30, 50, starts_at=EIGHT, barber=2, session="first", client="l")


def not_on_the_list(run: Run) -> None:
    """A stranger holds it: the list that was read back does not offer it."""
    lists(run, 40.5, EIGHT + 1800, EIGHT + 3600)


def not_on_any_list(run: Run) -> None:
    """No barber is free then, so this one is not."""
    lists(run, 40.5, EIGHT + 1800, barber=None)


def nothing_left(run: Run) -> None:
    """The day is full; lists of this barber are not always empty."""
    lists(run, 12, EIGHT, session="somebody")
    lists(run, 40.5)


HELD = (acknowledged, overlapping, in_flight, in_doubt, moved_here, perhaps_cancelled, cancelled_a_moment_before, own_other_chair,
        not_on_the_list, not_on_any_list, nothing_left)  # fmt: skip


def still_offered(run: Run) -> None:
    """No booking held it, and three seconds later it is offered to the same customer."""
    lists(run, 43.1, EIGHT, EIGHT + 1800)


def cancelled_before(run: Run) -> None:
    """Who held it had given it up long before."""
    acknowledged(run)
    run.act("cancel", 32, booking=50, session="first")
    lists(run, 43.1, EIGHT, EIGHT + 1800)


def moved_away_before(run: Run) -> None:
    """Who held it had moved away long before."""
    run.book(30, 50, final=False, starts_at=EIGHT, session="first")
    run.act("reschedule", 32, booking=50, barber=1, starts_at=EIGHT + 7200, minutes=30, session="first", version=2)
    run.row(50, starts_at=EIGHT + 7200, version=2)
    lists(run, 43.1, EIGHT, EIGHT + 1800)


def booked_later(run: Run) -> None:
    """Who came afterwards was not in the way."""
    lists(run, 43.1, EIGHT, EIGHT + 1800)
    run.book(44, 50, starts_at=EIGHT, session="next")


FREE = (still_offered, cancelled_before, moved_away_before, booked_later)


def nobody_looked(run: Run) -> None:
    """No list, no holder."""


def offered_at_once(run: Run) -> None:
    """A list half a second later may be a replica's."""
    lists(run, 40.5, EIGHT, EIGHT + 1800)


def somebody_is_free(run: Run) -> None:
    """A list of all barbers offers the time: it may be another's."""
    lists(run, 43.1, EIGHT, EIGHT + 1800, barber=None)


def another_barbers_list(run: Run) -> None:
    """It is the list of another barber."""
    lists(run, 43.1, EIGHT, barber=2)


def another_day(run: Run) -> None:
    """It is the list of another day."""
    lists(run, 40.5, EIGHT + 86_400)


def always_empty(run: Run) -> None:
    """Lists of one barber are always empty on this platform."""
    lists(run, 12, session="somebody")
    lists(run, 40.5)


def of_somebody_else(run: Run) -> None:
    """Another session's list does not count."""
    lists(run, 40.5, EIGHT + 1800, session="somebody")


UNTOLD = (nobody_looked, offered_at_once, somebody_is_free, another_barbers_list, another_day, always_empty, of_somebody_else)


@pytest.mark.parametrize(
    ("plant", "status", "good"),
    [
        *((plant, PASS, True) for plant in HELD),
        *((plant, FAIL, False) for plant in FREE),
        *((plant, INCONCLUSIVE, False) for plant in UNTOLD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_conflict_needs_a_holder(plant: Plant, status: Status, good: bool) -> None:
    """With a holder it is good service; with a free slot a breach; if it is unknown, neither good nor a breach."""
    run = Run((NAMED, replace(AVAILABILITY, at_least=1e-6)))
    run.book(15, 1, session="someone")
    plant(run)
    refuse(run)
    verdict = run.verdict("integrity/refused_though_free")
    assert verdict.status is status, verdict.reason
    operations = run.history.operations
    asked = [effect.operation for effect in run.effects if effect.session == "late" and effect.action == "create"]
    assert [bool(run.evidence.good[place]) for place in operations.index[operations["id"].isin(asked)]] == [good]
    assert bool(verdict.witnesses) == (status is FAIL)


def test_a_long_service_needs_all_of_its_time() -> None:
    """The first half hour is offered, the second is not: 45 minutes do not fit, so the refusal was right."""
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    refuse(run, minutes=45)
    lists(run, 43.1, EIGHT - 1800, EIGHT, EIGHT + 3600)
    assert run.verdict("integrity/refused_though_free").status is INCONCLUSIVE


@pytest.mark.parametrize(
    ("minutes", "offered", "barber", "status"),
    [
        (45, (EIGHT - 1800, EIGHT, EIGHT + 3600), 1, PASS),  # a stranger sits there at half past eight
        (45, (EIGHT - 1800, EIGHT), 1, PASS),  # closing time is half past eight
        (45, (EIGHT - 1800, EIGHT, EIGHT + 3600), None, PASS),  # nobody at all is free at half past eight
        (45, (EIGHT, EIGHT + 1800), 1, INCONCLUSIVE),
        (30, (EIGHT - 1800, EIGHT, EIGHT + 3600), 1, INCONCLUSIVE),
        (45, (EIGHT - 1800, EIGHT, EIGHT + 3600), 2, INCONCLUSIVE),
        (45, (EIGHT + 3600, EIGHT + 7200), 1, INCONCLUSIVE),
    ],
)
def test_the_list_that_was_chosen_from_may_prove_a_holder(
    minutes: int, offered: tuple[int, ...], barber: int | None, status: Status
) -> None:
    """Of 45 minutes it offered the first half hour and not the second, because of a booking made long before the run: the refusal was right."""
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    lists(run, 39, *offered, barber=barber)
    refuse(run, minutes=minutes)
    assert run.verdict("integrity/refused_though_free").status is status


def test_what_is_offered_completely_afterwards_was_free_also_if_an_earlier_list_lacked_it() -> None:
    """The later list is closer to the refusal in time than the earlier one."""
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    lists(run, 39, EIGHT - 1800, EIGHT, EIGHT + 3600)
    refuse(run, minutes=45)
    lists(run, 43.1, EIGHT, EIGHT + 1800, EIGHT + 3600)
    assert run.verdict("integrity/refused_though_free").status is FAIL


def test_a_list_of_two_times_hours_apart_does_not_offer_the_time_between() -> None:
    """On a nearly full day; other lists show that times are half an hour apart. The second half hour is held by an earlier booking: the refusal was
    right.
    """
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    lists(run, 12, EIGHT - 1800, EIGHT, session="someone")
    lists(run, 39, EIGHT, EIGHT + 7200)
    refuse(run, minutes=45)
    lists(run, 43.1, EIGHT, EIGHT + 7200)
    assert run.verdict("integrity/refused_though_free").status is PASS


def test_times_of_other_barbers_do_not_shorten_the_step_of_one_barbers_list() -> None:
    """Merged, the times of two barbers are five minutes apart. The requested barber also offered 08:30: nothing shows a holder."""
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    lists(run, 12, EIGHT, EIGHT + 300, EIGHT + 1800, barber=None, session="someone")
    lists(run, 39, EIGHT - 1800, EIGHT, EIGHT + 1800)
    refuse(run, minutes=45)
    assert run.verdict("integrity/refused_though_free").status is INCONCLUSIVE


def test_a_customers_own_booking_does_not_prevent_moving_it() -> None:
    """Half an hour later overlaps its present time; this is no reason to refuse the move."""
    run = Run((NAMED,))
    run.book(15, 1, starts_at=EIGHT - 900, session="late")
    run.act("reschedule", 40, booking=1, barber=1, starts_at=EIGHT, minutes=30, session="late", **REFUSED)
    lists(run, 43.1, EIGHT, EIGHT + 1800)
    assert run.verdict("integrity/refused_though_free").status is FAIL


def test_a_refusal_by_any_barber_counts_against_the_merged_list() -> None:
    """A request without a barber was refused although the merged list offers the time."""
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    refuse(run, barber=None)
    lists(run, 43.1, EIGHT, EIGHT + 1800, barber=None)
    assert run.verdict("integrity/refused_though_free").status is FAIL


def test_an_incomplete_history_fails_nothing() -> None:
    """The missing part may be the record of the holder."""
    run = Run((NAMED,))
    run.book(15, 1, session="someone")
    still_offered(run)
    refuse(run)
    run.changes["sent"] = ()
    assert run.verdict("integrity/refused_though_free").status is INCONCLUSIVE


def test_a_refusal_whose_effect_was_lost_is_not_good() -> None:
    """It is unknown which slot was requested, and so who held it."""
    run = Run((NAMED, replace(AVAILABILITY, at_least=1e-6)))
    run.book(15, 1, session="someone")
    acknowledged(run)
    refuse(run)
    assert run.evidence.good.all()
    lost = run.effects.pop()
    run.__dict__.pop("history", None)
    verdict = run.verdict("integrity/refused_though_free")
    assert verdict.status is INCONCLUSIVE
    assert "1 booking was refused as taken" in verdict.reason
    operations = run.history.operations
    assert [bool(good) for good in run.evidence.good[operations["id"] == lost.operation]] == [False]


def test_without_a_refusal_nothing_is_changed() -> None:
    """The column itself, of ten million rows, and no copy of it."""
    run = Run((INTEGRITY,))
    run.steady(10)
    assert not len(run.evidence.refusals.rows)
    assert run.evidence.good.all()
