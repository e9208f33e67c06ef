"""Computes the times of a day that can be offered to a customer. Pure; instants are seconds since the epoch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LEAD_S = 15 * 60
"""A booking must start at least this many seconds after it is made."""
DAYS_AHEAD = 30
BARBER_ID_MAX = 2**31 - 1
"""The largest ``integer`` of PostgreSQL: a larger number is nobody's, and the database would refuse the whole query."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A shop's opening hours in its zone, the same every day."""

    opens: time
    closes: time
    slot_minutes: int = 30


@dataclass(frozen=True, slots=True)
class TakenTime:
    """A booked time of a barber, including its start and excluding its end."""

    barber: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class OfferedSlot:
    """An offered time."""

    label: str
    """``HH:MM`` in the shop's time."""
    start_s: float


def instant(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """The instant of a shop's local time, aware, in UTC; ``None`` for a time that the clocks skip on that day."""
    local = datetime.combine(day, at, zone)
    utc = local.astimezone(UTC)
    return utc if utc.astimezone(zone).time() == at else None


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instant of a local day, and the first one after it."""
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    return start, end


@lru_cache(maxsize=4096)
def grid(day: date, hours: Hours, zone: ZoneInfo) -> tuple[OfferedSlot, ...]:
    """Every slot of a day, free or not: in steps from opening time, and ending by closing time."""
    found = []
    length = timedelta(minutes=hours.slot_minutes)
    at, closing = datetime.combine(day, hours.opens), datetime.combine(day, hours.closes)
    while at + length <= closing:
        start = instant(day, at.time(), zone)
        if start is not None:
            found.append(OfferedSlot(f"{at:%H:%M}", start.timestamp()))
        at += length
    return tuple(found)


def free(
    slots: Sequence[OfferedSlot], length_s: float, barbers: Iterable[int], booked: Iterable[TakenTime], now_s: float
) -> list[OfferedSlot]:
    """The slots that start late enough after ``now_s`` and for which at least one barber is free the whole time."""
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
    """Why a booking may not start then, whether or not a barber is free; ``None`` when it may.

    The last slot of the day is also offered for services that are longer than a slot, so a booking may end after closing time.
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
