"""The metrics of a running trial: names, units, labels and values, from what was seen. Pure; each receiver has a module that writes them its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from closeshave.history import Manifest
from closeshave.plan import Plan
from closeshave.telemetry.totals import Durations, Totals

_Key = TypeVar("_Key")


class Sort(Enum):
    """What a metric's values do."""

    COUNTER = "counter"
    """They only grow while the trial runs."""
    GAUGE = "gauge"
    """They go up and down."""
    HISTOGRAM = "histogram"
    """Each is a distribution that only grows."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its values."""

    name: str
    """Without the unit and without what a receiver appends (``_total``, ``_bucket``)."""
    about: str
    """A sentence for people."""
    sort: Sort
    labels: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float | Durations], ...]
    """Values of the labels, and what is measured there; a :class:`Durations` for a histogram."""
    unit: str = ""
    """``seconds``, or empty for a plain number."""


@dataclass(frozen=True, slots=True)
class About:
    """What a trial is, rather than what was seen of it."""

    run: Mapping[str, str]
    """What tells this run from others: labels of ``closeshave_run_info``, and attributes of everything that is sent by OTLP."""
    evidence: Callable[[], str]
    """What the run can show, which is known only when the platform runs."""
    plan: Callable[[], Plan]
    """As it is carried out: a calibration changes its rates."""
    wall_s: Callable[[int], float]
    """Seconds since the epoch of an instant of the monotonic clock, in nanoseconds."""


def about(manifest: Callable[[], Manifest], plan: Callable[[], Plan]) -> About:
    """Of this trial."""
    now = manifest()
    return About(
        run={
            "run": now.id,
            "plan": now.plan,
            "environment": now.environment,
            "target": now.target,
            "version": now.version,
        },
        evidence=lambda: manifest().evidence,
        plan=plan,
        wall_s=lambda at_ns: now.anchor.to_wall(at_ns).timestamp(),
    )


def families(seen: Totals, told: About, failures: Mapping[str, int]) -> tuple[Family, ...]:
    """All metrics. ``failures`` counts by receiver what could not be sent."""
    phases = told.plan().phases
    return (
        Family(
            "closeshave_run_info",
            "The run that this process carries out.",
            Sort.GAUGE,
            (*told.run, "evidence"),
            (((*told.run.values(), told.evidence()), 1),),
        ),
        Family(
            "closeshave_phase",
            "1 for the phase that runs, 0 for the others.",
            Sort.GAUGE,
            ("phase", "role"),
            tuple(((phase.name, phase.role.value), int(phase.name == seen.phase)) for phase in phases),
        ),
        Family(
            "closeshave_planned_sessions_per_second",
            "The rate of customer sessions that the plan states for the phase that runs, at its highest.",
            Sort.GAUGE,
            (),
            (((), sum(phase.sessions_per_s for phase in phases if phase.name == seen.phase)),),
        ),
        *_requests(seen),
        *_faults(seen, told),
        Family(
            "closeshave_signals",
            "Signals of the platform itself, such as a promotion or an alert.",
            Sort.COUNTER,
            ("kind", "scope"),
            tuple((key, count) for key, count in sorted(seen.signals.items())),
        ),
        Family(
            "closeshave_marks",
            "What else the trial noted on its timeline, by kind.",
            Sort.COUNTER,
            ("kind",),
            tuple(((kind,), count) for kind, count in sorted(seen.marks.items())),
        ),
        Family(
            "closeshave_telemetry_failures",
            "What could not be sent to a receiver of the trial's telemetry.",
            Sort.COUNTER,
            ("receiver",),
            tuple(((name,), count) for name, count in sorted(failures.items())),
        ),
    )


def _requests(seen: Totals) -> Iterable[Family]:
    yield Family(
        "closeshave_requests",
        "Requests that ended. good is false where the customer did not get the promised answer; outcome is what is known to have happened.",
        Sort.COUNTER,
        ("source", "operation", "region", "shard", "outcome", "good"),
        tuple(
            ((one.source, one.operation, one.region, str(one.shard), one.outcome, str(one.good).lower()), count)
            for one, count in sorted(seen.requests.items())
        ),
    )
    yield Family(
        "closeshave_response_time",
        "From the instant at which a request was intended to the end of its answer.",
        Sort.HISTOGRAM,
        ("source", "operation", "region"),
        tuple(sorted(seen.responses.items(), key=_key)),
        "seconds",
    )
    yield Family(
        "closeshave_send_lateness",
        "From the instant at which a request was intended to when it was sent: how far the load generator is behind.",
        Sort.HISTOGRAM,
        ("source",),
        tuple(((source,), one) for source, one in sorted(seen.lateness.items(), key=_key)),
        "seconds",
    )


def _faults(seen: Totals, told: About) -> Iterable[Family]:
    lives = sorted(seen.faults.items(), key=_key)
    yield Family(
        "closeshave_fault_in_effect",
        "1 from the injection of a fault until the harness begins to heal it, else 0.",
        Sort.GAUGE,
        ("fault", "kind", "scope"),
        tuple(((name, life.kind, life.scope), int(life.in_effect)) for name, life in lives),
    )
    yield Family(
        "closeshave_fault_edge_timestamp",
        "When a fault was planned, injected, observed, healed and proven healed, in seconds since the epoch.",
        Sort.GAUGE,
        ("fault", "kind", "scope", "edge"),
        tuple(((name, life.kind, life.scope, edge), told.wall_s(at_ns)) for name, life in lives for edge, at_ns in life.edges.items()),
        "seconds",
    )


def _key(item: tuple[_Key, object]) -> _Key:
    return item[0]
