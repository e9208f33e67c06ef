"""The time zone of a business, from one booking: the local time that was requested and the instant in the answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

DEFAULT = "America/New_York"
"""The API's default for a business without a zone."""
LIKELY = (
    "UTC", DEFAULT, "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Argentina/Buenos_Aires", "America/Sao_Paulo",
    "Europe/London", "Europe/Berlin", "Europe/Athens", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
"""If several zones fit, the first of these is proposed: the API's own default and UTC before any other."""
DAYS_AHEAD = 31
"""How many days ahead can be booked; zones with the same hours on all of them make no difference to a run."""


def fitting(asked: datetime, answered: datetime) -> tuple[str, ...]:
    """The zones in which the local time ``asked`` (naive) is the instant ``answered`` (aware), the most likely first; none for an impossible pair."""
    offset = asked.replace(tzinfo=UTC) - answered.astimezone(UTC)
    if abs(offset) > timedelta(hours=15):
        return ()
    known = [zone for zone in _every() if asked.replace(tzinfo=ZoneInfo(zone)).utcoffset() == offset]
    return tuple(sorted(known, key=lambda zone: (LIKELY.index(zone) if zone in LIKELY else len(LIKELY), zone)))


def differing(zones: Iterable[str], today: date) -> tuple[str, ...]:
    """Those of these zones that have other hours than the first on some day that can be booked."""
    first, *others = zones
    days = [datetime.combine(today + timedelta(days=ahead), time(12)) for ahead in range(DAYS_AHEAD)]

    def hours(zone: str) -> list[timedelta | None]:
        return [day.replace(tzinfo=ZoneInfo(zone)).utcoffset() for day in days]

    expected = hours(first)
    return tuple(zone for zone in others if hours(zone) != expected)


@cache
def _every() -> tuple[str, ...]:
    """One name for each place: those without a place (``EST5EDT``, ``Etc/GMT+5``) are not the zone of a business, except UTC."""
    named = {zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))}
    return tuple(sorted(named | {"UTC"}))
