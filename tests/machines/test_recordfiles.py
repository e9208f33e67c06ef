"""Records of another machine: moved to this one's clock without a change of any duration; what no sender writes is not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from closeshave.history import Source
from closeshave.loadgen.convert import WorkerRecords, convert
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import HEADER, ROW
from closeshave.machines.recordfiles import COUNTERS, EFFECTS, ROWS, TEXTS, ProcessFiles, UnusableRecords
from closeshave.traffic import learning

NAME = "customers-3"
AHEAD_NS = 150_000_000


def row(start: int, code: int = 1, outcome: int = 0) -> bytes:
    """A request of the arrival 8, due at ``start`` of the other clock, sent 2 later, answered 5 later."""
    fields = (start, start + 2, start + 7, 9, 1, 10, float("nan"), float("nan"), code, code, code, 0, 0, 0, 1, 200, outcome, 1, 1, 0)
    return ROW.pack(*fields)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What a worker has recorded, on the other machine."""
    records = Records(tmp_path / "there", Source.CUSTOMERS, NAME, 3)
    records.texts.code("search")
    for start in (100, 200, 300):
        records.add(row(start))
    records.close()
    (tmp_path / "there" / f"{NAME}{learning.SUFFIX}").write_text('{"anything": 1}')
    (tmp_path / "fetched").mkdir()
    (tmp_path / "spool").mkdir()
    return tmp_path


def ahead(theirs: np.ndarray) -> np.ndarray:
    """The other clock is always ahead by the same."""
    return np.full(len(theirs), AHEAD_NS, dtype=np.int64)


def fetched(place: Path, change: Callable[[bytes], bytes] = lambda data: data) -> ProcessFiles:
    """All of it, with a change of the rows on the way."""
    files = ProcessFiles(2, place / "fetched", place / "spool")
    for name in files.names:
        source = place / "there" / name
        if source.exists():
            data = source.read_bytes()
            files.write(name, 0, change(data) if name.endswith(ROWS) else data)
    return files


def test_no_duration_changes(place: Path) -> None:
    """All instants of a row move by the same."""
    files = fetched(place)
    files.settle(ahead)
    rows = WorkerRecords.open(place / "spool" / f"{NAME}{ROWS}").rows
    assert (rows["intended_ns"] == np.array([100, 200, 300]) - AHEAD_NS).all()
    assert (rows["started_ns"] - rows["intended_ns"] == 2).all()
    assert (rows["ended_ns"] - rows["intended_ns"] == 7).all()
    converted = convert(place / "spool", place / "operations.parquet")
    assert (converted.operations, converted.reconciled, converted.blind) == (3, True, ())


def test_a_file_that_is_what_no_worker_writes_is_left_out(place: Path) -> None:
    """What was learnt of the platform is read as a whole by others."""
    fetched(place).settle(ahead)
    assert not (place / "spool" / f"{NAME}{learning.SUFFIX}").exists()
    assert (place / "spool" / f"{NAME}{COUNTERS}").exists()


def test_half_a_row_is_torn_and_the_others_count(place: Path) -> None:
    """Half a record file: what is whole is used."""
    fetched(place, lambda data: data[: HEADER.size + ROW.size + 30]).settle(ahead)
    records = WorkerRecords.open(place / "spool" / f"{NAME}{ROWS}")
    assert (len(records.rows), records.torn) == (1, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[: HEADER.size - 1], "holds no records of this version"),
        (lambda data: b"CSHAVE01" + data[8:], "holds no records of this version"),
        (lambda data: data[:8] + (4).to_bytes(4, "little") + data[12:], "holds the records of another process"),
        (lambda data: data[:16] + b"canary".ljust(16, b"\0") + data[32:], "holds the records of another process"),
        (lambda data: data + row(400, code=9), "holds rows that no sender writes"),
        (lambda data: data + row(400, outcome=7), "holds rows that no sender writes"),
        (lambda data: data + ROW.pack(*(9, 9, 8), *([0] * 3), 0.0, 0.0, *([0] * 12)), "holds requests that ended before they began"),
    ],
)  # fmt: skip
def test_what_no_sender_writes_is_not_used(place: Path, change: Callable[[bytes], bytes], said: str) -> None:
    """Whoever reads the records later need not doubt them."""
    files = fetched(place, change)
    with pytest.raises(UnusableRecords, match=said):
        files.settle(ahead)
    files.withdraw()
    assert list((place / "spool").iterdir()) == []


def test_what_is_shown_while_the_load_runs_is_what_is_there_in_the_end(place: Path) -> None:
    """However the parts come."""
    files = ProcessFiles(2, place / "fetched", place / "spool")
    whole = {suffix: (place / "there" / f"{NAME}{suffix}").read_bytes() for suffix in (ROWS, TEXTS, EFFECTS)}
    for end in (10, HEADER.size, HEADER.size + 70, HEADER.size + 130, len(whole[ROWS])):
        for suffix in (ROWS, TEXTS, EFFECTS):
            files.write(f"{NAME}{suffix}", 0, whole[suffix][: end if suffix == ROWS else None])
        files.show(ahead)
    shown = (place / "spool" / f"{NAME}{ROWS}").read_bytes()
    files.settle(ahead)
    assert shown == (place / "spool" / f"{NAME}{ROWS}").read_bytes()
