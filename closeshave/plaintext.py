"""Text for people: what comes from elsewhere made safe to show, and numbers beside the right form of their noun."""

from __future__ import annotations

import unicodedata


def clean(text: object, longest: int | None = None) -> str:
    """Text from a history made safe to print anywhere: no control characters, no lone surrogates, not longer than ``longest``.

    A terminal would obey the first (escape sequences), XML 1.0 forbids them, and UTF-8 cannot encode the second.
    """
    kept = "".join("\ufffd" if _unprintable(character) else character for character in str(text))
    return kept if longest is None or len(kept) <= longest else f"{kept[: longest - 1]}…"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 booking``, ``1,234 bookings``. ``many`` is the plural where it is not ``one`` with an s, as in a clause."""
    return f"{number:,} {plural(number, one, many)}"


def plural(number: int, one: str, many: str = "") -> str:
    """The form of a noun or clause that belongs to the number."""
    return one if number == 1 else many or f"{one}s"


def _unprintable(character: str) -> bool:
    forbidden = unicodedata.category(character) in {"Cc", "Cs"} or character in "\ufffe\uffff"
    return forbidden and character not in "\n\t"
