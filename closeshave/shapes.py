"""How the rate moves within a phase, as a plan says it: shares of the phase's rate, which is the highest one. Frozen values.

What rate that is at an instant: :func:`closeshave.traffic.arrivals.rate_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator

from closeshave.files.yamlfile import STRICT, Fraction, Lasting, Seconds

_DAY_H = 24


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a share of the phase's rate, from 0 to 1")


@dataclass(frozen=True, slots=True)
class Ramp:
    """In a straight line over the whole phase."""

    __pydantic_config__ = STRICT

    kind: Literal["ramp"]
    start: Fraction = 0.0
    end: Fraction = 1.0

    def __post_init__(self) -> None:
        _share("start", self.start)
        _share("end", self.end)


@dataclass(frozen=True, slots=True)
class Steps:
    """One level after the other, each for an equal part of the phase."""

    __pydantic_config__ = STRICT

    kind: Literal["steps"]
    levels: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if not self.levels:
            raise ValueError("steps need levels")
        for level in self.levels:
            _share("a level", level)


@dataclass(frozen=True, slots=True)
class Spike:
    """A flash crowd on top of a base rate: it comes at once and then decays exponentially, as after a campaign's message."""

    __pydantic_config__ = STRICT

    kind: Literal["spike"]
    at: Seconds
    half_life: Lasting
    base: Fraction = 0.1

    def __post_init__(self) -> None:
        _share("base", self.base)
        if self.half_life <= 0:
            raise ValueError("half_life lasts longer than 0")


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A whole day in one phase: 24 levels joined by straight lines between the middles of their hours."""

    __pydantic_config__ = STRICT

    kind: Literal["diurnal"]
    hours: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if len(self.hours) != _DAY_H:
            raise ValueError(f"a day has 24 hours, not {len(self.hours)}")
        for level in self.hours:
            _share("an hour's level", level)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Arrivals from a file: seconds after the phase's start, one a line, ascending. Those after the phase's end are left out."""

    __pydantic_config__ = STRICT

    kind: Literal["replayed"]
    file: str
    """Below ``scenarios/``."""


Shape = Annotated[Ramp | Steps | Spike | Diurnal | Replayed, Discriminator("kind")]
