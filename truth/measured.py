"""``python -m truth.measured``: what the harness measures of a server that does what its script says; writes ``docs/measured-error.md``.

The real generators, the real recorder and the real judges; only the platform is a script. Twenty random scripts, each with an outage of known start,
length and share, known lost acknowledgements, errors and late answers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from closeshave import history, judge
from closeshave.clock import Anchor, now_ns
from closeshave.files import write_atomically
from closeshave.history import BOOKINGS, CAPTURES, Edge, FaultEvent, Manifest, PhaseTime, Signal
from closeshave.plan import Canaries, Expected, Fault, Limits, Phase, Plan, Role, Traffic
from closeshave.target import Measure, Objective, Target
from closeshave.traffic import accounts
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import ACCOUNTS_FILE, Load, LoadPhase
from truth.scripted import TOPOLOGY, Script, Scripted

HERE = Path(__file__).parent
RESULTS = HERE.parent / "reports" / "runs" / "truth" / "measured.json"
PAGE = HERE.parent / "docs" / "measured-error.md"
SCRIPTS = 20
CALM_S, FAULT_S, HEALED_S = 4.0, 13.0, 16.0
SESSIONS_PER_S = 10.0
CLOSE_S = 0.1
"""How far a recovery time may be off beyond its stated resolution."""

FAULT = Fault("outage", "shard.primary-killed", "fault", 1.0, 11.0, Expected.RECOVERS, {"shard": 1})
PLAN = Plan(
    name="measured-error",
    environment="scripted",
    target="scripted",
    seed=0,
    limits=Limits(60, 100_000),
    phases=(Phase("calm", Role.CALM, CALM_S, SESSIONS_PER_S), Phase("fault", Role.FAULT, FAULT_S, SESSIONS_PER_S)),
    faults=(FAULT,),
    traffic=Traffic(think_time_scale=0.2, contests_per_s=0.0),
    canaries=Canaries(home_per_s=10, away_per_s=0, latency=1.0, hold=3.0),
)
PERCENTILES = (0.5, 0.95, 0.99)
TARGET = Target(
    name="scripted",
    title="",
    claims=(),
    objectives=(
        Objective("availability", (), Measure.AVAILABILITY, at_least=0.5, window="run"),
        *(Objective(f"p{p * 100:g}", (), Measure.LATENCY, at_most=5.0, percentile=p, window="run") for p in PERCENTILES),
        Objective("recovery", (), Measure.RECOVERY, at_most=60.0, faults=("shard.*",)),
        Objective("loss", (), Measure.LOSS, at_most=5.0, faults=("shard.*",)),
    ),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One script: what was, what was measured, and how finely. Times in seconds."""

    script: Script
    recovery_true_s: float
    """From the outage's start to the last refused probe: service was back with the next one."""
    recovery_s: float | None
    recovery_resolution_s: float
    loss_true_s: float
    loss_s: float | None
    loss_resolution_s: float | None
    lost_true: int
    lost: int | None
    good_true: tuple[int, int]
    """Good answers and requests, by the server's count."""
    good: tuple[int, int]
    percentiles_exact: bool

    @property
    def right(self) -> bool:
        """Every figure within what it claims."""
        recovery = (
            self.recovery_s is not None and -CLOSE_S <= self.recovery_s - self.recovery_true_s <= CLOSE_S + self.recovery_resolution_s
        )
        resolution = self.loss_resolution_s if self.loss_resolution_s is not None else 0.0
        loss = self.loss_s is not None and abs(self.loss_s - self.loss_true_s) <= resolution and self.lost == self.lost_true
        return recovery and loss and self.good == self.good_true and self.percentiles_exact


