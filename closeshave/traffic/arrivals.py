"""When sessions arrive: for each region a Poisson process whose rate follows the phases and the time of day, computed before the first one is sent.

The rate counts as constant within cells of at most a second, or of a tenth of a second if a phase's rate changes. In each cell the count is Poisson
and, given the count, the instants are uniform: an exact sample of a piecewise-constant Poisson process (Kingman, *Poisson Processes*, 1993,
section 2.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from closeshave.files.shipped import locate
from closeshave.loadgen import rates
from closeshave.loadgen.rates import ArrivalRate, replay
from closeshave.shapes import DiurnalShape, RampShape, Replayed, Shape, SpikeShape, StepsShape
from closeshave.traffic.load import LoadPhase

DAY_S = 86_400.0
CELL_S = 1.0
SHAPED_CELL_S = 0.1

Factor = Callable[[str, float], float]
"""``(region, elapsed_s)`` → factor on the region's rate: :meth:`closeshave.traffic.profiles.Profile.factor`."""


@dataclass(frozen=True, slots=True)
class SessionArrivals:
    """Sessions in the order of their arrival."""

    at_ns: npt.NDArray[np.int64]
    """Nanoseconds after the load's start, ascending."""
    region: npt.NDArray[np.int16]
    """Index into the given regions."""

    def __len__(self) -> int:
        return len(self.at_ns)


def rate_of(shape: Shape | None, peak_per_s: float, duration_s: float) -> ArrivalRate:
    """Sessions per second over a phase that lasts ``duration_s`` and whose highest rate is ``peak_per_s``. Replayed arrivals have no rate."""
    match shape:
        case RampShape():
            return rates.Ramp(shape.start * peak_per_s, shape.end * peak_per_s, duration_s)
        case StepsShape():
            return rates.Steps(tuple(level * peak_per_s for level in shape.levels), duration_s / len(shape.levels))
        case SpikeShape():
            return rates.Spike(shape.base * peak_per_s, peak_per_s, shape.at, shape.half_life)
        case DiurnalShape():
            return rates.Diurnal(peak_per_s, shape.hours, speed=DAY_S / duration_s)
        case Replayed():
            return rates.Constant(0.0)
        case None:
            return rates.Constant(peak_per_s)


def cells(phases: Sequence[LoadPhase]) -> list[tuple[float, float, float]]:
    """``(start, length, sessions per second)`` of the cells in which the rate counts as constant; in seconds, without gaps, in order."""
    found = []
    for phase in phases:
        count = max(1, int(np.ceil(phase.duration_s / (SHAPED_CELL_S if phase.shape else CELL_S))))
        length = phase.duration_s / count
        at_s = np.arange(count, dtype=np.float64) * length
        per_s = rate_of(phase.shape, phase.sessions_per_s, phase.duration_s).per_s(np.add(at_s, length / 2, dtype=np.float64))
        found += [(phase.starts_s + start, length, rate) for start, rate in zip(at_s.tolist(), per_s.tolist(), strict=True)]
    return found


def poisson(phases: Sequence[LoadPhase], shares: Mapping[str, float], factor: Factor, rng: np.random.Generator) -> SessionArrivals:
    """Arrivals over ``phases``, the rate of a region being ``sessions_per_s`` x its share x its factor at that time.

    ``shares`` add up to 1. The same generator state gives the same arrivals; none lies at or after the end of the last phase. Replayed arrivals stay
    as recorded, whatever the time of day. Raises what :func:`replayed` raises.
    """
    grid = cells(phases)
    starts = np.array([start for start, _, _ in grid])
    lengths = np.array([length for _, length, _ in grid])
    at_s: list[npt.NDArray[np.float64]] = []
    regions: list[npt.NDArray[np.int16]] = []
    for index, (name, share) in enumerate(shares.items()):
        rates = np.array([rate * share * factor(name, start + length / 2) for start, length, rate in grid])
        counts = rng.poisson(rates * lengths)
        at_s.append(np.repeat(starts, counts) + rng.random(counts.sum()) * np.repeat(lengths, counts))
        regions.append(np.full(counts.sum(), index, dtype=np.int16))
    for phase in phases:
        if isinstance(phase.shape, Replayed):
            instants_s = replayed(locate("scenarios", phase.shape.file), phase.duration_s)
            at_s.append(phase.starts_s + instants_s)
            regions.append(rng.choice(len(shares), len(instants_s), p=list(shares.values())).astype(np.int16))
    at_ns = (np.concatenate(at_s) * 1e9).astype(np.int64)
    region = np.concatenate(regions)
    order = np.argsort(at_ns, kind="stable")
    # A uniform draw just below 1 may round up to the end itself, where nothing may start any more.
    kept = order[at_ns[order] < round(phases[-1].ends_s * 1e9)]
    return SessionArrivals(at_ns[kept], region[kept])


def replayed(path: Path, duration_s: float) -> npt.NDArray[np.float64]:
    """The arrivals of a file within ``duration_s`` seconds. Raises :class:`ValueError` unless they ascend from 0, one number a line."""
    at_ns = replay(path)
    return at_ns[at_ns < duration_s * 1e9] / 1e9


def steady(per_s: float, duration_s: float, phase_s: float) -> npt.NDArray[np.int64]:
    """Evenly spaced instants, the first after ``phase_s`` seconds, nanoseconds after the load's start: how canaries are sent."""
    if per_s <= 0 or phase_s >= duration_s:
        return np.empty(0, dtype=np.int64)
    count = max(0, int(np.ceil((duration_s - phase_s) * per_s)))
    at_ns = np.round((phase_s + np.arange(count) / per_s) * 1e9).astype(np.int64)
    return at_ns[at_ns < round(duration_s * 1e9)]
