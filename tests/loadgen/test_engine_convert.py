"""Records become the history's operations, are reconciled with the workers' counts, and give exact percentiles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from closeshave.history import EFFECTS, ODD_EFFECTS, OPERATIONS, Effect, Operation, Source, ids
from closeshave.loadgen import convert as converting
from closeshave.loadgen.convert import convert, convert_effects
from closeshave.loadgen.percentiles import percentiles
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import ROW
from closeshave.loadgen.writing import RecordFiles
from closeshave.traffic.recorder import EngineRecorder


def write(directory: Path, worker: int, count: int, *, finished: bool = True) -> None:
    """``count`` requests of a worker: request n takes n ms, in two regions and of two kinds."""
    records = Records(directory, Source.CUSTOMERS, f"worker-{worker}", worker)
    code = records.texts.code
    for at in range(count):
        # Each worker meets the names in another order, so that the same code means different things.
        kind, region = code(f"kind-{(at + worker) % 2}"), code(f"region-{(at + worker) // 2 % 2}")
        start_ns = 10**15 + at * 10**6
        records.counters.sent += 1
        records.counters.intended += 1
        records.add(
            ROW.pack(
                start_ns, start_ns, start_ns + at * 10**6, at, at + 1, 99, 2.5, float("nan"), kind, 0, region, 0, 0, 0, 2, 201, 0, 1, 1, 2
            )
        )
    if finished:
        records.close()
    else:
        records.flush()


def test_every_record_becomes_an_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the history's own schema, from all workers, across the edges of blocks."""
    monkeypatch.setattr(converting, "BLOCK_ROWS", 7)
    for worker, count in ((0, 20), (1, 14), (2, 0)):
        write(tmp_path, worker, count)
    converted = convert(tmp_path, tmp_path / "operations.parquet")
    table = pq.read_table(tmp_path / "operations.parquet", schema=OPERATIONS).to_pylist()
    assert converted.operations == len(table) == 34
    assert converted.reconciled
    assert converted.blind == ()
    assert len({row["id"] for row in table}) == 34
    third = table[2]
    assert (third["source"], third["kind"], third["region"], third["outcome"], third["good"]) == (
        "customers",
        "kind-0",
        "region-1",
        "ok",
        True,
    )
    assert (third["franchise"], third["shard"], third["status"], third["bytes"], third["error"]) == (3, 2, 201, 99, None)
    assert (third["db_ms"], third["cache_ms"], third["ended_ns"] - third["intended_ns"]) == (2.5, None, 2_000_000)


def test_a_killed_worker_is_named_with_the_window_that_is_blind(tmp_path: Path) -> None:
    """Its flushed records count, an incomplete one does not, and after its last record nothing is known of it."""
    write(tmp_path, 0, 20)
    write(tmp_path, 1, 5, finished=False)
    with (tmp_path / "worker-1.rows").open("ab") as rows:
        rows.write(b"torn")
    converted = convert(tmp_path, tmp_path / "operations.parquet")
    assert (converted.operations, converted.torn, converted.reconciled) == (25, 1, False)
    (blind,) = converted.blind
    assert blind.worker == "worker-1"
    assert blind.from_ns == 10**15 + 4 * 2 * 10**6
    assert blind.to_ns == 10**15 + 19 * 2 * 10**6


def test_a_lost_record_is_noticed(tmp_path: Path) -> None:
    """A worker whose count is one more than its records is not reconciled."""
    write(tmp_path, 0, 5)
    counters = RecordFiles.of(tmp_path, "worker-0").counters
    counters.write_bytes(orjson.dumps(orjson.loads(counters.read_bytes()) | {"sent": 6}))
    assert not convert(tmp_path, tmp_path / "operations.parquet").reconciled


def test_another_file_is_refused(tmp_path: Path) -> None:
    """Not every ``.rows`` file is one."""
    (tmp_path / "worker-0.rows").write_bytes(b"something else entirely, and long enough")
    with pytest.raises(ValueError, match="no records"):
        convert(tmp_path, tmp_path / "operations.parquet")


def test_percentiles_are_exact_by_region_and_operation(tmp_path: Path) -> None:
    """The nearest rank of all response times of a group, whichever worker recorded them."""
    write(tmp_path, 0, 1000)
    write(tmp_path, 1, 500)
    expected: dict[tuple[str, str], list[int]] = {}
    for worker, count in ((0, 1000), (1, 500)):
        for at in range(count):
            expected.setdefault((f"region-{(at + worker) // 2 % 2}", f"kind-{(at + worker) % 2}"), []).append(at * 10**6)
    found = percentiles(tmp_path, (0.5, 0.99, 1.0))
    assert [(each.region, each.kind) for each in found] == sorted(expected)
    for each in found:
        times = expected[each.region, each.kind]
        assert each.count == len(times)
        assert each.response_ns == tuple(int(np.quantile(times, q, method="inverted_cdf")) for q in (0.5, 0.99, 1.0))


