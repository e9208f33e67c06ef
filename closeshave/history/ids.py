"""IDs of a platform as numbers: most are, and judges compare them by the million; those that are text get a number that is the same everywhere.

No table is shared between the processes that meet an ID first: the number follows from the text. It lies between 2 to the 51st and 2 to the
52nd: above what platforms count to, below the numbers that they draw, and exact in every format. (Two of a hundred thousand IDs share one with
a chance of two in a million, and that is noticed.) Which text a number stands for is kept in ``ids.jsonl``.
"""

from __future__ import annotations

import hashlib

FILE = "ids.jsonl"
"""In a run directory: ``{"number": …, "text": …}`` for each ID that is no number."""
BIGGEST = 2**63 - 1
TEXTS = 2**51
"""The least number of an ID that is text."""


def number(told: object) -> int | None:
    """The number of an ID: its own where it is one, also told as text; of other text always the same high one. ``None`` for what is no ID."""
    if isinstance(told, bool) or not isinstance(told, int | str) or told == "":
        return None
    text = str(told)
    # Only what looks like one: Python also reads "1_000", "+7" and digits of other scripts, and "007" is not the ID 7.
    if text.isascii() and text.isdecimal() and len(text) <= len(str(BIGGEST)) and str(int(text)) == text and int(text) <= BIGGEST:
        return int(text)
    return TEXTS + (int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 13)
