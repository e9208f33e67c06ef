"""What a generator records arrives in Parquet, whole, and what a killed one leaves is known to be torn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave import history
from closeshave.history import EFFECTS, OPERATIONS, Effect, Operation, Outcome, Sent, Source
from closeshave.traffic.collect import Collected, collect
from closeshave.traffic.recorder import Recorder
from closeshave.traffic.spool import DTYPE, MOST_TEXTS, OTHER, ROW, SpoolFiles

TEXTS = st.none() | st.sampled_from(["timeout", "reset", "eu-west-1", "Zürich", ""])
TIMES = st.integers(0, 2**62)
OPERATION = st.builds(
    Operation,
    id=st.just(0), source=st.just("customers"), kind=st.sampled_from(["slots", "book"]), journey=st.just("customer"),
    region=st.sampled_from(["us-east-1", "eu-west-1"]), shard=st.integers(0, 2**15 - 1), franchise=st.integers(1, 2**31 - 1),
    intended_ns=TIMES, started_ns=TIMES, ended_ns=TIMES, outcome=st.sampled_from([outcome.value for outcome in Outcome]), good=st.booleans(),
    status=st.integers(0, 599), error=TEXTS, attempt=st.integers(1, 100), bytes=st.integers(0, 2**31 - 1), served_by=TEXTS, cache=TEXTS,
    db_ms=st.none() | st.floats(0, 1e6, width=32), cache_ms=st.none() | st.floats(0, 1e6, width=32),
)  # fmt: skip
NUMBERS = st.none() | st.integers(0, 2**31 - 1)
EFFECT = st.builds(
    Effect,
    operation=st.just(0), action=st.sampled_from(["create", "read"]), franchise=st.integers(1, 100_000), shard=st.integers(1, 4),
    key=TEXTS, booking=NUMBERS, barber=NUMBERS, starts_at=NUMBERS, minutes=NUMBERS, version=NUMBERS, amount=NUMBERS, session=TEXTS,
    client=TEXTS, read_values=st.none() | st.text(max_size=20),
)  # fmt: skip


def plain(number: int = 0) -> Operation:
    """An operation like any other."""
    return Operation(0, "customers", "slots", "customer", "us-east-1", 1, number + 1, 1, 2, 3, "ok", good=True, status=200)


def record(recorder: Recorder, operation: Operation, effect: Effect | None = None) -> None:
    """As a session does it: the recorder says which ID is next."""
    id = recorder.next_id()  # noqa: A001 -- what an operation calls it
    recorder.counters.sent += 1
    recorder.counters.intended += 1
    recorder.record(dataclasses.replace(operation, id=id), dataclasses.replace(effect, operation=id) if effect else None)


@given(st.lists(st.tuples(OPERATION, st.none() | EFFECT), max_size=20))
@settings(max_examples=50, deadline=None)
def test_what_is_recorded_is_collected(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Operation, Effect | None]]) -> None:
    """Every field of every row, in order, with flushes in between."""
    run = tmp_path_factory.mktemp("run")
    recorder = Recorder(run, Source.CUSTOMERS, "customers-1", 3)
    for operation, effect in rows:
        record(recorder, operation, effect)
        if operation.good:
            recorder.flush()
    recorder.close(finished=True)
    collected = collect(run)
    read = pq.read_table(run / history.OPERATIONS_FILE)
    assert read.schema == OPERATIONS
    for position, (row, (operation, _)) in enumerate(zip(read.to_pylist(), rows, strict=True)):
        assert row == dataclasses.asdict(operation) | {"id": (3 << 40) + position}
    effects = pq.read_table(run / history.EFFECTS_FILE)
    assert effects.schema == EFFECTS
    expected = [dataclasses.asdict(e) | {"operation": (3 << 40) + at} for at, (_, e) in enumerate(rows) if e]
    assert effects.to_pylist() == expected
    assert collected.sent == (Sent("customers", "customers-1", len(rows), len(rows), len(rows), finished=True),)


def test_workers_have_ids_of_their_own(tmp_path: Path) -> None:
    """Two workers' operations never share an ID, and each says what it sent."""
    for number in (1, 2):
        recorder = Recorder(tmp_path, Source.CUSTOMERS, f"customers-{number}", number)
        for index in range(5):
            record(recorder, plain(index))
        recorder.close(finished=True)
    collected = collect(tmp_path)
    assert collected.operations == len(set(pq.read_table(tmp_path / history.OPERATIONS_FILE)["id"].to_pylist())) == 10
    assert [sent.worker for sent in collected.sent] == ["customers-1", "customers-2"]


