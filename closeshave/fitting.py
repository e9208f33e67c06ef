"""By what a plan's rates are to be multiplied so that it fits a platform: found by asking, whatever the reasons are. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

LEAST, MOST = 0.001, 10.0


def largest(fits: Callable[[float], bool]) -> float | None:
    """The largest factor of two digits that fits, ``None`` where none does. ``fits`` holds up to some factor, and for none above it.

    Two digits, rounded down: so 1.1 times the factor never fits, unless it is above the largest that may be asked for.
    """
    low, high = LEAST, MOST
    if not fits(low):
        return None
    if fits(high):
        return high
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    digit = 10.0 ** (math.floor(math.log10(low)) - 1)
    # Rounding must not lift it over the edge, not even by what a division loses.
    steps = math.floor(low / digit + 1e-9)
    found = round(steps * digit, 6)
    return found if fits(found) else round((steps - 1) * digit, 6)
