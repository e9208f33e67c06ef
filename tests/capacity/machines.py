"""A load machine, as if it had been measured."""

from __future__ import annotations

import dataclasses
from typing import Any

from closeshave.capacity.interval import Interval
from closeshave.capacity.loadmachine.values import SCHEMA, Allowed, LoadMachine, Memory, Paced, PacedLevel, Saturated

LEVELS = (
    PacedLevel(20_000, 50_000, 50_000, 0.2),
    PacedLevel(40_000, 100_000, 100_000, 0.8),
    PacedLevel(60_000, 150_000, 150_000, 40.0),
)
MACHINE = LoadMachine(
    SCHEMA,
    "2026-11-30T23:00:00+00:00",
    "0.1.0",
    "Some processor",
    "compiled",
    Allowed(4.0, 8 << 30, 28_232, 60.0, 20_000),
    (
        Saturated(1, Interval(98_000, 100_000, 102_000), Interval(88_000, 90_000, 92_000), 0.9, 0.01),
        Saturated(2, Interval(90_000, 95_000, 99_000), Interval(150_000, 160_000, 170_000), 1.8, 0.05),
    ),
    Paced(1, LEVELS, 0.001),
    Memory(Interval(80e6, 82e6, 84e6), Interval(220, 225, 230), Interval(9_000, 10_000, 11_000), 400_000, 6_000),
    120.0,
    350.0,
    ("4 workers: only 2 processors may be used here",),
)


def machine(**changed: Any) -> LoadMachine:
    """:data:`MACHINE` with other figures."""
    return dataclasses.replace(MACHINE, **changed)


def paced(*levels: tuple[float, float], workers: int = 1) -> Paced:
    """Levels of a rate and a p99 lateness in milliseconds, of which everything was sent."""
    return Paced(workers, tuple(PacedLevel(rate, round(rate), round(rate), late) for rate, late in levels), 0.0)
