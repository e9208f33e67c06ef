"""What the journeys record arrives in the run directory, complete, and an incomplete end of a killed worker's record is found."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave import history
from closeshave.history import EFFECTS, OPERATIONS, Blind, Effect, Operation, Outcome, Sent, Source
from closeshave.loadgen.convert import Converted
from closeshave.loadgen.records import MOST_TEXTS, OTHER, Records
from closeshave.loadgen.rows import ROW
from closeshave.loadgen.transport import TOTAL_TIMEOUT_S
from closeshave.loadgen.writing import RecordFiles
from closeshave.traffic.collect import collect
from closeshave.traffic.recorder import EngineRecorder
from closeshave.traffic.runfiles import RECORDS
from tests.tiers import examples

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


def records_of(
    run: Path, worker: str = "customers-1", number: int = 1, source: Source = Source.CUSTOMERS
) -> tuple[Records, EngineRecorder]:
    """A worker's records and the journeys' book in them."""
    records = Records(run / RECORDS, source, worker, number)
    return records, EngineRecorder(records)


def plain(number: int = 0, ended_ns: int = 3) -> Operation:
    """An operation like any other."""
    return Operation(0, "customers", "slots", "customer", "us-east-1", 1, number + 1, 1, 2, ended_ns, "ok", good=True, status=200)


def record(book: EngineRecorder, operation: Operation, effect: Effect | None = None) -> None:
    """As a session does it: the book says which ID is next."""
    id = book.next_id()  # noqa: A001 -- what an operation calls it
    book.counters.sent += 1
    book.counters.intended += 1
    book.record(dataclasses.replace(operation, id=id), "GET", dataclasses.replace(effect, operation=id) if effect else None)


@given(st.lists(st.tuples(OPERATION, st.none() | EFFECT), max_size=20))
@settings(max_examples=examples(50), deadline=None)
def test_what_is_recorded_is_collected(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Operation, Effect | None]]) -> None:
    """Every field of every row, in order, with flushes in between."""
    run = tmp_path_factory.mktemp("run")
    records, book = records_of(run, number=3)
    for operation, effect in rows:
        record(book, operation, effect)
        if operation.good:
            records.flush()
    records.close()
    collected = collect(run)
    read = pq.read_table(run / history.OPERATIONS_FILE, schema=OPERATIONS)
    for position, (row, (operation, _)) in enumerate(zip(read.to_pylist(), rows, strict=True)):
        assert row == dataclasses.asdict(operation) | {"id": (3 << 40) + position}
    effects = pq.read_table(run / history.EFFECTS_FILE, schema=EFFECTS)
    expected = [dataclasses.asdict(e) | {"operation": (3 << 40) + at} for at, (_, e) in enumerate(rows) if e]
    assert effects.to_pylist() == expected
    assert collected == Converted(len(rows), (Sent("customers", "customers-1", len(rows), len(rows), len(rows), finished=True),), (), 0)


def test_workers_have_ids_of_their_own(tmp_path: Path) -> None:
    """Two workers' operations never share an ID, and each says what it sent."""
    for number in (1, 2):
        records, book = records_of(tmp_path, f"customers-{number}", number)
        for index in range(5):
            record(book, plain(index))
        records.close()
    collected = collect(tmp_path)
    assert collected.operations == len(set(pq.read_table(tmp_path / history.OPERATIONS_FILE)["id"].to_pylist())) == 10
    assert [sent.worker for sent in collected.sent] == ["customers-1", "customers-2"]


def test_an_incomplete_row_is_dropped_and_counted(tmp_path: Path) -> None:
    """A worker that was killed while writing leaves a part of a row and of a line: neither becomes a record, nor an effect without its operation."""
    records, book = records_of(tmp_path)
    for index in range(3):
        record(book, plain(index), Effect(0, "create", 1, 1, key=f"book_{index}"))
    records.flush()
    files = RecordFiles.of(tmp_path / RECORDS, "customers-1")
    for path, cut in ((files.rows, ROW.size // 2), (files.effects, 5)):
        path.write_bytes(path.read_bytes()[:-cut])
    collected = collect(tmp_path)
    assert collected.sent == (Sent("customers", "customers-1", 3, 3, 2, finished=False),)
    assert (collected.operations, collected.torn) == (2, 1)
    assert pq.read_table(tmp_path / history.EFFECTS_FILE).num_rows == 2


def test_a_worker_that_never_flushed_is_reported(tmp_path: Path) -> None:
    """It left an empty file and no counters, and did not finish."""
    records_of(tmp_path, "canary-0", 0, Source.CANARY)
    assert collect(tmp_path).sent == (Sent("canary", "canary-0", 0, 0, 0, finished=False),)


def test_a_killed_worker_is_blind_from_its_unrecorded_requests_on(tmp_path: Path) -> None:
    """To the last record of any worker; a worker that closed its records is not, whether or not it did all of its work."""
    ends_ns = {"customers-1": 20_000_000_000, "customers-2": 60_000_000_000, "customers-3": 50_000_000_000}
    for number, (worker, ended_ns) in enumerate(ends_ns.items()):
        records, book = records_of(tmp_path, worker, number)
        record(book, plain(ended_ns=ended_ns))
        if worker == "customers-1":
            records.flush()
        else:
            records.close(finished=worker == "customers-2")
    lost_from_ns = 20_000_000_000 - int(TOTAL_TIMEOUT_S * 1e9)
    expected = Blind("customers", "customers-1", lost_from_ns, 60_000_000_000)
    for _ in range(2):
        assert collect(tmp_path).blind == (expected,)
        assert json.loads((tmp_path / history.BLIND).read_bytes()) == [dataclasses.asdict(expected)]


def test_records_are_never_shared(tmp_path: Path) -> None:
    """A second worker of the same name is refused."""
    records_of(tmp_path)
    with pytest.raises(FileExistsError):
        records_of(tmp_path)


def test_no_records_are_no_operations(tmp_path: Path) -> None:
    """Collecting nothing leaves empty files of the right schema; collecting twice leaves the same."""
    for _ in range(2):
        assert collect(tmp_path) == Converted(0, (), (), 0)
        assert pq.read_table(tmp_path / history.OPERATIONS_FILE).schema == OPERATIONS


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """A file that is not a record must not become operations."""
    (tmp_path / RECORDS).mkdir()
    (tmp_path / RECORDS / "x.rows").write_bytes(b"nonsense that is long enough")
    with pytest.raises(ValueError, match="holds no records"):
        collect(tmp_path)


def test_a_header_that_never_repeats_does_not_stop_the_recorder(tmp_path: Path) -> None:
    """Beyond the number that a worker can distinguish, texts become one value."""
    records, book = records_of(tmp_path)
    for index in range(MOST_TEXTS + 10):
        record(book, dataclasses.replace(plain(), served_by=f"region {index}"))
    records.close()
    collect(tmp_path)
    assert pq.read_table(tmp_path / history.OPERATIONS_FILE)["served_by"][-1].as_py() == OTHER
