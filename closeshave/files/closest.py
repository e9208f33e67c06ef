"""``(did you mean NAME?)``: the name that is closest to one that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CLOSE = 0.6
"""How alike two words must be, from 0 to 1 (:func:`difflib.get_close_matches`)."""


def meant(word: str, names: Iterable[str]) -> str:
    """The end of a message about ``word``, with a space before it; empty where no name is close."""
    close = difflib.get_close_matches(word, sorted(names), n=1, cutoff=CLOSE)
    return f" (did you mean {close[0]}?)" if close else ""
