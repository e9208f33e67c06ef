"""Makes text from files and platforms safe to print."""

from __future__ import annotations

import unicodedata
from pathlib import Path

LINE_MAX = 300


def clean(text: object, longest: int | None = None) -> str:
    """Make text from a history safe to print anywhere: no control characters, no lone surrogates, at most ``longest`` characters.

    A terminal would carry out control characters (escape sequences), and XML 1.0 forbids them; UTF-8 cannot encode lone surrogates.
    """
    kept = "".join("\ufffd" if _unprintable(character) else character for character in str(text))
    return kept if longest is None or len(kept) <= longest else f"{kept[: longest - 1]}…"


def log_end(path: Path) -> str:
    """How a program's log ends, for the message of an error: where it lies, and its last line."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"its log {path} cannot be read ({error.strerror})"
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"its log {path} ends with {clean(last.strip(), LINE_MAX)!r}" if last else f"its log {path} is empty"


def _unprintable(character: str) -> bool:
    forbidden = unicodedata.category(character) in {"Cc", "Cs"} or character in "\ufffe\uffff"
    return forbidden and character not in "\n\t"
