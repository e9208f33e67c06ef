"""Slot arithmetic: which times of a day a customer may be offered. Pure; instants are seconds since the epoch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LEAD_S = 15 * 60
"""A booking starts this long after it is made, or later."""
DAYS_AHEAD = 30


@dataclass(frozen=True, slots=True)
class Hours:
    """When a shop is open, in its own time, every day."""

    opens: time
    closes: time
    slot_minutes: int = 30


@dataclass(frozen=True, slots=True)
class Booked:
    """A time that a barber is taken, start included, end not."""

    barber: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A time on offer."""

    label: str
    """``HH:MM`` in the shop's time."""
    start_s: float


def instant(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """The instant of a shop's local time, aware, in UTC; ``None`` for a time that the clocks skip that day."""
    local = datetime.combine(day, at, zone)
    utc = local.astimezone(UTC)
    return utc if utc.astimezone(zone).time() == at else None


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instant of a local day and the first after it."""
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    return start, end


@lru_cache(maxsize=4096)
def grid(day: date, hours: Hours, zone: ZoneInfo) -> tuple[Slot, ...]:
    """Every slot of a day, free or not: on the grid from opening, and over by closing time."""
    found = []
    length = timedelta(minutes=hours.slot_minutes)
    at, closing = datetime.combine(day, hours.opens), datetime.combine(day, hours.closes)
    while at + length <= closing:
        start = instant(day, at.time(), zone)
        if start is not None:
            found.append(Slot(f"{at:%H:%M}", start.timestamp()))
        at += length
    return tuple(found)


def free(slots: Sequence[Slot], length_s: float, barbers: Iterable[int], booked: Iterable[Booked], now_s: float) -> list[Slot]:
    """The slots that start late enough after ``now_s`` and in which at least one barber is free throughout."""
    starts = [slot.start_s for slot in slots]
    taken = dict.fromkeys(barbers, 0)  # one bit a slot
    for period in booked:
        if period.barber in taken:
            first = bisect_right(starts, period.start_s - length_s)
            past = bisect_left(starts, period.end_s)
            if first < past:
                taken[period.barber] |= (1 << past) - (1 << first)
    nobody = -1
    for mask in taken.values():
        nobody &= mask
    earliest = bisect_left(starts, now_s + LEAD_S)
    return [slots[index] for index in range(earliest, len(slots)) if not nobody >> index & 1]


def refusal(start: datetime | None, minutes: int, day: date, at: time, hours: Hours, now: datetime) -> str | None:
    """Why a booking may not start then, apart from who is free; ``None`` when it may.

    The last slot of the day may run over: it is on offer to every service, also to one that is longer than a slot.
    """
    if start is None:
        return f"The time {at:%H:%M} does not exist on {day}"
    if start <= now:
        return "Cannot book appointments in the past"
    if start < now + timedelta(seconds=LEAD_S):
        return f"Appointments must be booked at least {LEAD_S // 60} minutes in advance"
    if start > now + timedelta(days=DAYS_AHEAD + 1):
        return f"Appointments cannot be booked more than {DAYS_AHEAD} days in advance"
    last = datetime.combine(day, hours.closes) - timedelta(minutes=min(minutes, hours.slot_minutes))
    if not datetime.combine(day, hours.opens) <= datetime.combine(day, at) <= last:
        return f"The shop is open from {hours.opens:%H:%M} to {hours.closes:%H:%M}"
    return None