def main() -> int:
    """0 when every script was measured right."""
    parser = argparse.ArgumentParser(prog="truth.measured", description=__doc__)
    parser.add_argument("--scripts", type=int, default=SCRIPTS)
    options = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Mapping[str, object]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in range(1, options.scripts + 1):
        if str(seed) not in kept:
            found = measure(Script.drawn(seed, CALM_S))
            kept[str(seed)] = {**asdict(found), "right": found.right}
            write_atomically(RESULTS, json.dumps(kept, indent=1) + "\n")
            print(_line(kept[str(seed)]), flush=True)  # noqa: T201 -- a command
    PAGE.write_text(page(list(kept.values())))
    return 0 if all(row["right"] for row in kept.values()) else 1


def measure(script: Script) -> Measured:
    """Carry out one script and judge it."""
    with tempfile.TemporaryDirectory(prefix="measured-") as scratch, Scripted(script).serving() as server:
        run = Path(scratch)
        _carry_out(run, server)
        return _compare(run, server)


def _carry_out(run: Path, server: Scripted) -> None:
    people = [LoggedIn(f"{n}@example.com", "pw", "here", "t", "r", "c", "7") for n in range(5)]
    accounts.save(run / ACCOUNTS_FILE, people)
    phases = (LoadPhase("calm", Role.CALM, 0.0, CALM_S, SESSIONS_PER_S), LoadPhase("fault", Role.FAULT, CALM_S, FAULT_S, SESSIONS_PER_S))
    load = Load(
        run=str(run), run_id=f"measured-{server.script.seed}", seed=server.script.seed, phases=phases, traffic=PLAN.traffic, canaries=PLAN.canaries,
        topology=TOPOLOGY, edges={"here": server.url}, tokens=str(run / ACCOUNTS_FILE), requests=100_000,
    )  # fmt: skip
    anchor = Anchor.take()
    generators = [Generator.start(kind, load) for kind in ("customers", "canary")]
    try:
        for generator in generators:
            generator.wait_ready(60)
        server.start_ns = now_ns() + 500_000_000
        for generator in generators:
            generator.go(server.start_ns)
        for generator in generators:
            generator.finish(CALM_S + FAULT_S + 20)
    finally:
        for generator in generators:
            generator.stop()
    collect(run)
    _write_down(run, server, anchor)


def _write_down(run: Path, server: Scripted, anchor: Anchor) -> None:
    """What a trial would have recorded around the load."""
    script, at = server.script, server.at_ns
    times = (PhaseTime("calm", "calm", at(0), at(CALM_S)), PhaseTime("fault", "fault", at(CALM_S), at(CALM_S + FAULT_S)))
    manifest = Manifest("measured", PLAN.name, "scripted", "scripted", script.seed, "rehearsed", "0", "", anchor, TOPOLOGY, times, "")
    history.save_manifest(run, manifest)
    began_ns = at(script.outage_at)
    history.record(run, FaultEvent(FAULT.id, Edge.INJECTED, began_ns, {"began_ns": began_ns, "dead_ns": began_ns}))
    history.record(run, FaultEvent(FAULT.id, Edge.OBSERVED, began_ns + 1))
    history.record(run, Signal(at(script.outage_at + script.outage_s), "promoted", "shard:1", "script"))
    history.record(run, FaultEvent(FAULT.id, Edge.HEALED, at(HEALED_S), {"began_ns": at(HEALED_S)}))
    history.record(run, FaultEvent(FAULT.id, Edge.VERIFIED_HEALED, at(HEALED_S) + 1))
    rows = [
        {
            "booking": each["id"], "franchise": each["franchise"], "found_on": 1 if each["franchise"] in TOPOLOGY.shards[0] else 2,
            "barber": each["barber"], "client": "7", "starts_at": int(each["start"].timestamp()), "minutes": each["minutes"], "status": each["status"],
            "version": each["version"], "key": None, "created_at": each["made_s"], "price_cents": 3000,
        }
        for each in server.kept.bookings.values()
        if not server.lost(each)
    ]  # fmt: skip
    history.save_rows(run / history.BOOKINGS_FILE, pa.Table.from_pylist(rows, schema=BOOKINGS))
    history.save_rows(run / history.CAPTURES_FILE, CAPTURES.empty_table())


