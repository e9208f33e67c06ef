"""A long run is read column by column into mapped files: the frames are the same, and a full disk is told, not met by a signal."""

import errno
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closeshave import history
from closeshave.history import EFFECTS, OPERATIONS, Effect, Operation, frame, mapped, reading
from closeshave.history.room import NoRoom, Room
from tests.history.test_history import MANIFEST

ROWS = [
    Operation(n, "customers" if n % 7 else "canary", f"kind-{n % 200}", "book", "eu-west-1", n % 4 + 1, n % 3, n, n + 1, n + 2, "ok", n % 2 == 0, 200,
              None if n % 5 else "reset", 1, 300, None, "hit" if n % 3 else None, None if n % 4 else 1.5, 0.25)
    for n in range(1_000)
]  # fmt: skip
DONE = [
    Effect(n, "create" if n % 2 else "cancel", n % 3, 1, f"key-{n}", n if n % 5 else None, session="s" if n % 3 else None)
    for n in range(500)
]


@pytest.fixture(name="run")
def _run(tmp_path):
    """A run directory whose Parquet files have several row groups."""
    history.save_manifest(tmp_path, MANIFEST)
    for name, rows, schema in ((history.OPERATIONS_FILE, ROWS, OPERATIONS), (history.EFFECTS_FILE, DONE, EFFECTS)):
        pq.write_table(pa.Table.from_pandas(frame(rows, schema), schema=schema), tmp_path / name, row_group_size=150)
    return tmp_path


def test_a_long_run_is_read_as_a_short_one(run, monkeypatch):
    """Values, types and missing values; more than 127 different texts, so that their numbers become wider on the way."""
    whole = history.load(run)
    monkeypatch.setattr(reading, "AT_ONCE", 0)
    monkeypatch.setattr(mapped, "BATCH_ROWS", 64)
    monkeypatch.setattr(Room, "beside", lambda path: Room(path, 1))
    long = history.load(run)
    assert long.damage == whole.damage
    pd.testing.assert_frame_equal(long.operations, whole.operations)
    pd.testing.assert_frame_equal(long.effects, whole.effects)


def test_nothing_is_left_of_a_mapped_column(tmp_path):
    """It has no name from the beginning."""
    column = Room(tmp_path, 1).array(1_000, np.int64)
    column[:] = np.arange(1_000)
    assert column.sum() == 499_500
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_damage_that_says_what_is_needed(run, monkeypatch):
    """The records stay, and the verdicts that need them are inconclusive."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NoRoom, match="judging needs 8 MiB more"):
        Room(run, 1).array(1 << 20, np.int64)
    monkeypatch.setattr(reading, "AT_ONCE", 0)
    monkeypatch.setattr(Room, "beside", lambda path: Room(path, 1))
    told = [one for one in history.load(run).damage if one.startswith(history.OPERATIONS_FILE)]
    assert len(told) == 1
    assert "No space left on device" in told[0]


def test_letters_are_kept_in_a_file_when_there_are_many(tmp_path):
    """Piece by piece, and nothing is left of it."""
    few, many, none = Room(tmp_path, 100).letters(), Room(tmp_path, 100).letters(), Room(tmp_path, 100).letters()
    few.add(memoryview(b"abc"))
    for number in range(50):
        many.add(memoryview(f"{number:07d}".encode()))
    assert bytes(few.whole()) == b"abc"
    assert bytes(many.whole()) == b"".join(f"{number:07d}".encode() for number in range(50))
    assert not len(none.whole())
    assert not list(tmp_path.iterdir())
