"""How the rate follows the time of day: a nominal start time of the load, and a factor for each local hour and weekday.

A trial of minutes cannot wait for the evening, so a profile states a nominal time, and may let the nominal clock run faster than the real one. Half
of all bookings are made outside opening hours, with peaks in the evening and on Fridays: the profiles are files in ``scenarios/profiles``. The flash
crowd of a campaign is added, in the trial's own seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np

from closeshave.files.yamlfile import STRICT, Lasting, Name, NotNegative, Positive, Seconds, stated
from closeshave.loadgen import rates
from closeshave.traffic.dialect import is_zone

REGION_ZONES: Mapping[str, str] = {
    "us-east-1": "America/New_York",
    "us-west-2": "America/Los_Angeles",
    "eu-west-1": "Europe/Dublin",
    "ap-southeast-1": "Asia/Singapore",
    "sa-east-1": "America/Argentina/Buenos_Aires",
}
"""The time zone of a region's customers; UTC for a region that is not listed."""


YEARS = 1971, 2999
CYCLE_S = 146_097 * 86_400
"""400 years of the Gregorian calendar, which are a whole number of weeks."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A campaign's message is sent: the traffic is at once ``peak`` times as high, and the additional part halves every ``half_life`` seconds."""

    __pydantic_config__ = STRICT

    at: Seconds
    """When the message goes out, after the load's start and in the trial's own time."""
    peak: Annotated[Positive, stated(minimum=1)]
    """Factor on the traffic that there would be without the crowd; at least 1."""
    half_life: Lasting
    """Time until half of the additional traffic has gone."""

    def __post_init__(self) -> None:
        if self.peak < 1 or self.half_life <= 0:
            raise ValueError("peak must be at least 1, and half_life longer than 0")

    def factor(self, elapsed_s: float) -> float:
        """The factor ``elapsed_s`` seconds after the load's start: the rate model's own spike, over a rate of 1."""
        return float(rates.Spike(1.0, self.peak, self.at, self.half_life).per_s(np.array([elapsed_s]))[0])


@dataclass(frozen=True, slots=True)
class Profile:
    """Factors on the offered rate by local time of day and day of week. A factor of 1 is the plan's own rate."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the profile in plans: that of its file in ``scenarios/profiles/``."""
    starts_at: Annotated[datetime, stated(pattern=r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)? ?([Zz]|[+-]\d\d:?\d\d)$")]
    """The nominal instant of the load's start, with its offset from UTC."""
    hours: Annotated[tuple[NotNegative, ...], stated(minItems=24, maxItems=24)]
    """24 factors on the plan's rate, from the hour after local midnight on; not all 0."""
    days: Annotated[tuple[NotNegative, ...], stated(minItems=7, maxItems=7)] = (1.0,) * 7
    """Seven factors on the plan's rate, Monday first; not all 0."""
    speed: Positive = 1.0
    """Nominal seconds that pass in one second of the trial."""
    crowd: Crowd | None = None
    """An additional flash crowd, in all regions at once."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """Region → time zone (an IANA name), for regions whose zone the harness does not know, or has otherwise; without a zone a region uses UTC."""

    def __post_init__(self) -> None:
        if len(self.hours) != 24 or len(self.days) != 7:
            raise ValueError("a profile needs 24 hours and 7 days")
        if min(self.hours + self.days) < 0 or max(self.hours) == 0 or max(self.days) == 0:
            raise ValueError("factors are 0 or more, and not all 0")
        if self.starts_at.tzinfo is None:
            raise ValueError("starts_at needs its offset from UTC")
        if not YEARS[0] <= self.starts_at.year <= YEARS[1]:
            raise ValueError(f"starts_at must be between the years {YEARS[0]} and {YEARS[1]}")
        if unknown := [zone for zone in self.zones.values() if not is_zone(zone)]:
            raise ValueError(f"{unknown[0]!r} is not a time zone; one looks like America/New_York, Europe/Madrid or UTC")
        if self.speed <= 0:
            raise ValueError("speed must be above 0")

    @property
    def peak(self) -> float:
        """The highest factor of any region at any time."""
        return max(self.hours) * max(self.days) * (self.crowd.peak if self.crowd else 1.0)

    def factor(self, region: str, elapsed_s: float) -> float:
        """The factor in ``region``, ``elapsed_s`` seconds after the load's start."""
        zone = ZoneInfo(self.zones.get(region) or REGION_ZONES.get(region, "UTC"))
        # However fast its clock runs: dates and their weekdays repeat.
        local = (self.starts_at + timedelta(seconds=elapsed_s * self.speed % CYCLE_S)).astimezone(zone)
        return self.hours[local.hour] * self.days[local.weekday()] * (self.crowd.factor(elapsed_s) if self.crowd else 1.0)
