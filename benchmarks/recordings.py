"""``python -m benchmarks.recordings RUN OPERATIONS``: what a large run leaves before it is converted: recorder files, final state, ledger, timeline.

Two workers of customers and one of canaries, four regions and shards, eight operations, a warm-up, a calm phase, and a killed primary. A tenth of the
operations are bookings with their effects; each acknowledged one is in the final state. Written in blocks, so that any size needs little memory.
The same size gives the same run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.verdicts import KILL, PHASES, REGIONS, START_NS, TOPOLOGY, WALL_S
from closeshave import history
from closeshave.clock import Anchor
from closeshave.files import seal
from closeshave.history import BOOKINGS, CAPTURES, WRITING, EdgeCount, FaultEvent, Injection, Manifest, PhaseTime, Signal, Source
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import DTYPE, INFO, OK
from closeshave.traffic.runfiles import RECORDS

BLOCK = 250_000
KINDS = ("slots", "franchise", "login", "profile", "read_booking", "pay_intent", "pay_confirm")
SECONDS = PHASES[-1][3]
CANARIES_PER_S = 43
"""Ten a second and shard from its home, one from each other region, as plans have them by default; half of them writes."""
Rng = np.random.Generator
Block = npt.NDArray[np.void]


def write(run: Path, count: int) -> None:
    """Write so many operations of customers, and the canaries' beside them."""
    final = run / history.BOOKINGS_FILE
    final.parent.mkdir(parents=True, exist_ok=True)
    scratch = final.with_suffix(".writing")
    with pq.ParquetWriter(scratch, BOOKINGS, **WRITING) as bookings:
        for number in (0, 1):
            records = Records(run / RECORDS, Source.CUSTOMERS, f"worker-{number}", number)
            _fill(records, bookings, _customers(np.random.default_rng(number), records, number, count // 2), number)
        canary = Records(run / RECORDS, Source.CANARY, "canary", 2)
        _fill(canary, bookings, _canaries(np.random.default_rng(2), canary), 2)
    seal.finish(scratch, final)
    history.save_rows(run / history.CAPTURES_FILE, CAPTURES.empty_table())
    _around(run, count // 2 * 2 + CANARIES_PER_S * 2 * SECONDS)


def _around(run: Path, requests: int) -> None:
    """The manifest, the timeline of the fault, and the edges' own counts."""
    anchor = Anchor(START_NS, WALL_S * 10**9, 1000)
    phases = tuple(PhaseTime(name, role, START_NS + start * 10**9, START_NS + end * 10**9) for name, role, start, end in PHASES)
    history.save_manifest(run, Manifest("r", "p", "e", "t", 1, "rehearsed", "0", "2027-01-15T08:00:00+00:00", anchor, TOPOLOGY, phases))
    injection = Injection("shard:1", (), START_NS + 320 * 10**9, START_NS + 320 * 10**9, ())
    for edge, at_s in (("injected", 320.0), ("observed", 320.1), ("healed", 350.0), ("verified-healed", 351.0)):
        history.record(run, FaultEvent(KILL.id, edge, START_NS + round(at_s * 1e9), injection if edge == "injected" else None))
    history.record(run, Signal(START_NS + 322 * 10**9, "promoted", "shard:1", "patroni.log"))
    history.save_edges(run, [EdgeCount(REGIONS[0], requests)])


def _customers(rng: Rng, records: Records, number: int, count: int) -> Iterator[Block]:
    """Blocks of requests in the order in which they ended, as a recorder has them."""
    gap_ns = SECONDS * 10**9 / count
    book = records.texts.code("book")
    kinds = np.array([records.texts.code(kind) for kind in KINDS], np.uint16)
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        # Popularity independent of the ID, and so of the shard.
        franchise = np.minimum(rng.zipf(1.3, size), 100_000) * 48_271 % 100_000 + 1
        due = START_NS + ((begin + np.arange(size)) * gap_ns).astype(np.int64) + number
        kind = np.where(rng.random(size) < 0.1, book, rng.choice(kinds, size))
        home = (franchise - 1) // 25_000
        region = np.where(rng.random(size) < 0.9, home, rng.integers(0, 4, size))
        yield _rows(records, rng, due, kind, franchise, region)


def _canaries(rng: Rng, records: Records) -> Iterator[Block]:
    """A write and the read of it, for each probe."""
    shard = np.repeat(np.arange(4), 13)
    region = np.concatenate([[home] * 10 + [other for other in range(4) if other != home] for home in range(4)])
    write, read = (records.texts.code(kind) for kind in ("canary_write", "canary_read"))
    for second in range(SECONDS):
        due = START_NS + second * 10**9 + np.tile(np.concatenate([np.arange(10) * 10**8, [0, 3 * 10**8, 6 * 10**8]]), 4)
        rows = _rows(records, rng, due, np.full(len(due), write), shard * 25_000 + 25_000, region)
        reads = _rows(records, rng, rows["ended_ns"].astype(np.int64), np.full(len(due), read), shard * 25_000 + 25_000, region)
        yield np.concatenate([rows, reads])


def _rows(records: Records, rng: Rng, due: Any, kind: Any, franchise: Any, region: Any) -> Block:
    size, codes = len(due), np.array([records.texts.code(name) for name in REGIONS], np.uint16)
    rows = np.zeros(size, DTYPE)
    took = rng.lognormal(15.5, 0.6, size).astype(np.int64)
    home = (franchise - 1) // 25_000
    rows["intended_ns"], rows["started_ns"], rows["ended_ns"] = due, due + rng.integers(5_000, 80_000, size), due + 100_000 + took
    rows["customer"], rows["franchise"], rows["shard"] = rng.integers(0, 1_000_000, size), franchise, home + 1
    rows["kind"], rows["journey"], rows["region"], rows["served_by"] = kind, kind, codes[region], codes[home]
    rows["bytes"], rows["db_ms"], rows["cache_ms"] = rng.integers(200, 900, size), took / 2e6, took / 9e6
    hit, miss = (records.texts.code(word) for word in ("hit", "miss"))
    rows["cache"] = np.where(kind == records.texts.code("slots"), np.where(rng.random(size) < 0.9, hit, miss), 0)
    down = (home == 0) & (due >= START_NS + 320 * 10**9) & (due < START_NS + 323 * 10**9)
    rows["status"], rows["good"], rows["attempt"] = np.where(down, 503, 200), ~down, 1
    rows["outcome"], rows["error"] = np.where(down, INFO, OK), np.where(down, records.texts.code("status_503"), 0)
    return rows


def _fill(records: Records, bookings: pq.ParquetWriter, blocks: Iterator[Block], number: int) -> None:
    """Record the blocks, an effect for each booking, and what is booked in the end."""
    wanted = [records.texts.code(kind) for kind in ("book", "canary_write")]
    booked = 0
    for rows in blocks:
        at = np.flatnonzero(np.isin(rows["kind"], wanted))
        mine = rows[at]
        booking = np.arange(booked, booked + len(at)) * 4 + number + 1
        booked += len(at)
        told = _effects(mine, records.next_id + at, booking)
        records._effects += told  # noqa: SLF001 - a line for each of ten million, in blocks
        records.add(rows.tobytes())
        records.counters.sent += len(rows)
        records.counters.intended += len(rows)
        records.flush()
        bookings.write_table(_final(mine, booking))
    records.close()


def _slots(booking: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Each booking has an hour of its own."""
    return WALL_S + 10**6 + 3600 * booking


def _effects(rows: Block, operation: npt.NDArray[np.int64], booking: npt.NDArray[np.int64]) -> bytes:
    columns = (operation, rows["franchise"], rows["shard"], booking, rows["good"], _slots(booking), rows["customer"])
    line = (
        '{"operation":%d,"action":"create","franchise":%d,"shard":%d,"key":"%032x","booking":%s,"barber":%d,"starts_at":%d,"minutes":30,'
        '"version":1,"amount":null,"session":"s-%d","client":"c-%d","read_values":null}\n'
    )
    return "".join(
        line % (one, shop, shard, number * 0x9E3779B97F4A7C15, number if good else "null", shop * 10, slot, who, who)
        for one, shop, shard, number, good, slot, who in zip(*(column.tolist() for column in columns), strict=True)
    ).encode()


def _final(rows: Block, booking: npt.NDArray[np.int64]) -> pa.Table:
    kept = rows["good"] == 1
    rows, booking = rows[kept], booking[kept]
    size, text = len(rows), pa.dictionary(pa.int32(), pa.string())
    columns: dict[str, Any] = {
        "booking": booking, "franchise": rows["franchise"], "found_on": rows["shard"], "barber": rows["franchise"].astype(np.int64) * 10,
        "client": [f"c-{who}" for who in rows["customer"].tolist()], "starts_at": _slots(booking), "minutes": np.full(size, 30),
        "status": np.full(size, "scheduled"), "version": np.ones(size), "key": [f"{number * 0x9E3779B97F4A7C15:032x}" for number in booking.tolist()],
        "created_at": WALL_S + (rows["ended_ns"] - 50_000 - START_NS) / 1e9, "price_cents": np.full(size, 3000),
    }  # fmt: skip
    arrays = (pa.array(columns[field.name]) for field in BOOKINGS)
    made: list[Any] = [
        each.dictionary_encode() if field.type == text else each.cast(field.type) for each, field in zip(arrays, BOOKINGS, strict=True)
    ]
    return pa.Table.from_arrays(made, schema=BOOKINGS)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
