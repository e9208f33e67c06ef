"""Carries drills out on the real servers of the embedded environment while customers book, and compares what came back."""

from __future__ import annotations

import json
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from closeshave.clients import patroni, postgres
from closeshave.clock import Anchor, now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.drills.catalogue import KINDS
from closeshave.drills.kind import DrillKind, DrillWork
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.restore import steps
from closeshave.environments.evidence import final_state
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.history import BOOKINGS, EFFECTS, OPERATIONS, Effect, Operation, to_frame
from closeshave.judge.measures.restored import Instant, Restoration, compare
from closeshave.vocabulary import RESTORED

SHARD = 1
LIMIT_S = 60.0
PAUSE_S = 0.02
POINT, LATEST, VERIFY, SWITCHOVER = (
    KINDS[name] for name in ("restore.point-in-time", "restore.latest", "backup.verify", "database.switchover")
)
SNAPSHOT, LOG_INTERVAL = KINDS["restore.snapshot"], KINDS["backup.log-interval"]
REBUILD = KINDS["region.rebuild"]
OTHER_REGION, MANUAL, ADD_REPLICA = (KINDS[name] for name in ("restore.other-region", "database.failover-manual", "shard.add-replica"))
BOOK = """
    INSERT INTO bookings (franchise_id, barber_id, guest_name, guest_email, guest_phone, service_id, service_name, starts_at, minutes, price_cents,
                          idempotency_key)
    VALUES (1, 11, 'g', 'g@example.com', '1', 1, 'cut', %s, 30, 3000, %s) RETURNING id, version
"""


@dataclass
class Customers:
    """A client that books all the time at the primary of shard 1, and remembers what it was told."""

    deployment: Deployment
    operations: list[Operation] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    first: Anchor = field(default_factory=Anchor.take)

    def book(self) -> None:
        """One booking after the other; those that get no answer are remembered as unknown."""
        run = random.randrange(10**9)
        begin = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=run % 30_000)
        while not self.over.is_set():
            with (
                suppress(postgres.Unavailable, patroni.NoLeader),
                postgres.session(self.deployment, patroni.leader(self.deployment, SHARD)) as connection,
            ):
                while not self.over.is_set():
                    self._book(connection, begin, run)

    def _book(self, connection: postgres.Connection, begin: datetime, run: int) -> None:
        """Raises what the session raises."""
        number = len(self.operations) + 1
        slot, key, started = begin + timedelta(minutes=30 * number), f"drill-{run}-{number}", now_ns()
        row = None
        try:
            row = connection.execute(BOOK, (slot, key)).fetchone()
        finally:
            outcome, (booking, version) = "info" if row is None else "ok", (None, None) if row is None else (int(row[0]), int(row[1]))
            told: dict[str, Any] = {"source": "customers", "kind": "book", "journey": "book", "region": "us-east-1", "shard": SHARD}
            times: dict[str, Any] = {"intended_ns": started, "started_ns": started, "ended_ns": now_ns()}
            self.operations.append(Operation(id=number, franchise=1, **told, **times, outcome=outcome, good=row is not None, status=201))
            self.effects.append(Effect(number, "create", 1, SHARD, key, booking, 11, int(slot.timestamp()), 30, version))
        time.sleep(PAUSE_S)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The writes beside their operations, and the operations."""
        effects = list(self.effects)
        operations = to_frame(_table(self.operations[: len(effects)], OPERATIONS))
        writes = to_frame(_table(effects, EFFECTS))
        writes["position"] = range(len(writes))
        for name in ("outcome", "started_ns", "ended_ns"):
            writes[name] = operations[name].array
        return writes, operations


def _table(rows: list[Any], schema: Any) -> Any:
    names = schema.names
    return pa.Table.from_pylist([{name: getattr(row, name) for name in names} for row in rows], schema=schema)


def argv_of(identity: processes.Identity) -> list[str]:
    """The command of a process; nothing for one that has ended."""
    handle = identity.handle()
    return handle.cmdline() if handle else []


def scope_of(platform: Deployment, kind: DrillKind) -> dict[str, Any]:
    """The shard, or its home region."""
    return (
        {"shard": SHARD}
        if kind.scope == ("shard",)
        else {"region": next(shard.home for shard in platform.topology.shards if shard.id == SHARD)}
    )


def carried_out(platform: Deployment, run: Path, kind: DrillKind, *, limit_s: float = LIMIT_S, **parameters: int) -> dict[str, Any]:
    """Carry a drill out now; its ending. What it changed is put back."""
    run.mkdir(exist_ok=True)

    def read(server: Any, path: Path) -> int:
        return final_state.export_of(platform, server, run, time.time() - 3600, path)

    aim = kind.way_back.aim(platform, scope_of(platform, kind), parameters)
    work = DrillWork("drill", aim, run / "drills" / "drill", after(limit_s), lambda: False, read, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), limit_s) == []
    assert Ledger(run).open() == ()
    return next(line for line in events(run) if line["type"] == "drill-end")


def events(run: Path) -> list[dict[str, Any]]:
    """The timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def compared(run: Path, customers: Customers) -> Restoration:
    """What the judges' comparison finds."""
    (chosen,) = [line["facts"] for line in events(run) if line["type"] == "drill-step" and line["step"] == steps.CHOOSE]
    then = Anchor(chosen["monotonic_ns"], chosen["wall_ns"], chosen["uncertainty_ns"])
    writes, operations = customers.frames()
    rows = to_frame(pq.read_table(run / "drills" / "drill" / RESTORED, schema=BOOKINGS))
    return compare(writes, operations, rows, None, Instant.of(chosen["target_wall_ns"], then, customers.first))
