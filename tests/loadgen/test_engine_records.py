"""Records: 64 bytes a request, readable after a kill, counted by the worker itself."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import gevent
import numpy as np
import orjson
import pytest

from closeshave.history import Effect, Source
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.records import BATCH_ROWS, FLUSH_INTERVAL_S, FLUSH_INTERVAL_S_LEAST, Records, Texts, flush_interval_s
from closeshave.loadgen.rows import DTYPE, HEADER, MAGIC, ROW
from closeshave.loadgen.writing import RecordFiles


def row(records: Records, kind: str, started_ns: int, ended_ns: int) -> bytes:
    """A good GET."""
    return ROW.pack(
        started_ns, started_ns, ended_ns, 7, 42, 310, 1.5, float("nan"), records.texts.code(kind), 0, 0, 0, 0, 0, 3, 200, 0, 1, 1, 0
    )


def test_what_was_flushed_is_there_without_any_closing(tmp_path: Path) -> None:
    """After a flush the files hold rows, texts, effects and counters that agree; only ``finished`` is missing."""
    records = Records(tmp_path, Source.CUSTOMERS, "worker-3", 3)
    for at in range(10):
        records.add_effect(Effect(operation=records.next_id, action="create", franchise=1, shard=1))
        records.add(row(records, f"kind {at % 2}", at, at + 5))
    records.flush(overdue=2)
    files = RecordFiles.of(tmp_path, "worker-3")
    data = files.rows.read_bytes()
    magic, number, size, source = HEADER.unpack_from(data)
    assert (magic, number, size, source.rstrip(b"\0")) == (MAGIC, 3, 64, b"customers")
    rows = np.frombuffer(data, DTYPE, offset=HEADER.size)
    assert rows["customer"].tolist() == [7] * 10
    assert files.texts.read_text().splitlines() == ["kind 0", "kind 1"]
    assert [orjson.loads(line)["operation"] for line in files.effects.read_bytes().splitlines()] == [(3 << 40) + at for at in range(10)]
    counters = orjson.loads(files.counters.read_bytes())
    assert (counters["recorded"], counters["intended"], counters["finished"]) == (10, 2, False)


@pytest.mark.parametrize(
    ("rows", "since_s", "expected"),
    [
        (0, 0.25, FLUSH_INTERVAL_S),
        (BATCH_ROWS, 0.25, FLUSH_INTERVAL_S),  # 8,000 requests per second
        (10_000, 0.25, 0.05),  # 40,000
        (2_000, 0.05, 0.05),  # and it stays there
        (BATCH_ROWS, 60.0, FLUSH_INTERVAL_S),  # the hub was blocked
        (10_000_000, 0.25, FLUSH_INTERVAL_S_LEAST),
    ],
)
def test_where_many_rows_come_they_are_written_more_often(rows: int, since_s: float, expected: float) -> None:
    """A batch of some 2,000 rows takes a part of a millisecond; a larger one would make all arrivals of its time late."""
    assert flush_interval_s(rows, since_s) == pytest.approx(expected)


def test_a_flush_gives_every_row_once(tmp_path: Path) -> None:
    """Also without a directory, and with the end's rows."""
    for directory in (None, tmp_path / "kept"):
        records, seen = Records(directory, Source.CUSTOMERS, "w", 0), list[int]()
        for at in range(5):
            records.add(row(records, "k", at, at))
            if at % 2:
                seen += records.flush()["started_ns"].tolist()
        seen += records.close()["started_ns"].tolist()
        assert seen == [0, 1, 2, 3, 4]
        assert records.recorded == 5


def test_two_never_share_a_file(tmp_path: Path) -> None:
    """A second worker of the same name is refused."""
    Records(tmp_path, Source.CUSTOMERS, "w", 0)
    with pytest.raises(FileExistsError):
        Records(tmp_path, Source.CUSTOMERS, "w", 0)


def test_too_many_names_lose_their_name_and_no_row() -> None:
    """Codes have 16 bits; an ID in an operation's name uses them up. Why a request failed is told anyway."""
    texts = Texts()
    for at in range(70_000):
        texts.code(str(at))
    assert texts.text(texts.code("59999")) == "59999"
    assert texts.text(texts.code("one more")) == "other"
    assert [texts.text(texts.code(why)) for why in ("status_503", "wrong_body", "reset", "shortage")] == [
        "status_503", "wrong_body", "reset", "shortage",
    ]  # fmt: skip
    assert max(map(texts.code, texts.texts)) <= 0xFFFF


def test_one_odd_text_stops_nothing(tmp_path: Path) -> None:
    """A lone surrogate cannot be written as UTF-8, a number of 70 bits not as JSON: each is kept in words, and what follows is kept too."""
    records = Records(tmp_path, Source.CUSTOMERS, "w", 0)
    for name in ("/\udcff", "a\nb", "plain"):
        version: object = 2**70 if name == "plain" else 1
        records.add_effect(Effect(records.next_id, "create", 1, 1, client=name, version=version))  # type: ignore[arg-type]  # that is the point
        records.add(row(records, name, 1, 2))
        records.flush()
    files = RecordFiles.of(tmp_path, "w")
    assert files.texts.read_bytes().decode().splitlines() == ["/\\udcff", "a b", "plain"]
    told = [orjson.loads(line) for line in files.effects.read_bytes().splitlines()]
    assert [(each["client"], each["version"]) for each in told] == [("/\\udcff", 1), ("a\nb", 1), ("plain", str(2**70))]
    assert orjson.loads(files.counters.read_bytes())["recorded"] == 3


def test_a_full_disk_leaves_no_half_row_and_forgets_none(tmp_path: Path) -> None:
    """What was not taken is written once there is room again."""
    records = Records(tmp_path, Source.CUSTOMERS, "w", 0)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for at in range(10):
            records.add(row(records, "k", at, at))
        resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER.size + 100, limits[1]))
        with pytest.raises(OSError, match="large"):
            records.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (RecordFiles.of(tmp_path, "w").rows.stat().st_size - HEADER.size) % ROW.size == 0
        records.add(row(records, "k", 10, 10))
        assert records.flush()["started_ns"].tolist() == [10]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    data = RecordFiles.of(tmp_path, "w").rows.read_bytes()
    assert np.frombuffer(data, DTYPE, offset=HEADER.size)["started_ns"].tolist() == list(range(11))


def test_a_busy_disk_does_not_stop_the_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the thread that writes waits for the storage, the greenlets go on; the end waits for it, and every row is in the file, in order."""
    storage, waiting, wrote = threading.Event(), threading.Event(), os.write

    def busy(descriptor: int, data: bytes) -> int:
        waiting.set()
        storage.wait()
        return wrote(descriptor, data)

    engine = Engine(Settings(records=tmp_path))
    monkeypatch.setattr("closeshave.loadgen.writing.os.write", busy)
    engine.records.add(row(engine.records, "first", 0, 5))
    with gevent.Timeout(20):
        while not waiting.is_set():
            gevent.sleep(0.001)
        # This greenlet is running although the write has not come back.
        engine.records.add(row(engine.records, "second", 1, 5))
        closing = gevent.spawn(engine.close)
        gevent.sleep(0.01)
        assert not closing.ready()
        storage.set()
        closing.get()
    rows = np.frombuffer(RecordFiles.of(tmp_path, "worker-0").rows.read_bytes(), DTYPE, offset=HEADER.size)
    assert rows["started_ns"].tolist() == [0, 1]
    assert RecordFiles.of(tmp_path, "worker-0").texts.read_text().splitlines() == ["first", "second"]
