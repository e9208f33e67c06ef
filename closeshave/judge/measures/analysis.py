"""What several judges need to know of the same run, computed once: the timeline of each fault, which writes survived, recoveries and losses.

Each part is computed when it is first needed. A part that raises does so in every judge that needs it: these become inconclusive, the others do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from closeshave.judge.evidence.columns import Flags, one_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.holding import holdings
from closeshave.judge.evidence.rows import Rows
from closeshave.judge.evidence.timeline import Life, lives, shards_of
from closeshave.judge.evidence.writes import Writes, fate, joined
from closeshave.judge.measures.containment import Leakage, leakage
from closeshave.judge.measures.incidents import Incident, incidents
from closeshave.judge.measures.loss import Losses, share_out
from closeshave.judge.measures.recovery import Recovery, measure
from closeshave.target import Measure


@dataclass(frozen=True)
class Analysis:
    """A run and the figures that were computed from it. Not slotted, for the same reason as :class:`Evidence`."""

    evidence: Evidence

    @cached_property
    def incomplete(self) -> str:
        """Why operations or effects may be missing from the history; empty when they add up.

        Then a finding that rests on the *absence* of a record (no request for this booking, no cancel of that one) cannot fail the run.
        """
        differences = self.evidence.differences.all
        return f"the history is incomplete: {differences[0]}" if differences else ""

    @cached_property
    def lives(self) -> tuple[Life, ...]:
        """One for each fault of the plan."""
        return lives(self.evidence)

    @cached_property
    def writes(self) -> Writes:
        """Raises :class:`ValueError` without a final state."""
        return fate(self.evidence)

    @cached_property
    def payments(self) -> Rows:
        """Every attempt to capture a payment, beside its operation."""
        return joined(self.evidence, ("capture",))

    @cached_property
    def losses(self) -> Losses:
        """Raises :class:`ValueError` without a final state."""
        return share_out(self.evidence, self.writes, self.lives)

    @cached_property
    def forgiven(self) -> Flags:
        """Over ``writes.rows``: missing writes that a fault caused and that a loss objective of the target judges for that fault.

        Without such an objective they would not be judged at all, so they stay breaches of integrity.
        """
        return one_of(self.losses.owner, [index for index, life in enumerate(self.lives) if self._answered(life)])

    @cached_property
    def holdings(self) -> Rows:
        """When each acknowledged slot was certainly held, without the writes in ``forgiven``. Raises :class:`ValueError` without a final state."""
        return holdings(self.writes, self.forgiven)

    @cached_property
    def rewound(self) -> frozenset[int]:
        """Shards that lost their primary to a fault whose data loss an objective judges: their last changes may be missing without a breach."""
        ended = [life for life in self.lives if self._answered(life) and self.losses.by_fault[life.fault.id].last_ack_ns is not None]
        return frozenset(shard for life in ended for shard in shards_of(self.evidence, life.fault))

    def _answered(self, life: Life) -> bool:
        """Whether a loss objective of the target judges this fault's data loss."""
        return any(each.covers(life.fault) for each in self.evidence.target.objectives if each.measure is Measure.LOSS)

    @cached_property
    def leakages(self) -> dict[str, Leakage]:
        """By fault."""
        return {life.fault.id: leakage(self.evidence, life) for life in self.lives}

    @cached_property
    def incidents(self) -> tuple[Incident, ...]:
        """The faults that harmed customers, and what people said of them."""
        return incidents(self.evidence, self.lives, self.recoveries)

    @cached_property
    def recoveries(self) -> dict[str, Recovery]:
        """By fault; those that were never injected are not there."""
        missing: tuple[int, ...] = ()
        if self.evidence.history.bookings is not None:
            missing = tuple(self.writes.rows["operation"][self.writes.vanished & self.writes.ok("create")].tolist())
        return {life.fault.id: measure(self.evidence, life, missing) for life in self.lives if life.injected_ns is not None}
