"""This machine's time zone, for parts in containers: they write local times into their logs, and images have only UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

VARIABLE = "TZ"


def here() -> str:
    """The current offset of this machine's clock, as a value for ``TZ``."""
    return posix(datetime.now().astimezone().utcoffset() or timedelta())


def posix(ahead: timedelta) -> str:
    """A zone with this offset from UTC in the form of POSIX, which needs no zone files and has the opposite sign. Pure."""
    minutes = round(ahead.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign, missing = ("-", "") if minutes < 0 else ("+", "-")
    return f"<{sign}{hours:02}{rest:02}>{missing}{hours:02}:{rest:02}"
