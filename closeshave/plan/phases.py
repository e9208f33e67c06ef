"""Phases: how much load, how long, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from closeshave.files.yamlfile import (
    STRICT,
    Lasting,
    Name,
    Positive,
)
from closeshave.shapes import Shape


class Role(StrEnum):
    """The role of a phase: only ``calm`` is judged by steady-state objectives, and only ``fault`` may hold faults."""

    WARM_UP = "warm-up"
    """Fills caches and pools; not judged."""
    CALM = "calm"
    """No faults; judged by the objectives whose window is ``calm``: availability, percentiles, ratios."""
    FAULT = "fault"
    """Faults are injected here; recovery, loss and containment are judged, and the error budget is charged."""


class Expected(StrEnum):
    """What the platform is expected to do under the fault; see docs/glossary.md, "expected"."""

    TOLERATES = "tolerates"
    """The objectives hold throughout."""
    DEGRADES = "degrades"
    """A weaker objective holds while the fault is in effect."""
    RECOVERS = "recovers"
    """The platform recovers by itself, within its RTO."""
    RESTORED = "restored"
    """An operator restores the platform, and that is part of the recovery."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of the trial, with one offered rate or a rate that changes in a stated shape."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the phase, as faults and verdicts refer to it; unique within a plan."""
    role: Role
    """What the phase is for."""
    duration: Lasting
    """How long it lasts. A calm phase lasts longer where the rate is lower than planned, within ``limits.duration``."""
    sessions_per_s: Positive
    """Arrivals of customers per second, over all regions; each makes about ten requests. With a shape, the highest rate."""
    shape: Shape | None = None
    """How the rate changes within the phase; constant without a shape."""

    def __post_init__(self) -> None:
        if self.duration <= 0:
            raise ValueError("a phase must be longer than 0")
        if self.sessions_per_s <= 0:
            raise ValueError("sessions_per_s must be above 0")
