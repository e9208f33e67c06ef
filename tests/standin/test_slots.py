"""Slot arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.standin.slots import Hours, TakenTime, bounds, free, grid, instant, refusal

NEW_YORK = ZoneInfo("America/New_York")
DAY = date(2026, 6, 1)
HOURS = Hours(time(9), time(17))
SLOTS = grid(DAY, HOURS, NEW_YORK)
START = SLOTS[0].start_s
LONG_AGO = 0.0


def labels(booked: list[TakenTime], barbers: tuple[int, ...] = (1,), now_s: float = LONG_AGO) -> list[str]:
    """What is on offer."""
    return [slot.label for slot in free(SLOTS, 1800, barbers, booked, now_s)]


def test_a_day_of_default_hours_has_sixteen_slots() -> None:
    """From opening to half an hour before closing, in the shop's time."""
    assert [slot.label for slot in SLOTS[:2]] + [SLOTS[-1].label, str(len(SLOTS))] == ["09:00", "09:30", "16:30", "16"]
    assert datetime.fromtimestamp(START, UTC) == datetime(2026, 6, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start_min", "minutes", "gone"),
    [
        (0, 30, ["09:00"]),
        (30, 45, ["09:30", "10:00"]),
        (30, 20, ["09:30"]),
        (35, 20, ["09:30"]),
        (20, 20, ["09:00", "09:30"]),
        (-30, 30, []),
        (480, 45, []),
        (465, 45, ["16:30"]),
    ],
)
def test_a_slot_is_taken_when_any_part_of_it_is_taken(start_min: int, minutes: int, gone: list[str]) -> None:
    """For any length and start of the booking; touching is not overlapping."""
    booked = TakenTime(1, START + start_min * 60, START + (start_min + minutes) * 60)
    assert [slot.label for slot in SLOTS if slot.label not in labels([booked])] == gone


def test_a_slot_is_free_while_one_barber_is() -> None:
    """In a shop with two barbers two bookings fill a slot; other barbers' bookings do not count."""
    first, second, stranger = (TakenTime(barber, START, START + 1800) for barber in (1, 2, 3))
    assert labels([first, stranger], (1, 2))[0] == "09:00"
    assert labels([first, second], (1, 2))[0] == "09:30"
    assert labels([], ()) == []


@pytest.mark.parametrize(("before_s", "first"), [(15 * 60, "09:00"), (15 * 60 - 1, "09:30")])
def test_a_slot_needs_a_quarter_of_an_hour_of_lead(before_s: int, first: str) -> None:
    """A slot exactly fifteen minutes ahead is offered, one a second earlier is not."""
    assert labels([], now_s=START - before_s)[0] == first


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(-60, 540), st.sampled_from([20, 30, 45])), max_size=40),
    st.integers(-3600, 9 * 3600),
)
def test_free_slots_agree_with_the_plain_definition(bookings: list[tuple[int, int, int]], now_offset_s: int) -> None:
    """A slot is offered if and only if a barber has no booking that overlaps it, and it starts late enough."""
    booked = [TakenTime(barber, START + at * 60, START + (at + minutes) * 60) for barber, at, minutes in bookings]
    expected = [
        slot.label
        for slot in SLOTS
        if slot.start_s >= START + now_offset_s + 900
        and any(
            all(b.barber != barber or b.end_s <= slot.start_s or slot.start_s + 1800 <= b.start_s for b in booked) for barber in (1, 2, 3)
        )
    ]
    assert labels(booked, (1, 2, 3), START + now_offset_s) == expected


@pytest.mark.parametrize(
    ("day", "at", "utc"),
    [
        (date(2026, 3, 8), time(1, 30), datetime(2026, 3, 8, 6, 30, tzinfo=UTC)),
        (date(2026, 3, 8), time(2, 30), None),
        (date(2026, 3, 8), time(3, 30), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        (date(2026, 12, 1), time(9), datetime(2026, 12, 1, 14, tzinfo=UTC)),
    ],
)
def test_local_times_follow_daylight_saving_time(day: date, at: time, utc: datetime | None) -> None:
    """A time that is skipped in spring does not exist; the others have their season's offset."""
    assert instant(day, at, NEW_YORK) == utc


def test_a_day_of_the_clock_change_has_23_hours() -> None:
    """The bounds of a local day are its own midnights."""
    start, end = bounds(date(2026, 3, 8), NEW_YORK)
    assert end - start == timedelta(hours=23)


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)  # 08:00 in New York


@pytest.mark.parametrize(
    ("ahead", "at", "minutes", "part"),
    [
        (0, time(9), 30, None),
        (0, time(7), 30, "past"),
        (0, time(8, 10), 30, "15 minutes"),
        (1, time(8, 59), 30, "open from 09:00"),
        (1, time(16, 30), 45, None),
        (1, time(16, 31), 45, "17:00"),
        (1, time(16, 40), 20, None),
        (30, time(9), 30, None),
        (32, time(9), 30, "30 days"),
    ],
)
def test_bookings_keep_to_hours_lead_and_horizon(ahead: int, at: time, minutes: int, part: str | None) -> None:
    """The last slot can be booked for every service, also one that is longer than a slot."""
    day = DAY + timedelta(days=ahead)
    reason = refusal(instant(day, at, NEW_YORK), minutes, day, at, HOURS, NOW)
    assert (reason is None) if part is None else (reason is not None and part in reason)
