"""How long and how often to measure: for the published figures, and a short form for work on the engine."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.rate import Window


@dataclass(frozen=True, slots=True)
class Effort:
    """Durations in seconds."""

    window: Window
    repeats: int
    open_s: float
    crowd_s: float
    exact_requests: int
    operations: int


FULL = Effort(Window(2.0, 8.0), repeats=3, open_s=20.0, crowd_s=600.0, exact_requests=1_000_000, operations=10_000_000)
QUICK = Effort(Window(1.0, 2.0), repeats=1, open_s=5.0, crowd_s=30.0, exact_requests=50_000, operations=1_000_000)
