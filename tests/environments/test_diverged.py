"""What was stored of the lost side of a partition."""

import json

import pytest

from closeshave.deployment import DIVERGED
from closeshave.environments.evidence import diverged
from closeshave.environments.evidence.reading import FinalStateUnreadable

ROW = {
    "member": "shard2-us-west-2", "shard": 2, "franchise": 25001, "booking": 7, "key": "k", "status": "scheduled", "version": 1, "created_at": 1000.5
}  # fmt: skip


def test_rows_of_the_run_are_read_and_older_ones_are_not(tmp_path):
    """An environment may have been partitioned before the run began."""
    (tmp_path / DIVERGED).write_text("\n".join(json.dumps({**ROW, "created_at": at}) for at in (999.0, 1000.5, 1001.0)) + "\n")
    found = diverged.read(tmp_path, 1000.0)
    assert found is not None
    assert found.column("created_at").to_pylist() == [1000.5, 1001.0]


def test_where_no_two_sides_were_read_nothing_is_claimed(tmp_path):
    """An empty table would mean that the sides were the same."""
    assert diverged.read(tmp_path, 0) is None


def test_two_sides_that_were_the_same_are_an_empty_table(tmp_path):
    """They were read, and this is known."""
    (tmp_path / DIVERGED).touch()
    found = diverged.read(tmp_path, 0)
    assert found is not None
    assert found.num_rows == 0


@pytest.mark.parametrize("line", ['{"member": "a"', "{}", "[]", json.dumps({**ROW, "version": "new"})])
def test_a_damaged_file_is_no_evidence(tmp_path, line):
    """No judge gets the rest as if it were complete."""
    (tmp_path / DIVERGED).write_text(f"{json.dumps(ROW)}\n{line}\n")
    with pytest.raises(FinalStateUnreadable, match=DIVERGED):
        diverged.read(tmp_path, 0)
