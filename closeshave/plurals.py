"""A number with the right form of its noun: 1 booking, 2 bookings."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """``1 booking``, ``1,234 bookings``. ``many`` is the plural where it is not ``one`` with an s, as in a clause."""
    return f"{number:,} {plural(number, one, many)}"


def plural(number: int, one: str, many: str = "") -> str:
    """The form of a noun or clause that belongs to the number."""
    return one if number == 1 else many or f"{one}s"
