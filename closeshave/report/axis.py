"""The time axis that every chart shares: seconds after the run's first phase began. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.history import FaultEdge, History
from closeshave.judge.verdict import Assessment, FaultFigures
from closeshave.report.doubts import Doubtful
from closeshave.vocabulary import SignalKind

SIGNAL_KINDS = (SignalKind.SUSPECTED, SignalKind.PROMOTED, SignalKind.DEMOTED, SignalKind.ALERT)


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase as it happened."""

    name: str
    role: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Band:
    """A fault on the axis; an instant that is not known is ``None``."""

    fault: str
    start_s: float
    observed_s: float | None
    recovered_s: float | None
    healed_s: float | None
    """When the harness began to heal it."""
    verified_s: float | None
    """When its healing was proven."""
    end_s: float
    """Where the band ends: healed, or the end of the run for a fault that never was."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The platform's own word, at most one a second for each kind and scope."""

    at_s: float
    kind: str
    scope: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From the start of the first phase to the end of the last, or to the last healing."""

    zero_ns: int
    span_s: float
    phases: tuple[PhaseSpan, ...]
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    doubts: tuple[Doubtful, ...] = ()
    """Where figures are doubtful; empty as well where nobody asked."""


def axis(history: History, assessment: Assessment) -> Axis:
    """The axis of a run. Without phases (it ended before the first) the recorded operations give the span."""
    phases = history.manifest.phases
    if phases:
        zero, end = phases[0].started_ns, max(phase.ended_ns for phase in phases)
    elif len(history.operations):
        zero, end = int(history.operations["intended_ns"].min()), int(history.operations["ended_ns"].max())
    else:
        zero, end = history.manifest.anchor.monotonic_ns, history.manifest.anchor.monotonic_ns
    healed = [fault.healed_at_s for fault in assessment.faults if fault.healed_at_s is not None]
    # A fault may be healed after the last phase, when the machine was slow; its band must still be on the chart.
    span = max((end - zero) / 1e9, *(at + 1 for at in healed), 1.0)
    verified = {event.fault: (event.at_ns - zero) / 1e9 for event in history.faults if event.edge == FaultEdge.VERIFIED_HEALED}
    seen: dict[tuple[int, str, str], Tick] = {}
    for signal in history.signals:
        at = (signal.at_ns - zero) / 1e9
        if 0 <= at <= span and signal.kind in SIGNAL_KINDS:
            seen.setdefault((int(at), signal.kind, signal.scope), Tick(at, signal.kind, signal.scope))
    return Axis(
        zero_ns=zero,
        span_s=span,
        phases=tuple(PhaseSpan(one.name, one.role, (one.started_ns - zero) / 1e9, (one.ended_ns - zero) / 1e9) for one in phases),
        bands=tuple(
            _band(fault, fault.injected_at_s, verified.get(fault.id), span)
            for fault in assessment.faults
            if fault.injected_at_s is not None
        ),
        ticks=tuple(sorted(seen.values(), key=lambda tick: tick.at_s)),
    )


def _band(fault: FaultFigures, injected_s: float, verified_s: float | None, span_s: float) -> Band:
    return Band(
        fault=fault.id,
        start_s=injected_s,
        observed_s=fault.observed_at_s,
        recovered_s=injected_s + fault.recovery_s if fault.recovery_s is not None else None,
        healed_s=fault.healed_at_s,
        verified_s=verified_s,
        end_s=fault.healed_at_s if fault.healed_at_s is not None else span_s,
    )
