"""What the filters of the timeline and the table of requests choose from, against plain computation."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from closeshave.report.axis import axis
from closeshave.report.breakdown import BreakdownWindow, breakdown
from closeshave.report.parts import MOST_POINTS, Selections, parts
from closeshave.report.series import series
from tests.report import judged, synthetic

MADE = synthetic.history(rate_per_s=40, roaming=0.5)
WHEN = axis(MADE, judged.passed())


def curve(found: Selections, region: str | None, shard: int | None):
    """The curves of one choice."""
    return next(one.lines for one in found.parts if (one.region, one.shard) == (region, shard))


def test_without_a_choice_the_charts_show_the_whole_run():
    """The same curves as the pictures."""
    whole, drawn = curve(parts(MADE.operations, WHEN), None, None), series(MADE.operations, WHEN)
    for name in ("offered_per_s", "completed_per_s", "not_good_per_s", "p50_ms", "p95_ms", "p99_ms"):
        assert getattr(whole, name) == pytest.approx(getattr(drawn, name), nan_ok=True)


def test_pictures_are_of_the_same_curves():
    """Computed once, for the page and for the pictures; shards too."""
    found, expected = parts(MADE.operations, WHEN).series, series(MADE.operations, WHEN)
    assert (found.bin_s, found.starts_s.tolist()) == (expected.bin_s, expected.starts_s.tolist())
    assert np.array_equal(found.p95_ms, expected.p95_ms, equal_nan=True)
    assert [one.shard for one in found.shards] == [one.shard for one in expected.shards] == [1, 2, 3, 4]
    for mine, theirs in zip(found.shards, expected.shards, strict=True):
        assert np.array_equal(mine.not_good_per_s, theirs.not_good_per_s)
        assert np.array_equal(mine.p95_ms, theirs.p95_ms, equal_nan=True)


@pytest.mark.parametrize(("region", "shard"), [("us-east-1", None), (None, 2), ("eu-west-1", 1)])
def test_a_choice_shows_its_requests_alone(region, shard):
    """As a filter of the operations would."""
    rows = MADE.operations
    mine = rows if region is None else rows[rows["region"] == region]
    mine = mine if shard is None else mine[mine["shard"] == shard]
    expected, found = series(mine, WHEN), curve(parts(MADE.operations, WHEN), region, shard)
    assert found.not_good_per_s == pytest.approx(expected.not_good_per_s)
    assert found.completed_per_s == pytest.approx(expected.completed_per_s)
    assert found.p95_ms == pytest.approx(expected.p95_ms, nan_ok=True)


def test_every_choice_of_region_and_shard_is_there():
    """Each alone, each pair, and all."""
    found = parts(MADE.operations, WHEN)
    expected = set(product((None, *synthetic.REGIONS), (None, 1, 2, 3, 4)))
    assert {(one.region, one.shard) for one in found.parts} == expected
    assert (found.parts[0].region, found.parts[0].shard) == (None, None)


def test_many_choices_have_wider_bins():
    """A page of a hundred regions is no larger than one of four."""
    rows = MADE.operations.copy()
    rows["region"] = np.char.add("region-", (np.arange(len(rows)) % 100).astype(str))
    found = parts(rows, WHEN)
    assert found.bin_s > 1
    assert len(found.parts) * len(found.starts_s) <= MOST_POINTS


def test_a_run_without_requests_has_one_choice():
    """All of nothing."""
    found = parts(MADE.operations.iloc[:0], WHEN)
    assert [(one.region, one.shard) for one in found.parts] == [(None, None)]
    assert breakdown(MADE.operations.iloc[:0], WHEN) == ()


def rows(window: BreakdownWindow, **wanted):
    """Rows of a window by some of their fields."""
    return [row for row in window.rows if all(getattr(row, name) == value for name, value in wanted.items())]


def test_the_table_counts_each_combination_and_each_sum_as_a_filter_would():
    """Counts, percentiles and the longest, for one cell and for the sum over shards."""
    table = breakdown(MADE.operations, WHEN)[0]
    judged_rows = MADE.operations[MADE.operations["intended_ns"] >= synthetic.ns(20)]
    for operation, region, shard in (("book", "us-west-2", 2), ("slots", "us-east-1", None), (None, None, None)):
        mine = judged_rows
        for name, value in (("kind", operation), ("region", region), ("shard", shard)):
            mine = mine if value is None else mine[mine[name] == value]
        (row,) = rows(table, operation=operation, region=region, shard=shard)
        taken_ms = np.sort((mine["ended_ns"] - mine["intended_ns"]).to_numpy() // 1_000 / 1_000)
        assert (row.count, row.not_good) == (len(mine), int((~mine["good"]).sum()))
        assert row.p95_ms == pytest.approx(taken_ms[int(np.ceil(0.95 * len(mine))) - 1])
        assert row.longest_ms == pytest.approx(taken_ms[-1])


def test_the_cells_of_the_table_add_up_to_its_sums():
    """No request is counted twice or lost, in any window."""
    for window in breakdown(MADE.operations, WHEN):
        (whole,) = rows(window, operation=None, region=None, shard=None)
        cells = [row for row in window.rows if None not in (row.operation, row.region, row.shard)]
        assert sum(row.count for row in cells) == whole.count
        assert sum(row.not_good for row in cells) == whole.not_good


def test_exposure_is_stated_only_where_nothing_was_seen():
    """None among n: at most about 3/n were missed."""
    table = breakdown(MADE.operations, WHEN)[0]
    for row in table.rows:
        assert (row.missed_share_at_most is None) == (row.not_good > 0)
    clean = max((row for row in table.rows if not row.not_good), key=lambda row: row.count)
    assert clean.missed_share_at_most == pytest.approx(3 / clean.count, rel=0.05)


def test_there_is_a_window_for_the_judged_phases_for_calm_and_for_each_fault():
    """In this order; where there would be too many rows the last ones are left out."""
    names = [window.name for window in breakdown(MADE.operations, WHEN)]
    assert names == ["calm and faults", "calm", *(fault.id for fault in judged.FAULTS)]
    fewer = breakdown(MADE.operations, WHEN, most=500)
    assert [window.name for window in fewer] == names[: len(fewer)]
    assert 1 <= len(fewer) < len(names)


def test_without_phases_the_table_is_of_the_whole_run():
    """The harness may have died before it noted one."""
    made = synthetic.without_phases(MADE)
    (window,) = breakdown(made.operations, axis(made, replace(judged.passed(), faults=())))
    assert window.name == "the whole run"
