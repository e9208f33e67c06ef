"""When a trial must stop by itself. Pure: takes counts and an instant, and returns the reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from closeshave.history import Effect
from closeshave.plan import Aborts, Fault
from closeshave.scope import may_suffer
from closeshave.topology import Topology
from closeshave.traffic.live import Tally
from closeshave.trial.slots import Slots

MONTH_S = 30 * 86_400
ENOUGH = 50
"""With fewer requests no share counts as leakage."""
PROBES_MISSED = 20
"""Canaries that are slower than the plan's limit for blindness count as blind after this many missing probes."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a trial."""

    aborts: Aborts
    error_budget: float | None
    """Share of requests that the target allows to be not good; ``None`` without an availability objective over everything."""
    topology: Topology
    probes_per_s: float
    """The planned rate of all canaries together."""

    @property
    def blind_s(self) -> float:
        """After how many seconds without a recorded canary the trial stops."""
        return max(self.aborts.blind, PROBES_MISSED / self.probes_per_s) if self.probes_per_s > 0 else float("inf")


@dataclass(slots=True)
class Watch:
    """Everything that was counted in a running trial so far. Instants are seconds on one clock."""

    bounds: Bounds
    started_s: float
    _requests: int = 0
    _bad: int = 0
    doubled: str = ""
    """A slot for which two bookings were acknowledged, as a sentence; empty as long as none was seen."""
    burnt: float | None = field(init=False)
    """Share of the month's error budget that the run has cost so far; ``None`` without a budget."""
    _probed_s: float = field(init=False)
    _outside: deque[tuple[float, int, int]] = field(default_factory=deque)
    """Consecutive samples of requests outside the scopes of all faults: the instant, the number, the number of not good ones."""
    _slots: Slots = field(default_factory=Slots)

    def __post_init__(self) -> None:
        self._probed_s = self.started_s
        self.burnt = 0.0 if self.bounds.error_budget else None

    def look(self, at_s: float, tallies: Sequence[Tally], effects: Iterable[Effect], broken: Sequence[Fault]) -> str:
        """Why the trial must stop now, as a sentence; empty when it may go on. ``broken`` are the faults in effect."""
        customers = [tally for tally in tallies if tally.source == "customers"]
        self._requests += sum(tally.count for tally in customers)
        self._bad += sum(tally.bad for tally in customers)
        if any(tally.source == "canary" for tally in tallies):
            self._probed_s = at_s
        doubled = self._slots.look(at_s, effects, broken)
        self.doubled = self.doubled or doubled
        reasons = (self._blind(at_s), self._overspent(at_s), self._leaking(at_s, customers, broken), self._doubled(doubled))
        return "; ".join(filter(None, reasons))

    def _blind(self, at_s: float) -> str:
        silent_s = at_s - self._probed_s
        return f"no canary was recorded for {silent_s:.0f} s" if silent_s > self.bounds.blind_s else ""

    def _overspent(self, at_s: float) -> str:
        """The month's budget is the share that may fail of all requests in 30 days at this run's rate."""
        if not self.bounds.error_budget or not self._requests or at_s <= self.started_s:
            return ""
        a_month = self.bounds.error_budget * self._requests / (at_s - self.started_s) * MONTH_S
        self.burnt = self._bad / a_month
        if self.burnt <= self.bounds.aborts.budget:
            return ""
        return f"{self.burnt:.0%} of the month's error budget is burnt; the plan allows {self.bounds.aborts.budget:.0%}"

    def _leaking(self, at_s: float, customers: Sequence[Tally], broken: Sequence[Fault]) -> str:
        if not broken:
            # Failures without a fault in effect are the platform's own; the judges decide on them.
            self._outside.clear()
            return ""
        spared = [
            tally for tally in customers if not any(may_suffer(fault, tally.region, tally.shard, self.bounds.topology) for fault in broken)
        ]
        self._outside.append((at_s, sum(tally.count for tally in spared), sum(tally.bad for tally in spared)))
        since_s = at_s - self.bounds.aborts.window
        whole = self._outside[0][0] <= since_s
        while self._outside[0][0] <= since_s and len(self._outside) > 1:
            self._outside.popleft()
        count, bad = sum(look[1] for look in self._outside), sum(look[2] for look in self._outside)
        if not whole or count < ENOUGH or bad / count <= self.bounds.aborts.leakage:
            return ""
        names = ", ".join(fault.id for fault in broken)
        return f"{bad / count:.0%} of the requests outside the scope of {names} were not answered well for {self.bounds.aborts.window:g} s"

    def _doubled(self, doubled: str) -> str:
        return f"integrity is broken: {doubled}" if doubled and self.bounds.aborts.integrity else ""
