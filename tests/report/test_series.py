"""Rates and percentiles a second, against plain computation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import OPERATIONS, Operation, frame
from closeshave.report.axis import Axis, Band, axis
from closeshave.report.distribution import distributions
from closeshave.report.failures import failures
from closeshave.report.machine import broken, machine
from closeshave.report.series import bin_width_s, percentiles, series
from tests.report import judged, synthetic

TEN_SECONDS = Axis(zero_ns=1_000, span_s=10.0, phases=(), bands=(), ticks=())


def operation(due_s: float, taken_s: float, *, good: bool = True, shard: int = 1, source: str = "customers") -> Operation:
    """One request of a run that began at 1,000 ns."""
    due, ended = 1_000 + round(due_s * 1e9), 1_000 + round((due_s + taken_s) * 1e9)
    status = 200 if good else 503
    return Operation(0, source, "slots", "browse", "us-east-1", shard, 1, due, due, ended, "ok" if good else "fail", good, status)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**9)), max_size=200), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_percentiles_are_exact_in_every_group(rows, quantile):
    """Nearest rank, as a loop over the groups gives it; an empty group has none."""
    groups, values = np.array([one for one, _ in rows], np.int64), np.array([one for _, one in rows], np.int64)
    found = percentiles(groups, values, 5, (quantile,))[0]
    for group in range(5):
        mine = np.sort(values[groups == group])
        expected = mine[int(np.ceil(quantile * len(mine))) - 1] if len(mine) else np.nan
        assert np.array_equal(found[group], expected, equal_nan=True)


def test_a_request_is_offered_and_slow_when_it_was_due_and_completed_when_it_ended():
    """A stall shows as slow answers in the second in which they were wanted."""
    found = series(frame([operation(2.5, 3.0)], OPERATIONS), TEN_SECONDS)
    assert found.offered_per_s.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert found.completed_per_s.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert found.p99_ms[2] == pytest.approx(3_000)
    assert np.isnan(found.p99_ms[5])


def test_what_is_not_good_is_offered_but_never_completed():
    """The gap between the two lines is what customers lost."""
    found = series(frame([operation(1.0, 0.1, good=False), operation(1.1, 0.1)], OPERATIONS), TEN_SECONDS)
    assert (found.offered_per_s[1], found.completed_per_s[1], found.not_good_per_s[1]) == (2, 1, 1)


def test_shards_are_separate_and_canaries_left_out():
    """A canary is no customer."""
    rows = [operation(1, 0.1, shard=1), operation(1, 0.2, good=False, shard=4), operation(1, 0.1, shard=2, source="canary")]
    found = series(frame(rows, OPERATIONS), TEN_SECONDS)
    assert [(one.shard, one.not_good_per_s.sum()) for one in found.shards] == [(1, 0), (4, 1)]


def test_a_run_without_operations_has_flat_lines():
    """A trial that ended before its first request can still be drawn."""
    found = series(frame([], OPERATIONS), TEN_SECONDS)
    assert found.offered_per_s.sum() == 0
    assert found.shards == ()


@given(st.floats(1, 10**7))
def test_a_long_run_is_drawn_in_wider_bins(span_s):
    """Never more points than a screen has room for, until an hour a point."""
    assert span_s / bin_width_s(span_s) <= 900 or bin_width_s(span_s) == 3600


def test_rates_add_up_to_what_was_recorded():
    """No request is lost between a history and its chart."""
    made = synthetic.history()
    when = axis(made, judged.passed())
    assert series(made.operations, when).offered_per_s.sum() == len(made.operations)


def test_phases_give_the_axis_and_operations_where_there_are_none():
    """A harness killed before it noted a phase leaves operations behind."""
    made = synthetic.history(rate_per_s=20)
    assert axis(made, judged.passed()).span_s == 240
    assert 200 < axis(synthetic.without_phases(made), judged.passed()).span_s < 260


def test_a_fault_that_never_healed_has_a_band_to_the_end():
    """Its end is the run's."""
    made = synthetic.history(rate_per_s=20)
    bands = {band.fault: band for band in axis(made, judged.inconclusive()).bands}
    assert bands["cache-tier-lost"].end_s == 240
    assert bands["cache-tier-lost"].healed_s is None


