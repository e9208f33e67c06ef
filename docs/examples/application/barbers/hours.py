"""Opening hours, and which times of a day are free. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .refusal import Refusal

OPENS, CLOSES, STEP = time(9), time(17), timedelta(minutes=30)
LEAD, DAYS_AHEAD = timedelta(minutes=15), 30
Busy = Mapping[int, Sequence[tuple[float, float]]]
"""Barber → the times at which they are booked, as seconds since the epoch: start, and end, which is free again."""


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a time at the shop, in UTC. Raises :class:`Refusal` for one that the clocks skip."""
    found = datetime.combine(day, at, zone).astimezone(UTC)
    if found.astimezone(zone).time() != at:
        raise Refusal(400, f"The time {at:%H:%M} does not exist on {day}")
    return found


def bookable(starts: datetime, zone: ZoneInfo, now: datetime) -> None:
    """Raises :class:`Refusal` for a time at which nobody may book, free or not."""
    if starts < now + LEAD:
        raise Refusal(400, "Appointments must be booked at least 15 minutes in advance")
    if starts > now + timedelta(days=DAYS_AHEAD + 1):
        raise Refusal(400, f"Appointments cannot be booked more than {DAYS_AHEAD} days in advance")
    if not OPENS <= starts.astimezone(zone).time() < CLOSES:
        raise Refusal(400, f"The shop is open from {OPENS:%H:%M} to {CLOSES:%H:%M}")


def free(day: date, zone: ZoneInfo, barbers: Iterable[int], busy: Busy, now: datetime) -> list[str]:
    """Times at the shop, as ``HH:MM``, at which at least one of the barbers is free for a whole step."""
    wanted = list(barbers)
    return [
        starts.astimezone(zone).strftime("%H:%M")
        for starts in _steps(day, zone)
        if starts >= now + LEAD and any(is_free(busy.get(barber, ()), starts, starts + STEP) for barber in wanted)
    ]


def is_free(booked: Iterable[Sequence[float]], starts: datetime, ends: datetime) -> bool:
    """Whether none of the booked times overlaps."""
    first, last = starts.timestamp(), ends.timestamp()
    return not any(begin < last and first < end for begin, end in booked)


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instant of a day at the shop, and the first one after it."""
    return tuple(datetime.combine(day + timedelta(days=more), time(), zone).astimezone(UTC) for more in (0, 1))  # type: ignore[return-value]


def _steps(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    at = datetime.combine(day, OPENS)
    while at.time() < CLOSES:
        yield at.replace(tzinfo=zone).astimezone(UTC)
        at += STEP
