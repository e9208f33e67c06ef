"""A number with the right form of its noun: 1 booking, 2 bookings."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """``1 booking``, ``1,234 bookings``. ``many`` is the plural if it is not ``one`` with an s."""
    return f"{number:,} {plural(number, one, many)}"


def plural(number: int, one: str, many: str = "") -> str:
    """The form of a noun or clause for this number."""
    return one if number == 1 else many or f"{one}s"