def test_many_signals_of_one_second_are_one_tick():
    """A log that repeats itself must not blacken the chart."""
    made = synthetic.history(rate_per_s=20)
    again = replace(made, signals=made.signals * 50)
    assert axis(again, judged.passed()).ticks == axis(made, judged.passed()).ticks


def test_distributions_cover_every_request_of_calm_and_of_faults():
    """Warm-up belongs to neither; shares sum to the whole."""
    made = synthetic.history(rate_per_s=50)
    found = distributions(made.operations, made.manifest.phases)
    assert [one.role for one in found] == ["calm", "fault"]
    assert all(one.share.sum() == pytest.approx(1) for one in found)
    warm_up = (made.operations["intended_ns"] < made.manifest.phases[0].ended_ns).sum()
    assert sum(one.n for one in found) == len(made.operations) - warm_up


def test_what_was_not_good_is_told_by_reason_and_by_fault():
    """Every request that was not good is in some row."""
    made = synthetic.history()
    found, more = failures(made.operations, axis(made, judged.passed()), most=1_000)
    assert more == 0
    assert sum(one.count for one in found) == (~made.operations["good"]).sum()
    assert any(one.during == "us-west-2-lost" and one.shards == "2" for one in found)


def test_a_clean_run_has_no_failures():
    """And no row that says so."""
    assert failures(pd.DataFrame(frame([operation(1, 0.1)], OPERATIONS)), TEN_SECONDS) == ((), 0)


def resources(cores: int = 2) -> pd.DataFrame:
    """Ten seconds in which the platform takes a quarter of the machine, the generator an eighth, the rest of the harness 2.5 %, and a neighbour 10 %."""
    rows = []
    for second in range(1, 11):
        shared = {"at_ns": 1_000 + second * 10**9, "interval_s": 1.0}
        host = {"user_s": cores * 0.4, "system_s": cores * 0.1, "idle_s": cores * 0.5, "iowait_s": 0.0, "steal_s": 0.0}
        rows.append({**shared, "role": "host", "cpu_s": cores * 0.5, **host})
        shares = (("app", 0.15), ("patroni", 0.1), ("locust", 0.125), ("harness", 0.025))
        rows += [{**shared, "role": role, "cpu_s": cores * share} for role, share in shares]
    return pd.DataFrame(rows)


def test_the_machine_is_shared_out_over_platform_generator_harness_and_others():
    """What neither of the two used was somebody else's."""
    found = machine(resources(), TEN_SECONDS)
    assert found is not None
    assert found.at_s == pytest.approx(np.arange(10) + 0.5)
    shares = ((found.busy, 0.5), (found.platform, 0.25), (found.generator, 0.125), (found.harness, 0.025), (found.others, 0.1))
    for share, expected in shares:
        assert share == pytest.approx(np.full(10, expected))


def test_a_machine_that_was_not_watched_is_unknown():
    """No file, an empty one, or one of another time."""
    assert machine(None, TEN_SECONDS) is None
    assert machine(resources().iloc[:0], TEN_SECONDS) is None
    assert machine(resources(), replace(TEN_SECONDS, zero_ns=10**12)) is None


def test_a_gap_in_the_samples_is_not_bridged():
    """A sampler that was frozen knows nothing of that time."""
    seen = machine(resources().drop(index=[row for row in range(50) if 10 <= row < 35]), TEN_SECONDS)
    assert seen is not None
    found = broken(seen)
    assert found.at_s == pytest.approx([0.5, 1.5, 4.5, 7.5, 8.5, 9.5])
    assert found.busy == pytest.approx([0.5, 0.5, np.nan, 0.5, 0.5, 0.5], nan_ok=True)
    assert broken(found).at_s == pytest.approx(found.at_s)


def test_what_healing_breaks_is_not_blamed_on_the_fault():
    """Switching roles back costs requests too; they are told apart from those that the fault cost."""
    band = Band("killed", 1.0, None, 3.0, 5.0, 7.0, 5.0)
    rows = [operation(at, 0.1, good=False) for at in (0.5, 2, 6, 8)]
    found, _ = failures(frame(rows, OPERATIONS), replace(TEN_SECONDS, bands=(band,)))
    assert [one.during for one in found] == ["between phases", "killed", "killed, while it was being healed"]
    assert found[0].count == 2
