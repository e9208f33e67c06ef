"""One level of a search: what is asked for, and what was found at it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class LevelPurpose(StrEnum):
    """Why a level is driven."""

    STEP = "step"
    """Geometric steps, until a rate is too high; downwards if the first one is."""
    BISECT = "bisect"
    """Between the highest rate that held and the lowest that did not."""
    CONFIRM = "confirm"
    """The winner once more, for longer."""
    OVERLOAD = "overload"
    """Above the capacity, to see what happens there. It decides nothing about the capacity."""


class LevelStatus(StrEnum):
    """What a level says about its rate."""

    HOLDS = "holds"
    """The upper confidence bound of each percentile, and the lower one of the availability, meets the objective."""
    BROKEN = "broken"
    """The bound on the good side breaks an objective, and the platform alone caused it."""
    UNKNOWN = "unknown"
    """Neither; ``cause`` says why."""


class LevelCause(StrEnum):
    """Why a level is unknown."""

    NONE = ""
    """It is not unknown."""
    INTERVAL = "interval"
    """The confidence interval lies on both sides of an objective: more requests may decide."""
    FEW = "few"
    """Too few requests to decide, even if all of them kept the objective: says nothing about the rate."""
    GROWING = "growing"
    """The backlog grew: objectives that hold now would break later."""
    DRAINING = "draining"
    """The platform was still getting faster: objectives that break now may hold later."""
    GENERATOR = "generator"
    """The load generator was late: response times include its own delay."""
    MACHINE = "machine"
    """Other programs disturbed the platform or the senders."""
    REST = "rest"
    """The platform had not come back to rest before the level."""
    FAULT = "fault"
    """The fault was not proven to be in effect during the whole level."""
    FAILED = "failed"
    """The environment or the harness failed."""


LONGER_HELPS = frozenset({LevelCause.FEW, LevelCause.INTERVAL, LevelCause.GROWING, LevelCause.DRAINING})
"""Causes that a longer level may settle."""
OF_PLATFORM = frozenset({LevelCause.INTERVAL, LevelCause.GROWING})
"""Causes that show the edge of the platform itself, and of nothing else."""


@dataclass(frozen=True, slots=True)
class LevelAsk:
    """A level to be driven."""

    rate: float
    """Arrivals per second: sessions of a plan, requests of a scripted server."""
    length_s: float
    """Seconds that are judged."""
    purpose: LevelPurpose
    """Why it is driven."""


@dataclass(frozen=True, slots=True)
class PercentileFigure:
    """One objective on response times at one level."""

    objective: str
    """Its ID."""
    percentile: float
    """From 0 to 1."""
    at_most_s: float
    """The promise."""
    measured_s: float | None
    """``null`` where so many requests were not answered well that the percentile does not exist."""
    low_s: float | None
    """One-sided lower confidence bound; ``null`` where the sample is too small for one."""
    high_s: float | None
    """The upper one."""
    n: int
    """Requests that it is about."""


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """What was measured at a level, over the seconds that are judged."""

    offered_per_s: float
    """Requests that were due, per second."""
    answered_per_s: float
    """Requests that ended in that time, well or not, per second."""
    goodput_per_s: float
    """Requests that ended well in that time, per second."""
    availability: float
    """Share of the requests that were answered well."""
    refused: float
    """Share of the requests that were answered with 429 or 503."""
    p50_s: float | None
    """Median response time, from the instant at which a request was due; ``null`` where it does not exist."""
    p95_s: float | None
    """Its 95th percentile."""
    p99_s: float | None
    """Its 99th percentile."""
    in_flight_mean: float
    """Requests that were due and not answered, averaged over time: L of Little's law."""
    in_flight_end: float
    """The same in the last tenth."""
    little: float
    """λW: the rate of arrivals times the mean response time. Equal to L at a steady level."""
    lateness_ms_p99: float
    """How late requests were sent, of the worst window."""
    percentiles: tuple[PercentileFigure, ...] = ()
    """One for each objective."""


@dataclass(frozen=True, slots=True)
class OverloadFigures:
    """What happened above the capacity."""

    well_after_s: float | None
    """Seconds from the end of the load until the platform was well again; ``null`` if it was not within the deadline."""
    deadline_s: float
    """Seconds that were waited for it."""


@dataclass(frozen=True, slots=True)
class LevelResult:
    """A level that was driven."""

    ask: LevelAsk
    """What was asked."""
    status: LevelStatus
    """What it says about its rate."""
    cause: LevelCause = LevelCause.NONE
    """Why it is unknown; empty where it is not."""
    why: str = ""
    """A sentence; empty for a level that holds."""
    figures: LevelFigures | None = None
    """``null`` where nothing was measured."""
    took_s: float = 0.0
    """Wall-clock seconds of the level with everything around it."""
    began_s: float = 0.0
    """Seconds from the start of the search to its start."""
    idle_ms: float | None = None
    """The median response time of single requests before the level, without load; ``null`` where that was not measured."""
    rested_s: float | None = None
    """How long the platform took to come to rest before it; ``null`` where it did not, or was not asked."""
    run: str = ""
    """The directory of its run; empty where it is no trial."""
    overload: OverloadFigures | None = None
    """Only of a level above the capacity."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Resource → its use, 0 to 1 where it has a limit; see :mod:`closeshave.capacity.limiting`."""