def _compare(run: Path, server: Scripted) -> Measured:
    recorded = history.load(run)
    assessment = judge.assess(recorded, PLAN, TARGET)
    by_id = {verdict.id: verdict for verdict in assessment.verdicts}
    recovery, availability = by_id["recovery/outage"], by_id["availability/all"]
    (fault,) = assessment.faults
    began_ns = server.at_ns(server.script.outage_at)
    lost = [each for each in server.kept.bookings.values() if server.lost(each)]
    oldest_ns = min((each["acknowledged_ns"] for each in lost), default=began_ns)
    low, high = recovery.confidence or (0.0, 0.0)
    table = pq.read_table(run / history.OPERATIONS_FILE).to_pandas()
    customers = table[table["source"] == "customers"]
    # A request that was not good is one that never ended; the percentile is the smallest time that so many are within.
    times = np.sort(np.where(customers["good"], customers["ended_ns"] - customers["intended_ns"], np.iinfo(np.int64).max))
    exact = {p: times[-(-round(p * 1000) * len(times) // 1000) - 1] / 1e9 for p in PERCENTILES}
    told = {p: by_id[f"p{p * 100:g}/all"].measured for p in PERCENTILES}
    assert availability.measured is not None
    return Measured(
        script=server.script,
        recovery_true_s=(max(server.kept.refused_ns, default=began_ns) - began_ns) / 1e9,
        recovery_s=recovery.measured,
        recovery_resolution_s=high - low,
        loss_true_s=(began_ns - oldest_ns) / 1e9,
        loss_s=fault.loss_window_s,
        loss_resolution_s=fault.loss_resolution_s,
        lost_true=len(lost),
        lost=fault.lost_writes,
        good_true=(server.kept.customers_good, server.kept.customers),
        good=(round(availability.measured * availability.n), availability.n),
        percentiles_exact=all(told[p] == exact[p] or (told[p] is None and exact[p] > 1e9) for p in PERCENTILES),
    )


def page(rows: list[Mapping[str, object]]) -> str:
    """The table."""
    right = sum(bool(row["right"]) for row in rows)
    heads = ("seed", "outage", "share", "recovery true", "measured", "± resolution", "loss true", "measured", "± resolution", "lost writes",
             "good of requests", "percentiles", "")  # fmt: skip
    return "\n".join(
        [
            "# Measured error",
            "",
            "`python -m truth.measured` drives the real generators against a server that follows a script drawn from a seed, and holds what the judges",
            "say against what the server did: an outage of known start, length and share of requests, bookings acknowledged just before it and",
            "forgotten, errors and late answers. Recovery may be off by 100 ms and its stated resolution, the loss window by its resolution; counts",
            "and percentiles must be exact. Times in seconds.",
            "",
            f"{right} of {len(rows)} scripts were measured right.",
            "",
            f"| {' | '.join(heads)} |",
            f"|{'---|' * len(heads)}",
            *map(_line, rows),
            "",
        ]
    )


def _line(row: Mapping[str, object]) -> str:
    script = row["script"]
    assert isinstance(script, Mapping)
    good, true = row["good"], row["good_true"]
    assert isinstance(good, list | tuple)
    assert isinstance(true, list | tuple)
    cells = [
        str(script["seed"]), _s(script["outage_s"]), f"{script['share']:.0%}", _s(row["recovery_true_s"]), _s(row["recovery_s"]),
        _s(row["recovery_resolution_s"]), _s(row["loss_true_s"]), _s(row["loss_s"]), _s(row["loss_resolution_s"]), f"{row['lost']} of {row['lost_true']}",
        f"{good[0]:,} of {good[1]:,}" + ("" if list(good) == list(true) else f" (true: {true[0]:,} of {true[1]:,})"),
        "exact" if row["percentiles_exact"] else "differ", "✓" if row["right"] else "**wrong**",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _s(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"


if __name__ == "__main__":
    sys.exit(main())
