"""How the rate changes within a phase of a plan, as shares of the phase's rate, which is the highest one. Frozen values.

:func:`closeshave.traffic.arrivals.rate_of` computes the rate at an instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator

from closeshave.files.yamlfile import STRICT, Fraction, Lasting, Seconds, stated

_DAY_H = 24


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a share of the phase's rate, from 0 to 1")


@dataclass(frozen=True, slots=True)
class RampShape:
    """A linear change over the whole phase."""

    __pydantic_config__ = STRICT

    kind: Literal["ramp"]
    """The name of this shape."""
    start: Fraction = 0.0
    """Share of the phase's rate at its start, from 0 to 1."""
    end: Fraction = 1.0
    """Share of the phase's rate at its end, from 0 to 1."""

    def __post_init__(self) -> None:
        _share("start", self.start)
        _share("end", self.end)


@dataclass(frozen=True, slots=True)
class StepsShape:
    """One level after the other, each for an equal part of the phase."""

    __pydantic_config__ = STRICT

    kind: Literal["steps"]
    """The name of this shape."""
    levels: Annotated[tuple[Fraction, ...], stated(minItems=1)]
    """Shares of the phase's rate, from 0 to 1, in their order."""

    def __post_init__(self) -> None:
        if not self.levels:
            raise ValueError("steps need levels")
        for level in self.levels:
            _share("a level", level)


@dataclass(frozen=True, slots=True)
class SpikeShape:
    """A flash crowd in addition to a base rate: it begins at once and then decays exponentially, as after a campaign's message."""

    __pydantic_config__ = STRICT

    kind: Literal["spike"]
    """The name of this shape."""
    at: Seconds
    """When the crowd comes, after the start of the phase."""
    half_life: Lasting
    """How long until half of the crowd has gone."""
    base: Fraction = 0.1
    """Share of the phase's rate before the crowd and long after it, from 0 to 1."""

    def __post_init__(self) -> None:
        _share("base", self.base)
        if self.half_life <= 0:
            raise ValueError("half_life must be longer than 0")


@dataclass(frozen=True, slots=True)
class DiurnalShape:
    """A whole day in one phase: 24 levels, with linear changes between the middles of their hours."""

    __pydantic_config__ = STRICT

    kind: Literal["diurnal"]
    """The name of this shape."""
    hours: Annotated[tuple[Fraction, ...], stated(minItems=_DAY_H, maxItems=_DAY_H)]
    """24 shares of the phase's rate, from 0 to 1, the hour after midnight first."""

    def __post_init__(self) -> None:
        if len(self.hours) != _DAY_H:
            raise ValueError(f"a day has 24 hours, not {len(self.hours)}")
        for level in self.hours:
            _share("an hour's level", level)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Arrivals from a file: seconds after the phase's start, one per line, ascending. Those after the phase's end are left out."""

    __pydantic_config__ = STRICT

    kind: Literal["replayed"]
    """The name of this shape."""
    file: str
    """The file of arrivals, below ``scenarios/``."""


Shape = Annotated[RampShape | StepsShape | SpikeShape | DiurnalShape | Replayed, Discriminator("kind")]
