"""Instants and days in the forms that APIs write. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

Form = Literal["iso", "epoch_s", "epoch_ms"]


def written(epoch_s: float, form: Form) -> str | int:
    """An instant as a request states it."""
    match form:
        case "iso":
            return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "epoch_s":
            return int(epoch_s)
        case "epoch_ms":
            return int(epoch_s * 1000)


def told(value: Any, form: Form) -> Any:
    """An instant of an answer as the harness reads it: text of ISO 8601, in UTC if it has no offset. What is no instant stays what it is."""
    if form == "iso" or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value / (1000 if form == "epoch_ms" else 1), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(value)


def instant(value: Any, form: Form) -> datetime | None:
    """An instant of an answer; ``None`` for what is none."""
    try:
        read = datetime.fromisoformat(str(told(value, form)))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def local_to_epoch(day: date, time: str, zone: str) -> int:
    """Seconds since the epoch of a local ``HH:MM`` on ``day``. Raises :class:`ValueError` or :class:`KeyError` for invalid values."""
    hour, minute = time.split(":")[:2]
    return int(datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=ZoneInfo(zone)).timestamp())


def local(epoch_s: float, zone: str) -> tuple[date, str]:
    """The day and the time (HH:MM) of an instant in a zone. Raises :class:`KeyError` or :class:`ValueError` for an unknown one."""
    at = datetime.fromtimestamp(epoch_s, ZoneInfo(zone))
    return at.date(), at.strftime("%H:%M")


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether this is the IANA name of a zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A directory of the database, or a path out of it, is refused by other errors than an unknown name.
        return False
    return True


def midnight_s(day: date, zone: str) -> float:
    """Seconds since the epoch at which this day begins in the zone. Raises :class:`KeyError` or :class:`ValueError` for an unknown one."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()


def next_midnight_s(day: date, zone: str) -> float:
    """The same of the next day."""
    return midnight_s(day + timedelta(days=1), zone)


def later(time: str, minutes: int) -> str:
    """The time so many minutes after a local ``HH:MM``; opening hours end before midnight."""
    hour, minute = map(int, time.split(":")[:2])
    total = hour * 60 + minute + minutes
    return f"{total // 60 % 24:02}:{total % 60:02}"
