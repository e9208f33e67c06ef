"""Names of places on the page, for links. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def anchors(kind: str, ids: Iterable[str]) -> Mapping[str, str]:
    """For each ID the name of its place: ``verdict-recovery-primary-killed``. Made of letters, digits, points and hyphens, and each only once.

    IDs may come from a platform, so none of them is used as it is.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for each in ids:
        if each in found:
            continue
        plain = f"{kind}-{re.sub(r'[^A-Za-z0-9.]+', '-', each).strip('-')[:80]}"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        found[each] = name
    return found
