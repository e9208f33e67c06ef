"""IDs of a platform as numbers, because judges compare millions of them. Most IDs are numbers; a text ID gets a number that is the same in all
processes.

The number is computed from the text, so that processes need no common table. It lies between 2 to the 51st and 2 to the 52nd: above the counters of
platforms, below random numbers, and exact in every format. (Among a hundred thousand IDs two have the same number with a probability of two in a
million, which is detected.) ``ids.jsonl`` holds the text of each number.
"""

from __future__ import annotations

import hashlib

FILE = "ids.jsonl"
"""A file in a run directory: ``{"number": …, "text": …}`` for each text ID."""
BIGGEST = 2**63 - 1
TEXTS = 2**51
"""The least number of a text ID."""


def number(told: object) -> int | None:
    """The number of an ID: itself if it is a number, also one written as text; for other text a high number that is always the same.

    ``None`` for anything else.
    """
    if isinstance(told, bool) or not isinstance(told, int | str) or told == "":
        return None
    text = str(told)
    # Only what looks like one: Python also reads "1_000", "+7" and digits of other scripts, and "007" is not the ID 7.
    if text.isascii() and text.isdecimal() and len(text) <= len(str(BIGGEST)) and str(int(text)) == text and int(text) <= BIGGEST:
        return int(text)
    return TEXTS + (int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 13)
