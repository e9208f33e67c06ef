"""Computes which share of a plan's rates this machine sustains, from samples of a rising load. Pure.

Platform, senders and harness share the machine's processors. A short load rises towards the planned rate before the real one starts, and each second
says how many requests were sent and how much processor time all of that took. A straight line through these seconds (least squares) gives the use
that does not depend on the load, and the cost of a request; the plan gives the number of requests of a session. The rates are scaled so that all
together take at most :data:`SHARE` of the processors that may be used, and never above the plan's.

Rules, each with the effect of the opposite rule:

* Processor time, not response times. A platform that has become slow by waiting uses as much processor time as before, so it gets the planned rate
  and fails at it. If the rate was lowered until answers are quick, every platform would keep every bound.
* A platform that has become slow by computing gets a smaller rate. So that this is not hidden, the summary and the report show the processor time of
  a session, the rate and the planned rate, and below :data:`FLOOR` nothing is judged.
* A platform that refuses, fails or hangs uses little processor time, and gets the planned rate.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closeshave.trial import fitting

SHARE = 0.55
"""The largest share of the processors in use. Above about two thirds queues grow fast; the rest is for bursts, fail-overs and repairs."""
FLOOR = 0.2
"""The least share of the planned rates; below it the run is inconclusive before it starts.

A recovery is detected by 20 probes of one canary. The shipped plans send 10 a second and hold a shard's fault for 14 s or more: at a fifth of the
rate 20 probes take 10 s, which with the 3 to 4 s of a fail-over is just within that. Below it, a run cannot judge a recovery, and is too different
from its plan. It also limits what scaling can hide: if a platform needs more than five times the processor time, no machine that sustained the plan
sustains it any more.
"""
SATURATED = 0.9
"""Share of the processors in use by all programs above which a second counts as saturated: it shows the machine's limit, and not the demand."""
SECONDS_MIN = 4
"""At least so many unsaturated seconds are needed for a line. With fewer, the largest ratio of processor time to requests is used.

It counts the constant use as a cost of the requests. No larger load costs more than this ratio says, but a smaller one may: the constant use remains.
The calibration begins with a fifth of the plan's requests, and below :data:`FLOOR` nothing is judged.
"""


class NothingMeasured(ValueError):
    """There are no samples, or no request was sent."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The counts of one interval of the calibration, about a second long."""

    seconds: float
    customers: float
    """Requests that customers sent."""
    canaries: float
    """Requests that canaries sent."""
    own_s: float
    """Processor seconds of the environment, the senders and the harness."""
    others_s: float
    """Processor seconds of programs that belong to none of these."""

    @property
    def requests_per_s(self) -> float:
        """Requests of customers and canaries together."""
        return (self.customers + self.canaries) / self.seconds

    @property
    def cores(self) -> float:
        """Processors that the environment, the senders and the harness used, on average."""
        return self.own_s / self.seconds


@dataclass(frozen=True, slots=True)
class MachineProcessors:
    """The processors of the machine."""

    processors: float
    """Number of processors that the harness may use: :func:`closeshave.control.processors.available`."""
    present: float
    """Number of processors of the machine. Other programs may use those that the harness may not."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the plan sends at its highest rate, per second."""

    sessions_per_s: float
    requests_per_session: float
    contests_per_s: float
    requests_per_contest: float
    canaries_at: float
    """The share of their planned rates at which canaries probed during the calibration."""


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """The share of the rates that the machine sustains, and the figures from which it follows."""

    scale: float
    """Share of the planned rates, with two digits, rounded down; at most 1, and 0 if not even the smallest share fits."""
    budget_cores: float
    """Number of processors that environment, senders and harness may use together."""
    others_cores: float
    """How many of the processors that the harness may use were used by other programs: the median over all seconds."""
    standing_cores: float
    """Number of processors in use without load."""
    cpu_s_per_request: float
    cpu_s_per_session: float
    """Processor seconds of one customer's visit, summed over all parts."""
    planned_cores: float
    """Number of processors that the plan as written would use."""


def decide(samples: Sequence[Sample], wanted: Wanted, machine: MachineProcessors) -> CalibrationResult:
    """The share of the planned rates that the machine sustains. Raises :class:`NothingMeasured`."""
    seconds, customers = sum(each.seconds for each in samples), sum(each.customers for each in samples)
    if seconds <= 0 or customers <= 0:
        raise NothingMeasured("no requests were sent in the calibration")
    others_cores = statistics.median(used_by_others(each, machine) for each in samples)
    standing_cores, cpu_s = _line([each for each in samples if not saturated(each, machine)], samples)
    by_customers_per_s = wanted.sessions_per_s * wanted.requests_per_session + wanted.contests_per_s * wanted.requests_per_contest
    by_canaries_per_s = sum(each.canaries for each in samples) / seconds / wanted.canaries_at
    planned_cores = cpu_s * (by_customers_per_s + by_canaries_per_s)
    budget_cores = SHARE * max(0.0, machine.processors - others_cores)

    def fits(factor: float) -> bool:
        return standing_cores + factor * planned_cores <= budget_cores

    return CalibrationResult(
        scale=1.0 if fits(1.0) else (fitting.largest(fits) or 0.0),
        budget_cores=budget_cores,
        others_cores=others_cores,
        standing_cores=standing_cores,
        cpu_s_per_request=cpu_s,
        cpu_s_per_session=cpu_s * wanted.requests_per_session,
        planned_cores=standing_cores + planned_cores,
    )


def used_by_others(sample: Sample, machine: MachineProcessors) -> float:
    """The least number of the processors that the harness may use and that other programs used."""
    return max(0.0, sample.others_s / sample.seconds - max(0.0, machine.present - machine.processors))


def saturated(sample: Sample, machine: MachineProcessors) -> bool:
    """Whether the machine had no processor time left."""
    return sample.cores + used_by_others(sample, machine) > SATURATED * machine.processors


def _line(unsaturated: Sequence[Sample], samples: Sequence[Sample]) -> tuple[float, float]:
    """Processors in use without a request, and processor seconds of a request; neither is below 0."""
    x = np.array([each.requests_per_s for each in unsaturated])
    y = np.array([each.cores for each in unsaturated])
    if len(unsaturated) < SECONDS_MIN or float(np.ptp(x)) <= 0:
        return 0.0, max(each.cores / each.requests_per_s for each in samples if each.requests_per_s > 0)
    slope = float(np.cov(x, y, bias=True)[0, 1] / np.var(x))
    standing = float(y.mean() - slope * x.mean())
    if slope < 0:
        return float(y.mean()), 0.0
    # A line that starts below zero would promise more than was measured: then all processor time is charged to the requests.
    return (standing, slope) if standing >= 0 else (0.0, float((x @ y) / (x @ x)))