def test_no_records_give_no_percentiles(tmp_path: Path) -> None:
    """An empty input gives an empty output."""
    assert percentiles(tmp_path) == []


def test_effects_are_converted_without_those_whose_operation_was_lost(tmp_path: Path) -> None:
    """An effect is on disk before its operation; after a kill in between it has no operation, or is incomplete."""
    records = Records(tmp_path, Source.CUSTOMERS, "worker-4", 4)
    records.add_effect(Effect(operation=records.next_id, action="create", franchise=7, shard=1, key="k_1", booking=4711))
    records.add(ROW.pack(*(0,) * 6, 0.0, 0.0, *(0,) * 12))
    records.add_effect(Effect(operation=records.next_id, action="cancel", franchise=7, shard=1))
    records.flush()
    with (tmp_path / "worker-4.effects.jsonl").open("ab") as lines:
        lines.write(b'{"operation": 1, "act')
    assert convert_effects(tmp_path, tmp_path / "effects.parquet") == 1
    (effect,) = pq.read_table(tmp_path / "effects.parquet", schema=EFFECTS).to_pylist()
    assert (effect["operation"], effect["action"], effect["booking"], effect["barber"]) == (4 << 40, "create", 4711, None)


@pytest.mark.parametrize(
    ("change", "kept", "aside"),
    [
        ({"version": 1795225500000}, {"version": 1795225500000}, 0),
        ({"version": str(2**70)}, {"version": None}, 1),
        ({"version": 1.5}, {"version": None}, 1),
        ({"minutes": 2**40}, {"minutes": None}, 1),
        ({"client": {"id": 7}}, {"client": None}, 1),
        ({"booking": "4711"}, {"booking": 4711}, 0),
        ({"booking": "b-17"}, {"booking": ids.number("b-17")}, 0),
        ({"barber": "0c1d2e3f"}, {"barber": ids.number("0c1d2e3f")}, 0),
        ({"booking": str(2**63)}, {"booking": ids.number(2**63)}, 0),
        ({"a new member": [1]}, {"booking": 5}, 0),
        ({"franchise": 2**40}, None, 1),
        ({"operation": None}, None, 0),
        (b"[1]", None, 1),
        (b'{"operation": ', None, 1),
        (b"\xff\xfe", None, 1),
    ],
    ids=str,
)
def test_an_effect_that_does_not_fit_affects_no_other(tmp_path: Path, change: object, kept: dict[str, object] | None, aside: int) -> None:
    """Its valid fields are in the table, the whole is stored separately and counted; all others are unchanged."""
    records = Records(tmp_path, Source.CUSTOMERS, "worker-0", 0)
    for at in range(7):
        told: dict[str, object] = {**asdict(Effect(operation=records.next_id, action="create", franchise=7, shard=1, booking=at + 1))}
        line = change if isinstance(change, bytes) else orjson.dumps({**told, **change})  # type: ignore[dict-item]  # a dict
        records._effects.extend((line if at == 4 else orjson.dumps(told)) + b"\n")
        records.add(ROW.pack(*(0,) * 6, 0.0, 0.0, *(0,) * 12))
    records.flush()
    assert convert_effects(tmp_path, tmp_path / "effects.parquet") == (6 if kept is None else 7)
    rows = pq.read_table(tmp_path / "effects.parquet", schema=EFFECTS).to_pylist()
    assert [row["booking"] for row in rows if row["operation"] != 4] == [1, 2, 3, 4, 6, 7]
    assert kept is None or {name: row[name] for row in rows if row["operation"] == 4 for name in kept} == kept
    odd = tmp_path / ODD_EFFECTS
    assert (odd.read_bytes().count(b"\n") if odd.exists() else 0) == aside
    texts = [orjson.loads(line) for line in (tmp_path / ids.FILE).read_bytes().splitlines()] if (tmp_path / ids.FILE).exists() else []
    assert all(ids.number(each["text"]) == each["number"] for each in texts)


def test_a_journeys_operation_is_unchanged_after_conversion(tmp_path: Path) -> None:
    """The Parquet file has what the recorder got, and the journey's counters are reconciled."""
    records = Records(tmp_path, Source.CANARY, "canary-2", 2)
    book = EngineRecorder(records)
    book.counters.intended += 1
    book.counters.sent += 1
    operation = Operation(
        book.next_id(),
        "canary",
        "book",
        "canary",
        "us-east-1",
        3,
        77,
        1,
        2,
        3,
        "info",
        False,
        503,
        "status_503",
        2,
        55,
        "us-west-2",
        "hit",
        1.5,
        None,
    )
    book.record(operation, "POST", Effect(operation=operation.id, action="create", franchise=77, shard=3))
    records.close()
    converted = convert(tmp_path, tmp_path / "operations.parquet")
    assert converted.reconciled
    assert pq.read_table(tmp_path / "operations.parquet", schema=OPERATIONS).to_pylist() == [asdict(operation)]
    assert convert_effects(tmp_path, tmp_path / "effects.parquet") == 1
