"""The instants of each fault, from injection to verified heal, and which operations, shards and signals lie in its scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from closeshave import scope
from closeshave.history import FaultEdge, FaultEvent, Signal
from closeshave.judge.evidence.columns import Flags, one_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.plan import Fault
from closeshave.vocabulary import SignalKind


@dataclass(frozen=True, slots=True)
class Life:
    """The instants of one planned fault, in monotonic nanoseconds; ``None`` for an edge that is not in the history."""

    fault: Fault
    begun: bool
    """Whether it passed any edge. Its plan is on the timeline before anything is touched: without an edge there was nothing to heal."""
    injected_ns: int | None
    """t0: the start of injection."""
    observed_ns: int | None
    healed_ns: int | None
    """t_h: the start of healing. Whatever recovers after it did not recover by itself."""
    verified_ns: int | None
    dead_ns: int | None
    """When every killed process was proven dead."""
    ended_ns: tuple[int, int] | None
    """The interval in which the old primary ended, as the operator's hook reports it."""
    called: bool
    """Whether an operator's hook injected it: the return of its call does not say when the fault took effect."""
    horizon_ns: int
    """Until when the history shows this fault alone: the injection of the next fault that shares a canary with it, or the end of the load."""
    touched: tuple[str, ...]

    @property
    def unaided_until_ns(self) -> int:
        """Until when the harness did nothing about the fault: the start of healing, or the horizon."""
        return self.horizon_ns if self.healed_ns is None else min(self.healed_ns, self.horizon_ns)


def lives(evidence: Evidence) -> tuple[Life, ...]:
    """One for each fault of the plan, in the plan's order, also for those that were never injected."""
    events = {fault.id: _edges(evidence, fault.id) for fault in evidence.plan.faults}
    starts = {name: _began_ns(edges.get(FaultEdge.INJECTED)) for name, edges in events.items()}
    scopes = {fault.id: operations_of(evidence, fault) & evidence.canaries for fault in evidence.plan.faults}
    found = []
    for fault in evidence.plan.faults:
        edges, start = events[fault.id], starts[fault.id]
        later = [
            other
            for name, other in starts.items()
            if name != fault.id and other is not None and start is not None and other >= start and np.any(scopes[name] & scopes[fault.id])
        ]
        injected = edges.get(FaultEdge.INJECTED)
        injection = injected.injection if injected else None
        found.append(
            Life(
                fault=fault,
                begun=bool(edges),
                injected_ns=start,
                observed_ns=_at_ns(edges.get(FaultEdge.OBSERVED)),
                healed_ns=_began_ns(edges.get(FaultEdge.HEALED)),
                verified_ns=_at_ns(edges.get(FaultEdge.VERIFIED_HEALED)),
                dead_ns=injection.dead_ns if injection else None,
                ended_ns=injection.ended_ns if injection else None,
                called=injection is not None and injection.returned_ns is not None,
                horizon_ns=min([*later, _end_ns(evidence)]),
                touched=tuple(map(str, injection.touched)) if injection else (),
            )
        )
    return tuple(found)


def operations_of(evidence: Evidence, fault: Fault) -> Flags:
    """Operations in the fault's scope: those that :func:`closeshave.scope.holds`."""
    rows = np.ones(len(evidence.operations), dtype=np.bool_)
    for key, value in fault.scope.items():
        if key == "shard":
            rows &= evidence.shard == int(value)
        elif key == "region":
            rows &= evidence.of_region(str(value)) | one_of(evidence.shard, scope.struck(fault, evidence.history.manifest.topology))
    return rows


def shards_of(evidence: Evidence, fault: Fault) -> list[int]:
    """The shards whose data the fault may cost; none for a fault of a tier."""
    return scope.struck(fault, evidence.history.manifest.topology)


def signals_of(evidence: Evidence, life: Life) -> list[Signal]:
    """The platform's own signals (alerts, failover events) from the fault's scope, from the injection to the horizon, in time order."""
    start = life.injected_ns
    if start is None:
        return []
    scopes = {f"shard:{shard}" for shard in shards_of(evidence, life.fault)}
    scopes |= {f"region:{life.fault.scope['region']}"} if "region" in life.fault.scope else set()
    tier = f"store:{life.fault.scope['tier']}" if "tier" in life.fault.scope else None
    spoken = [
        signal
        for signal in evidence.history.signals
        # A tier may be made of several groups (cache, cache-eu), each a name that Sentinel knows it by.
        if (signal.scope in scopes or (tier is not None and (signal.scope == tier or signal.scope.startswith(f"{tier}-"))))
        and start <= signal.at_ns < life.horizon_ns
    ]
    return sorted(spoken, key=lambda signal: (signal.at_ns, signal.kind, signal.scope))


def promoted_ns(evidence: Evidence, life: Life) -> int | None:
    """t_p: when the first of the shards in scope got its new primary."""
    shards = {f"shard:{shard}" for shard in shards_of(evidence, life.fault)}
    return _first(signal.at_ns for signal in signals_of(evidence, life) if signal.kind == SignalKind.PROMOTED and signal.scope in shards)


def demoted_ns(evidence: Evidence, life: Life) -> int | None:
    """When the old primary of a shard in scope had stepped down, as it reports itself.

    After the decision to step down it still acknowledges writes until its last session has ended, and reports the demotion only later, when it runs
    again as a standby. So the end of its sessions counts, where it is known. The first report is the old primary's; a report after the promotion is
    of a later primary.
    """
    shards = {f"shard:{shard}" for shard in shards_of(evidence, life.fault)}
    said = [signal for signal in signals_of(evidence, life) if signal.kind == SignalKind.DEMOTED and signal.scope in shards]
    if not said:
        return None
    first, until = said[0], promoted_ns(evidence, life) or life.unaided_until_ns
    own = [signal for signal in signals_of(evidence, life) if signal.source == first.source and first.at_ns <= signal.at_ns <= until]
    ended = _first(signal.at_ns for signal in own if signal.kind == SignalKind.STOPPED)
    return ended if ended is not None else max((signal.at_ns for signal in own if signal.kind == SignalKind.DEMOTED), default=first.at_ns)


def _first(instants: Iterable[int]) -> int | None:
    return min(instants, default=None)


def _edges(evidence: Evidence, fault: str) -> dict[str, FaultEvent]:
    """The first event of each edge: if healing is tried again, t_h stays the start of the first try."""
    found: dict[str, FaultEvent] = {}
    for event in sorted(evidence.history.faults, key=lambda event: event.at_ns):
        if event.fault == fault:
            found.setdefault(event.edge, event)
    return found


def _at_ns(event: FaultEvent | None) -> int | None:
    return event.at_ns if event else None


def _began_ns(event: FaultEvent | None) -> int | None:
    return event.began_ns if event else None


def _end_ns(evidence: Evidence) -> int:
    return max((phase.ended_ns for phase in evidence.history.manifest.phases), default=0)