def test_a_torn_row_is_dropped_and_counted(tmp_path: Path) -> None:
    """A worker killed while writing leaves a part of a row, of a line, of a text: none of it becomes a record."""
    recorder = Recorder(tmp_path, Source.CUSTOMERS, "customers-1", 1)
    for index in range(3):
        record(recorder, plain(index), Effect(0, "create", 1, 1, key=f"book_{index}"))
    recorder.flush()
    files = SpoolFiles.of(tmp_path, "customers-1")
    for path, cut in ((files.rows, ROW.size // 2), (files.effects, 5)):
        path.write_bytes(path.read_bytes()[:-cut])
    assert collect(tmp_path) == Collected(2, 2, (Sent("customers", "customers-1", 3, 3, 2, finished=False),), dropped=2)


def test_an_effect_without_its_operation_is_dropped_and_counted(tmp_path: Path) -> None:
    """Effects are written before their rows, so a kill in between leaves effects of operations that are not there."""
    recorder = Recorder(tmp_path, Source.CUSTOMERS, "customers-1", 1)
    for index in range(2):
        record(recorder, plain(index), Effect(0, "create", 1, 1))
    recorder.flush()
    files = SpoolFiles.of(tmp_path, "customers-1")
    files.rows.write_bytes(files.rows.read_bytes()[: -ROW.size])
    collected = collect(tmp_path)
    assert (collected.operations, collected.effects, collected.dropped) == (1, 1, 1)


def test_a_worker_that_never_flushed_is_known(tmp_path: Path) -> None:
    """It left an empty spool and no counters, and did not finish."""
    Recorder(tmp_path, Source.CANARY, "canary-2", 2)
    assert collect(tmp_path).sent == (Sent("canary", "canary-2", 0, 0, 0, finished=False),)


def test_what_is_due_counts_as_intended_before_it_is_begun(tmp_path: Path) -> None:
    """A generator that hangs with arrivals overdue must not look as if it had sent all."""
    recorder = Recorder(tmp_path, Source.CUSTOMERS, "customers-1", 1)
    record(recorder, plain())
    recorder.flush(overdue=4)
    assert collect(tmp_path).sent[0].intended == 5


def test_a_spool_is_never_shared(tmp_path: Path) -> None:
    """A second recorder of the same name is refused."""
    Recorder(tmp_path, Source.CUSTOMERS, "customers-1", 1)
    with pytest.raises(FileExistsError):
        Recorder(tmp_path, Source.CUSTOMERS, "customers-1", 1)


def test_no_spool_is_no_operations(tmp_path: Path) -> None:
    """Collecting nothing leaves empty files of the right schema; collecting twice leaves the same."""
    for _ in range(2):
        assert collect(tmp_path) == Collected(0, 0, (), 0)
        assert pq.read_table(tmp_path / history.OPERATIONS_FILE).schema == OPERATIONS


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """What is no spool must not become operations."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "x.rows").write_bytes(b"nonsense that is long enough")
    with pytest.raises(ValueError, match="not a spool"):
        collect(tmp_path)


def test_a_header_that_never_repeats_does_not_stop_the_recorder(tmp_path: Path) -> None:
    """Past what a worker can tell apart, texts are all the same."""
    recorder = Recorder(tmp_path, Source.CUSTOMERS, "customers-1", 1)
    for index in range(MOST_TEXTS + 10):
        record(recorder, dataclasses.replace(plain(), served_by=f"region {index}"))
    recorder.close(finished=True)
    collect(tmp_path)
    assert pq.read_table(tmp_path / history.OPERATIONS_FILE)["served_by"][-1].as_py() == OTHER


def test_rows_are_small() -> None:
    """32 to 64 bytes an operation, the same for the writer and the reader."""
    assert ROW.size == DTYPE.itemsize <= 64
