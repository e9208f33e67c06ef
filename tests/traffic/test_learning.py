"""What could not be done is reported at the end, once for all workers, and what could be done is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from closeshave.traffic.canary_slots import CanarySlots
from closeshave.traffic.dialect import Slot
from closeshave.traffic.learning import EMPTY_LISTS, REFUSALS, SUFFIX, Learnt, notes

Life = Callable[[Learnt], None]


def told(tmp_path: Path, *workers: Life, canary: Life | None = None) -> dict[str, str]:
    """The notes of a run with these workers."""
    for number, live in enumerate(workers, start=1):
        learnt = Learnt()
        live(learnt)
        learnt.save(tmp_path / f"customers-{number}{SUFFIX}")
    if canary is not None:
        learnt = Learnt()
        canary(learnt)
        learnt.save(tmp_path / f"canary-0{SUFFIX}")
    return notes(tmp_path)


def booked(learnt: Learnt) -> None:
    """One customer read a list and booked, and one contest was held."""
    learnt.looked(empty=False)
    learnt.asked += 1
    learnt.took(1, 5)
    learnt.contests = learnt.held = 1
    learnt.served |= {"book", "slots"}


def found_nothing(learnt: Learnt) -> None:
    """Every list was empty."""
    for _ in range(7):
        learnt.looked(empty=True)


def was_refused(learnt: Learnt) -> None:
    """There were free times, and every booking was refused."""
    for _ in range(4):
        learnt.looked(empty=False)
        learnt.asked += 1
        learnt.refused += 1


def never_got_there(learnt: Learnt) -> None:
    """A customer read a list, and the load ended."""
    learnt.looked(empty=False)


def could_not_race(learnt: Learnt) -> None:
    """Customers booked, but no two wanted the same."""
    booked(learnt)
    learnt.contests, learnt.held = 9, 0


def did_not_pay(learnt: Learnt) -> None:
    """Payments are refused whole, and one path is not there."""
    booked(learnt)
    learnt.turned_away.update({("pay_intent", 400): 3, ("profile", 404): 12, ("slots", 429): 50})


@pytest.mark.parametrize(
    ("workers", "name", "says"),
    [
        ((found_nothing,), "bookings", "no free time in 7 lists"),
        ((found_nothing, found_nothing), "bookings", "no free time in 14 lists"),
        ((was_refused,), "bookings", "refused all 4 bookings that customers requested"),
        ((never_got_there,), "bookings", "looked at 1 list of free times (0 empty) and requested 0 bookings"),
        ((found_nothing, was_refused), "bookings", "refused all 4 bookings that customers requested"),
        ((could_not_race,), "contests", "none of 9 contests took place"),
        ((did_not_pay, did_not_pay), "pay_intent refused", "each of 6 requests was answered 400"),
        ((did_not_pay,), "profile refused", "each of 12 requests was answered 404"),
    ],
)
def test_what_customers_could_not_do_is_reported(tmp_path: Path, workers: tuple[Life, ...], name: str, says: str) -> None:
    """With the numbers, over all workers."""
    found = told(tmp_path, *workers)
    assert list(found) == [name] or name.endswith("refused")
    assert says in found[name]


@pytest.mark.parametrize("workers", [(booked,), (booked, found_nothing), (was_refused, booked), ()])
def test_what_one_customer_did_can_be_done(tmp_path: Path, workers: tuple[Life, ...]) -> None:
    """After one booking nothing is reported."""
    assert told(tmp_path, *workers) == {}


def test_a_few_refusals_of_one_operation_are_not_reported(tmp_path: Path) -> None:
    """Below the least number, and if any request was served."""
    assert "slots refused" not in told(tmp_path, did_not_pay)
    assert "pay_intent refused" not in notes(tmp_path)


def test_what_canaries_find_out_is_reported_too(tmp_path: Path) -> None:
    """But a canary's booking is no customer's booking."""

    def canary(learnt: Learnt) -> None:
        learnt.took(1, 7)
        for _ in range(REFUSALS):
            learnt.refused_by(1, 5, unavailable=True)
        for _ in range(EMPTY_LISTS):
            learnt.compared(one=False, merged=True)
        learnt.zone_assumed = True

    found = told(tmp_path, found_nothing, canary=canary)
    assert set(found) == {"bookings", "idle barbers", "slots_by_barber", "zone"}
    assert "barber 5 accepted no booking" in found["idle barbers"]


def _seats() -> Iterator[tuple[int, Slot]]:
    return ((1, Slot(barber, date(2026, 12, 1), f"{9 + number}:00", "UTC")) for number in range(3) for barber in (5, 6))


def test_canaries_use_a_barber_who_refused_last() -> None:
    """All slots are used, each once: first those of barbers who took bookings, or who have not been tried."""
    learnt = Learnt()
    seats = CanarySlots(_seats(), learnt)
    assert next(seats)[1].barber == 5
    learnt.refused_by(1, 5, unavailable=True)
    rest = [slot for _, slot in seats]
    assert [slot.barber for slot in rest] == [6, 6, 6, 5, 5]
    assert len(set(rest)) == 5


def test_a_barber_who_took_bookings_stays_in_turn() -> None:
    """There a conflict is a real one."""
    learnt = Learnt()
    learnt.took(1, 5)
    learnt.refused_by(1, 5, unavailable=True)
    assert [slot.barber for _, slot in CanarySlots(_seats(), learnt)] == [5, 6] * 3


def test_one_booking_outweighs_all_refusals(tmp_path: Path) -> None:
    """It shows that the barber accepts bookings."""

    def canary(learnt: Learnt) -> None:
        for _ in range(REFUSALS):
            learnt.refused_by(1, 5, unavailable=True)
        assert learnt.idle(1, 5)
        learnt.took(1, 5)
        assert not learnt.idle(1, 5)
        assert not learnt.refusing(1, 5)

    assert told(tmp_path, booked, canary=canary) == {}
