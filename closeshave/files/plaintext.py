"""Makes text from files and platforms safe to print."""

from __future__ import annotations

import unicodedata


def clean(text: object, longest: int | None = None) -> str:
    """Make text from a history safe to print anywhere: no control characters, no lone surrogates, at most ``longest`` characters.

    A terminal would carry out control characters (escape sequences), and XML 1.0 forbids them; UTF-8 cannot encode lone surrogates.
    """
    kept = "".join("\ufffd" if _unprintable(character) else character for character in str(text))
    return kept if longest is None or len(kept) <= longest else f"{kept[: longest - 1]}…"


def _unprintable(character: str) -> bool:
    forbidden = unicodedata.category(character) in {"Cc", "Cs"} or character in "\ufffe\uffff"
    return forbidden and character not in "\n\t"
