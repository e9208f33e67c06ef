"""A run of any length gets the same verdicts, counts and witnesses: in memory, and in blocks of any size over columns in mapped files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.history import BOOKINGS, EFFECTS, OPERATIONS, History, mapped
from closeshave.history.room import Room
from closeshave.judge import assess
from closeshave.judge.evidence import blocks
from tests.judge.clean import Plant, clean
from tests.judge.histories import Run
from tests.judge.test_integrity import BREACHES
from tests.judge.test_properties import runs

few = settings(max_examples=4, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def _both_ways() -> None:
    """Each test of this file compares both ways itself."""


def assess_in_blocks(run: Run, rows: int) -> object:
    """Everything that is said of the run, read from files and judged in blocks of so many rows."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "BATCH_ROWS", max(1, rows // 2))
        patch.setattr(blocks, "ROWS", rows)
        patch.setattr(blocks, "FEW", 2)
        patch.setattr(blocks, "LONG_BYTES", 0)
        patch.setattr(blocks, "processors", lambda: 2)
        return assess(in_files(run.history, Path(directory)), run.plan, run.target)


def in_files(history: History, directory: Path) -> History:
    """The same history, with the columns of its long tables in mapped files."""
    room = Room(directory, 1)

    def read(rows: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
        path = directory / "rows.parquet"
        pq.write_table(pa.Table.from_pandas(rows, schema=schema, preserve_index=False), path, row_group_size=100)
        return mapped.mapped(path, schema, room)

    return replace(
        history,
        operations=read(history.operations, OPERATIONS),
        effects=read(history.effects, EFFECTS),
        bookings=None if history.bookings is None else read(history.bookings, BOOKINGS),
        room=room,
    )


@few
@given(runs(), st.sampled_from([7, 64]))
def test_a_random_run_is_judged_alike_in_blocks(run: Run, rows: int) -> None:
    """Digit for digit."""
    assert repr(assess_in_blocks(run, rows)) == repr(assess(run.history, run.plan, run.target))


@pytest.mark.parametrize("plant", list(BREACHES), ids=lambda plant: plant.__name__)
def test_every_breach_is_found_alike_in_blocks(plant: Plant) -> None:
    """With its count and its witnesses."""
    run = clean()
    plant(run)
    assert repr(assess_in_blocks(run, 3)) == repr(assess(run.history, run.plan, run.target))
