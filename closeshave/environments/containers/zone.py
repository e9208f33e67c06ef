"""This machine's time zone for parts in containers: they write local times into their logs, and images only have UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

VARIABLE = "TZ"


def here() -> str:
    """As this machine's clocks show it now, for ``TZ``."""
    return posix(datetime.now().astimezone().utcoffset() or timedelta())


def posix(ahead: timedelta) -> str:
    """A zone so far ahead of Greenwich in the words of POSIX, which need no zone files, and which count what is missing to Greenwich. Pure."""
    minutes = round(ahead.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign, missing = ("-", "") if minutes < 0 else ("+", "-")
    return f"<{sign}{hours:02}{rest:02}>{missing}{hours:02}:{rest:02}"
