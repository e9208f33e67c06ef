"""When a region gets more instances, and when fewer: thresholds, and for how long they must hold. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class InstanceLimits:
    """How many instances there may be."""

    least: int
    most: int

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` unless 0 <= least <= most and 1 <= most."""
        if not 0 <= self.least <= self.most or self.most < 1:
            raise ValueError(
                f"from {self.least} to {self.most} instances: write at least 0, at most what is there, and the smaller number first"
            )


PROMISED: Mapping[str, InstanceLimits] = MappingProxyType(
    {"E08": InstanceLimits(50, 1000), "T06 on AWS": InstanceLimits(3, 50), "T06 on GCP": InstanceLimits(0, 100)}
)
"""The limits that target systems promise. No machine of ours holds as many instances: the decision is tried with them, by simulation."""


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """The rules of promise B11, with its numbers as defaults. Times are in seconds.

    The instances are too few when *one* of the conditions for more holds, and too many when *all* for fewer hold.
    """

    out_cpu: float = 0.60
    """Mean share of one processor that an instance uses, above which there are too few ..."""
    out_cpu_s: float = 300.0
    """... if it holds so long."""
    out_memory: float = 0.70
    """Mean share of the memory that an instance is given, above which there are too few ..."""
    out_memory_s: float = 300.0
    """... if it holds so long."""
    out_response_s: float = 0.300
    """Mean response time above which there are too few ..."""
    out_response_samples: int = 3
    """... in so many samples, one after the other."""
    out_queue: int = 100
    """Requests that are waiting or in work, above which there are too few at once."""
    in_cpu: float = 0.30
    """Below this share, ..."""
    in_memory: float = 0.40
    """... this one ..."""
    in_load_s: float = 600.0
    """... for so long, ..."""
    in_response_s: float = 0.150
    """... and below this mean response time ..."""
    in_response_for_s: float = 900.0
    """... for so long, there are too many."""
    cooldown_s: float = 60.0
    """After a change nothing is changed for so long. B11 states none; this one is ours."""
    sample_s: float = 60.0
    """From one sample to the next. B11 states none; this one is ours."""
    by: int = 1
    """How many instances are started or ended at once."""

    def scaled(self, factor: float) -> ScalingRules:
        """The same with every time multiplied by ``factor``; thresholds stay, because they are no times of the rules' own."""
        times = {each.name for each in fields(self) if each.name.endswith("_s")} - {"out_response_s", "in_response_s"}
        return replace(self, **{name: getattr(self, name) * factor for name in times})


@dataclass(frozen=True, slots=True)
class LoadSample:
    """What was measured since the sample before."""

    at_s: float
    """On the monotonic clock, in seconds."""
    instances: int
    """How many run. One that gets no requests at the moment counts too, or the most would be exceeded."""
    cpu: float
    """Mean share of one processor that each of them used."""
    memory: float
    """Mean share of the memory that each of them is given."""
    response_s: float | None
    """Mean time of the requests that ended; ``None`` without one."""
    queue: int
    """Requests that their balancer has sent to them and that have not ended."""
    asked_per_s: float
    """Requests that came to the region's edge, whoever answered them, or to its balancer: whichever are more."""
