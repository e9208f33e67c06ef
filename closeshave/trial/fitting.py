"""A plan at another rate: the largest factor on its rates that fits, and the plan with this factor. Pure.

The caps of a remote platform, the processors of this machine and ``--rate-scale`` all end in one factor, and the same factor always makes the
same plan of the same file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from closeshave.plan import Plan, Role

LEAST, MOST = 0.001, 10.0
STEP_S = 1.0
"""Phases become longer in steps of this many seconds."""


def largest(fits: Callable[[float], bool]) -> float | None:
    """The largest factor of two digits that fits, or ``None``. ``fits`` must be true up to some factor, and false above it.

    It has two digits and is rounded down, so 1.1 times the factor never fits, unless that is above the largest allowed factor.
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
    # The result must not be above the limit, not even by a rounding error of the division.
    steps = math.floor(low / digit + 1e-9)
    found = round(steps * digit, 6)
    return found if fits(found) else round((steps - 1) * digit, 6)


def fitted(plan: Plan, factor: float) -> Plan:
    """The plan at ``factor`` times its rates; at less than its rates its calm phases last longer, so that they bring as many requests as planned.

    All become longer by the same share, but the plan never lasts longer than its ``limits.duration``. Phases with faults keep their lengths, because
    their figures are counted from the injection. ``limits.requests`` stays as written, times the factor if that is above 1.
    """
    scaled = plan.scaled(factor)
    room_s = plan.limits.duration - plan.duration_s
    calm_s = plan.calm_s
    if factor >= 1 or room_s <= 0 or calm_s <= 0:
        return scaled
    share = min(1 / factor, 1 + room_s / calm_s)
    grown = scaled.lasting(tuple(_grown_s(phase.duration, share) if phase.role is Role.CALM else phase.duration for phase in plan.phases))
    requests = math.ceil(plan.limits.requests * factor * grown.duration_s / plan.duration_s)
    return replace(grown, limits=replace(grown.limits, requests=min(requests, plan.limits.requests)))


def _grown_s(length_s: float, share: float) -> float:
    """Rounded down, so that all phases together stay within the limit; a rounding error of the division does not cost a step."""
    return max(length_s, math.floor(length_s * share / STEP_S + 1e-9) * STEP_S)
