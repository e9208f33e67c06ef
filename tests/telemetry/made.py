"""A trial's directory as a trial writes it, for those who read it while it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from closeshave import history
from closeshave.clock import Anchor
from closeshave.history import FaultEdge, FaultEvent, Manifest, Mark, Planning, Sighting, Source
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import METHOD_CODES, OUTCOME_CODES, ROW
from closeshave.plan import Limits, Phase, Plan, Role
from closeshave.topology import Shard, Topology
from closeshave.vocabulary import SPOOL, MarkKind

EAST, WEST = "us-east-1", "us-west-2"
SECOND_NS = 1_000_000_000
WALL_S = 1_795_600_000
"""When the monotonic clock of the made-up machine was at 0, in seconds since the epoch."""
PLAN = Plan("made", "embedded", "t", 1, Limits(60, 1000), (Phase("calm", Role.CALM, 30, 5.0), Phase("broken", Role.FAULT, 30, 7.0)))
MANIFEST = Manifest(
    id="20261121-014500-made-3f2a",
    plan="made",
    environment="embedded",
    target="t",
    seed=1,
    evidence="rehearsed",
    version="0.1.0",
    started_at="2026-11-21T01:45:00+00:00",
    anchor=Anchor(0, WALL_S * SECOND_NS, 1),
    topology=Topology((EAST, WEST), (Shard(1, 1, 100, EAST, WEST),)),
)
EVIDENCE = Planning(1, "shard.primary-killed", {"shard": 1}, {})
FAULT = "primary"


@dataclass
class Writer:
    """Writes into a run directory what a trial would."""

    run: Path
    _records: dict[Source, Records] = field(default_factory=dict)

    def requests(
        self, count: int, response_s: float, operation: str = "book", region: str = EAST, *,
        source: Source = Source.CUSTOMERS, shard: int = 1, outcome: str = "ok", good: bool = True, late_s: float = 0.0,
    ) -> None:  # fmt: skip
        """So many alike, flushed."""
        number = list(Source).index(source)
        if source not in self._records:
            self._records[source] = Records(self.run / SPOOL, source, f"{source.value}-{number}", number)
        records = self._records[source]
        code = records.texts.code
        for _ in range(count):
            records.add(
                ROW.pack(
                    SECOND_NS, SECOND_NS + round(late_s * 1e9), SECOND_NS + round(response_s * 1e9), 0, 1, 9, 0.0, 0.0, code(operation),
                    code("browse"), code(region), 0, 0, 0, shard, 200, OUTCOME_CODES[history.Outcome(outcome)], int(good), 1, METHOD_CODES["GET"],
                )
            )  # fmt: skip
        records.flush()

    def phase(self, name: str, at_s: float) -> None:
        """A phase starts."""
        history.record(self.run, Mark(round(at_s * 1e9), MarkKind.PHASE_STARTED, name))

    def mark(self, kind: str, detail: str, at_s: float) -> None:
        """Anything else."""
        history.record(self.run, Mark(round(at_s * 1e9), kind, detail))

    def fault(self, *edges: FaultEdge, fault: str = FAULT, from_s: float = 10.0) -> None:
        """A fault passes these edges, a second apart."""
        order = list(FaultEdge)
        for edge in edges:
            evidence = EVIDENCE if edge is FaultEdge.PLANNED else Sighting("TCP", "refused") if edge is FaultEdge.OBSERVED else None
            history.record(self.run, FaultEvent(fault, edge, round((from_s + order.index(edge)) * 1e9), evidence))
