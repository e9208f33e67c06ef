"""What is kept of the load: classes of response times, intervals of several widths, and the same figures as everywhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.live import classes
from closeshave.live.classes import CLASSES, LEAST_US, MOST_US, percentiles_ms
from closeshave.live.ladder import Ended, Rung
from closeshave.live.series import LoadSeries
from closeshave.live.telling import short
from closeshave.loadgen.growing import Spool
from closeshave.telemetry.totals import Totals
from closeshave.traffic.live import Live
from closeshave.trial.figures import WINDOW_S, Gauge
from closeshave.vocabulary import SPOOL
from tests.live.made import EAST, WEST, Scripted

SECONDS = st.lists(st.integers(0, 5000), min_size=1, max_size=60)


@given(st.lists(st.floats(LEAST_US, MOST_US), min_size=1, max_size=50), st.sampled_from((0.5, 0.95, 0.99)))
def test_a_percentile_is_wrong_by_at_most_2_percent(taken_us: list[float], share: float) -> None:
    """Against the exact one, by nearest rank."""
    counts = np.bincount(classes.of(np.array([round(one * 1000) for one in taken_us])), minlength=CLASSES).astype(np.uint32)
    exact = sorted(taken_us)[int(np.ceil(share * len(taken_us))) - 1] / 1000
    assert percentiles_ms(counts, (share,))[0] == pytest.approx(exact, rel=0.021)


def test_a_percentile_of_nothing_is_unknown_and_extremes_have_a_class() -> None:
    """Also a time of nothing, or one that a damaged row claims."""
    assert np.isnan(percentiles_ms(np.zeros((2, CLASSES), np.uint32), (0.5,))).all()
    assert classes.of(np.array([0, -5, 1, 10**15])).tolist() == [0, 0, 0, CLASSES - 1]


def ended(seconds: list[int], bad: int = 0) -> Ended:
    """Requests of one place that ended in these seconds, the first ones badly."""
    at = np.array(seconds, np.int64)
    return Ended(at - 1, at, np.arange(len(at)) < bad, np.full(len(at), 7), (np.zeros(len(at), np.int64),))


@given(st.lists(SECONDS, min_size=1, max_size=6), st.sampled_from(((1, 10_000), (8, 700), (64, 100))))
def test_while_all_is_remembered_nothing_is_lost(batches: list[list[int]], size: tuple[int, int]) -> None:
    """In whatever order, and with whatever gaps, requests come."""
    rung = Rung(*size, places=1)
    for seconds in batches:
        rung.add(ended(seconds), now_s=0)
    everything = [second for seconds in batches for second in seconds]
    assert rung.first == 0
    assert np.flatnonzero(rung.ended[0]).tolist() == sorted({second // size[0] for second in everything})
    assert rung.ended.sum() == rung.taken.sum() == len(everything)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(5, 40))
def test_the_newest_intervals_are_remembered_and_the_room_is_bounded(steps: list[int], kept: int) -> None:
    """However long it runs; what is remembered is what was counted."""
    rung, second, counted = Rung(1, kept, 1), 0, {}
    for step in steps:
        second += step
        rung.add(ended([second] * 3, bad=1), now_s=second)
        counted[second] = 3
    assert rung.ended.shape[1] <= max(2 * kept, 64)
    assert rung.first + rung.count == second + 1
    assert rung.first <= max(0, second + 1 - kept)
    for index in range(rung.count):
        at = rung.first + index
        expected = counted.get(at, 0) if at > second - kept else rung.ended[0, index]
        assert (rung.ended[0, index], rung.bad[0, index]) == (expected, expected // 3)


@given(st.lists(st.tuples(st.floats(0.05, 40), st.integers(0, 500)), min_size=1, max_size=30), st.sampled_from((1, 8)))
def test_what_was_offered_is_spread_and_none_of_it_is_lost(steps: list[tuple[float, int]], width_s: int) -> None:
    """Over the time between two readings of the counters."""
    rung, at_s = Rung(width_s, 5000, 1), 0.0
    for length_s, requests in steps:
        rung.offer(at_s, at_s + length_s, requests)
        at_s += length_s
    assert np.nansum(rung.told) == pytest.approx(sum(requests for _, requests in steps))


def test_offered_evenly_means_the_same_in_every_second() -> None:
    """Whenever a worker happens to write its counters."""
    rung = Rung(1, 100, 1)
    for at in range(40):
        rung.offer(at * 0.25, (at + 1) * 0.25, 5)
    assert rung.told[:10].tolist() == pytest.approx([20.0] * 10)


@given(st.lists(st.floats(0, 1e7) | st.just(float("nan")), min_size=1, max_size=20))
def test_figures_are_rounded_and_the_unknown_stays_unknown(values: list[float]) -> None:
    """Four digits are more than a chart shows."""
    assert short(np.array(values)) == pytest.approx(values, rel=1e-3, abs=1e-300, nan_ok=True)


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    """A run of 20 seconds in two regions with a fault on one shard."""
    made = Scripted(tmp_path)
    made.manifest()
    made.ordinary()
    return made


def added(run: Scripted, *, at_once: int | None = None) -> LoadSeries:
    """Everything that a run recorded."""
    live, series = Live(run.path, (), at_once), LoadSeries(run.zero_ns, (EAST, WEST), (1, 2))
    batches = live.read()
    while any(len(batch.rows) for batch in batches):
        series.add(batches, run.began_s)
        batches = live.read()
    return series


def test_one_source_of_figures(scripted: Scripted) -> None:
    """The curves add up to what the terminal's table and the metrics count, in all, by region and by shard."""
    series = added(scripted)
    live, gauge = Live(scripted.path), Gauge(0.0, (EAST, WEST), (1, 2))
    live.tallies()
    reading = gauge.look(WINDOW_S, 0, live.answers())
    totals = Totals()
    for worker in Spool(scripted.path / SPOOL).workers():
        totals.add(worker)
    stretch = series.stretch(1, 0, scripted.began_s)
    figures = (reading.all, *(one for _, one in reading.regions), *(one for _, one in reading.shards))
    for curves, told in zip(stretch.places, figures, strict=True):
        count = told.completed_per_s * WINDOW_S
        assert curves.completed_per_s.sum() == pytest.approx(count, rel=0.05)
        assert told.bad_share is not None
        assert curves.bad_per_s[:-1].sum() == pytest.approx(told.bad_share * count)
    customers = {kind: count for kind, count in totals.requests.items() if kind.source == "customers"}
    assert sum(customers.values()) == series.counted == reading.all.completed_per_s * WINDOW_S
    assert sum(count for kind, count in customers.items() if not kind.good) == round((reading.all.bad_share or 0) * series.counted)


