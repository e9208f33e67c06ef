"""What must be true before faults are injected: no earlier fault is open, the plan stays within caps, and healing one fault does not heal another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closeshave.faults import ledger
from closeshave.plan import Disruption, Plan
from closeshave.scope import meet
from closeshave.topology import Topology


@dataclass(frozen=True, slots=True)
class FaultCaps:
    """Limits of a plan: the longest hold of a fault, and how many faults and lost regions at the same time."""

    hold_s_max: float = 900.0
    together_max: int = 3
    """Faults in effect at the same time."""
    regions_together_max: int = 1
    """Regions lost at the same time: the platform promises to survive one."""


@dataclass(frozen=True, slots=True)
class _Window:
    fault: str
    region: bool
    begins_s: float
    ends_s: float

    def overlaps(self, other: _Window) -> bool:
        return self.begins_s < other.ends_s and other.begins_s < self.ends_s


def unhealed(deployment_root: Path) -> tuple[str, ...]:
    """The faults that earlier runs left open in this environment; a new run does not start before they are healed."""
    return ledger.unhealed(deployment_root / ledger.FILE)


def over_caps(plan: Plan, caps: FaultCaps = FaultCaps()) -> list[str]:
    """What in a plan exceeds the caps, one sentence each; empty when nothing does. Pure."""
    windows = [_window(plan, fault) for fault in plan.faults]
    found = [
        f"fault {window.fault} holds {window.ends_s - window.begins_s:g} s; at most {caps.hold_s_max:g} s are allowed"
        for window in windows
        if window.ends_s - window.begins_s > caps.hold_s_max
    ]
    found += _crowds(windows, caps.together_max, "faults")
    found += _crowds([window for window in windows if window.region], caps.regions_together_max, "regions lost")
    return found


def conflicting(plan: Plan, topology: Topology) -> list[str]:
    """Pairs of faults and drills at the same time of which healing one would change what the other did, one sentence for each pair. Pure."""
    return [
        f"{one.id} and {other.id} are in effect at the same time and both affect {', '.join(sorted(shared))}: start one only after the other has healed"
        for one, other in itertools.combinations(plan.disruptions, 2)
        if _window(plan, one).overlaps(_window(plan, other)) and (shared := meet(one, other, topology))
    ]


def _window(plan: Plan, fault: Disruption) -> _Window:
    begins_s = plan.starts_s(fault.phase) + fault.at
    return _Window(fault.id, fault.family == "region", begins_s, begins_s + fault.hold)


def _crowds(windows: Sequence[_Window], most: int, what: str) -> list[str]:
    """One sentence for each fault that begins while too many others are in effect."""
    found = []
    for window in windows:
        open_now = [other.fault for other in windows if other.begins_s <= window.begins_s < other.ends_s]
        if len(open_now) > most:
            found.append(f"{len(open_now)} {what} at the same time ({', '.join(open_now)}); at most {most} are allowed")
    return list(dict.fromkeys(found))
