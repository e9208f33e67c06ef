"""Double bookings that are certain while the load runs, and what must not be mistaken for one."""

from __future__ import annotations

from typing import Any

from closeshave.history import Effect
from closeshave.plan import Expected, Fault
from closeshave.trial.slots import Slots

FAULT = Fault("lost", "shard.primary-killed", "storm", 0, 10, Expected.RECOVERS, {"shard": 1})


def effect(action: str, booking: int | None, **fields: Any) -> Effect:
    """An effect on the one slot of barber 7 that these tests are about."""
    return Effect(
        **{"operation": 1, "action": action, "franchise": 5, "shard": 1, "booking": booking, "barber": 7, "starts_at": 900, **fields}
    )


def told(*looks: tuple[float, list[Effect]], broken=()) -> list[str]:
    """The result of each reading."""
    slots = Slots()
    return [slots.look(at_s, effects, broken) for at_s, effects in looks]


def test_two_acknowledged_bookings_of_one_slot_are_reported():
    """Not at once, because the record of a cancel may still arrive."""
    said = told((1, [effect("create", 1)]), (2, [effect("create", 2)]), (3, []), (4, []))
    assert said[:3] == ["", "", ""]
    assert said[3] == "bookings 1 and 2 of franchise 5 were both acknowledged for the same slot of barber 7"


def test_what_is_no_double_booking_is_not_taken_for_one():
    """A cancel or a move, even one recorded late; a repeated acknowledgement; no acknowledgement; another barber, time or franchise."""
    again = effect("create", 2)
    late: tuple[float, list[Effect]] = (9, [])
    assert not any(told((1, [effect("create", 1), effect("cancel", 1), again]), late))
    assert not any(told((1, [effect("create", 1), again]), (2, [effect("reschedule", 1)]), late))
    assert not any(told((1, [effect("create", 1), effect("create", 1)]), late))
    assert not any(told((1, [effect("create", 1), effect("create", None)]), late))
    for other in ({"barber": 8}, {"starts_at": 901}, {"franchise": 6}):
        assert not any(told((1, [effect("create", 1), effect("create", 2, **other)]), late))


def test_slots_are_forgotten_when_something_breaks_or_heals():
    """A slot that a lost primary had booked may be booked again; the loss has its own verdict."""
    slots = Slots()
    assert slots.look(1, [effect("create", 1)], []) == ""
    assert slots.look(2, [effect("create", 2)], [FAULT]) == ""
    assert slots.look(3, [effect("create", 3)], []) == ""
    assert slots.look(9, [], []) == ""
    assert slots.look(10, [effect("create", 4)], []) == ""
    assert "bookings 3 and 4" in slots.look(12, [], [])