def test_it_does_not_matter_how_much_is_read_at_once(scripted: Scripted) -> None:
    """A server that starts late sees what one saw that was there from the begin."""
    whole, slowly = (added(scripted, at_once=most).stretch(1, 0, scripted.began_s) for most in (None, 37))
    for one, other in zip(whole.places, slowly.places, strict=True):
        for name in ("completed_per_s", "bad_per_s", "due_per_s", "p50_ms", "p95_ms", "p99_ms"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_harm_of_a_fault_shows_where_and_when_it_was(scripted: Scripted) -> None:
    """On its shard, and nowhere else."""
    stretch = added(scripted).stretch(1, 0, scripted.began_s)
    _, east, west, first, second = stretch.places
    assert first.bad_per_s[:11].sum() == 0 < first.bad_per_s[11:16].sum()
    assert west.bad_per_s.sum() == second.bad_per_s.sum() == 0
    assert np.nanmedian(first.p95_ms[16:19]) > 3 * np.nanmedian(second.p95_ms[16:19])
    np.testing.assert_array_equal(east.bad_per_s, first.bad_per_s)


def test_only_what_may_have_changed_is_sent_again(scripted: Scripted) -> None:
    """From the interval that a page asks for."""
    series = added(scripted)
    whole, end = series.stretch(1, 0, 20.0), series.stretch(1, 15, 20.0)
    assert (end.begins, end.first) == (15, 0)
    np.testing.assert_array_equal(end.places[0].p50_ms, whole.places[0].p50_ms[15:])
    assert len(series.stretch(1, 10**6, 20.0).offered_per_s) == 0
    with pytest.raises(KeyError):
        series.stretch(7, 0, 20.0)


@pytest.mark.thorough
def test_a_whole_day_is_told_at_once() -> None:
    """The page gets some 1,400 intervals, whatever they hold: two million requests, as 20 million would be (``benchmarks --only live_day`` has those)."""
    import time  # noqa: PLC0415 - only here

    from closeshave.live import telling  # noqa: PLC0415
    from closeshave.live.series import UNKNOWN  # noqa: PLC0415

    random, series, day_s = np.random.default_rng(1), LoadSeries(0, (EAST, WEST), (1, 2, 3, 4)), 86_400
    assert UNKNOWN == -1
    for hour in range(24):
        ended_s = np.sort(random.integers(hour * 3600, (hour + 1) * 3600, 83_333))
        taken = classes.of((random.lognormal(2.5, 0.6, len(ended_s)) * 1e6).astype(np.int64))
        places = (np.zeros(len(ended_s), np.int64), random.integers(1, 3, len(ended_s)), random.integers(3, 7, len(ended_s)))
        for rung in series._rungs:
            rung.add(Ended(ended_s, ended_s, random.random(len(ended_s)) < 0.001, taken, places), day_s)
    width_s = series.width_s(whole=True)
    begun = time.process_time()
    told = telling.encoded(telling.stretch(series.stretch(width_s, 0, day_s), series))
    assert time.process_time() - begun < 1
    assert width_s == 64
    assert len(told) < 1_000_000
    assert sum(rung.taken.nbytes for rung in series._rungs) < 200e6
