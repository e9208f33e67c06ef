"""Objectives in sliding windows, by decile of franchises, of errors and burn rates, and the weaker promise while a fault degrades."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.measures import sampling
from closeshave.judge.verdict import Status
from closeshave.plan import Expected
from closeshave.target import Measure, Objective
from tests.judge.histories import AVAILABILITY, KILL, Run, ns

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def objective(measure: str, **fields: Any) -> Objective:
    """An objective named after what it measures."""
    return Objective(measure, ("C1",), Measure(measure), **fields)


# -- sliding windows --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "whole", "sliding"),
    [
        (0, PASS, PASS),
        (30, PASS, FAIL),  # a bad second in a hundred good ones
        (5, PASS, INCONCLUSIVE),  # perhaps by chance
    ],
)
def test_a_bad_second_does_not_hide_in_a_good_minute(bad: int, whole: Status, sliding: Status) -> None:
    """98 % of 4,000 requests in 100 s, and of those in each 10 s; all bad ones are within one second."""
    promises = (objective("availability", at_least=0.98), replace(objective("availability", at_least=0.98, sliding=10.0), id="sliding"))
    run = Run(promises)
    run.steady(4000 - bad)
    for index in range(bad):
        run.bad(60 + index / 60)
    assert (run.verdict("availability/all").status, run.verdict("sliding/all").status) == (whole, sliding)
    if sliding is FAIL:
        assert "starts at second 5" in run.verdict("sliding/all").reason
        assert run.verdict("sliding/all").witnesses[0].facts()["status"] == 503


def test_a_window_without_requests_proves_nothing() -> None:
    """Half of the calm phase had no requests."""
    run = Run((objective("availability", at_least=0.9, sliding=10.0),))
    run.steady(2000, 10, 60)
    assert run.verdict("availability/all").status is INCONCLUSIVE


def test_percentiles_are_judged_in_sliding_windows_too() -> None:
    """Five slow seconds in a hundred: the p90 of the phase holds, that of their window does not."""
    run = Run((objective("latency", at_most=0.1, percentile=0.9, sliding=10.0), replace(objective("latency", at_most=0.1, percentile=0.9), id="whole")))  # fmt: skip  # noqa: E501
    run.steady(4000)
    for index in range(200):
        run.op(60 + index / 40, 0.5)
    assert run.verdict("whole/all").status is not FAIL
    slow = run.verdict("latency/all")
    assert (slow.status, slow.measured) == (FAIL, 0.5)


SPREAD, STALL, SLOW_S = range(15, 45), 80, 0.5


@pytest.mark.parametrize(
    ("spread_per_s", "stalled", "expected"),
    [
        (3.1, 0, PASS),
        (3.1, 61, INCONCLUSIVE),  # fewer in a window, and all at once
        (0, 61, INCONCLUSIVE),
        (0, 20, PASS),
        (3.1, 250, FAIL),
    ],
)
def test_a_stall_does_not_hide_behind_a_window_with_more_slow_requests(spread_per_s: float, stalled: int, expected: Status) -> None:
    """p90 of 40 requests a second, in windows of 20 s. Slow ones that are spread count each; those of one stall have the weight of a few. So the window of
    the stall proves less, though the other one has 62 slow requests."""
    run = Run((objective("latency", at_most=0.1, percentile=0.9, sliding=20.0),))
    run.steady(4000)
    for index in range(round(spread_per_s * len(SPREAD))):
        run.op(SPREAD.start + index / spread_per_s, SLOW_S)
    for index in range(stalled):
        run.op(STALL + index / stalled, SLOW_S)
    found = run.verdict("latency/all")
    assert found.status is expected, found.reason
    assert ("slow requests come in clusters" in found.reason) is (expected is INCONCLUSIVE)


# -- error rate -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bad", "expected"), [(0, PASS), (5, INCONCLUSIVE), (20, FAIL)])
def test_an_error_rate_is_one_minus_availability(bad: int, expected: Status) -> None:
    """At most 1 % of 500 requests; figures are of errors, not of successes."""
    run = Run((objective("error_rate", at_most=0.01),))
    run.steady(500 - bad)
    for index in range(bad):
        run.bad(20 + index)
    verdict = run.verdict("error_rate/all")
    assert (verdict.status, verdict.bound) == (expected, 0.01)
    assert verdict.measured == pytest.approx(bad / 500)
    assert verdict.confidence is not None
    assert verdict.confidence[0] <= bad / 500 <= verdict.confidence[1]


# -- deciles ----------------------------------------------------------------------------------------------------------------------------------


def test_deciles_hold_a_tenth_of_the_traffic_each() -> None:
    """One franchise has a tenth of the requests, ninety share the rest: it is the first decile, and only there is it slow."""
    run = Run((objective("latency", at_most=0.1, percentile=0.5, per="franchise_decile"),))
    run.steady(100, franchise=50, took=0.5)
    for franchise in range(101, 191):
        run.steady(10, franchise=franchise, shard=2)
    found = {verdict.id: verdict for verdict in run.assess(breaches=False).verdicts if verdict.measure == "latency"}
    assert list(found) == [f"latency/decile-{number}" for number in range(1, 11)]
    assert found["latency/decile-1"].status is FAIL
    assert {verdict.status for name, verdict in found.items() if name != "latency/decile-1"} == {PASS}
    assert {verdict.n for verdict in found.values()} == {100}


# -- burn rate --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "start", "length", "expected"),
    [
        (0, 60, 1, PASS),
        (1600, 40, 40, FAIL),  # 28 % for forty seconds: 28 times what 1 % allows
        (8, 60, 1, PASS),  # a bad second, and the long window never noticed
        (112, 60, 2, INCONCLUSIVE),  # the short window burnt quickly, the long one may have
    ],
)
def test_the_budget_burns_in_a_long_and_a_short_window_at_once(bad: int, start: float, length: float, expected: Status) -> None:
    """At most five times as fast as a month allows, in 24 s and in 2 s; availability promises 99 %."""
    run = Run((AVAILABILITY, objective("burn_rate", at_most=5, sliding=24.0)))
    run.steady(10_000)
    for index in range(bad):
        run.bad(start + length * index / bad)
    verdict = run.verdict("burn_rate/all")
    assert (verdict.status, verdict.unit) == (expected, "times")
    assert bool(verdict.witnesses) == (expected is FAIL)


def test_a_fault_shows_how_fast_it_burnt_the_budget() -> None:
    """Everything fails for the 30 s of the fault: a hundred times what 99 % allows over five seconds, and over the whole of it."""
    run = Run((AVAILABILITY,), (KILL,))
    run.life(verified=150)
    run.steady(1000)
    for index in range(300):
        run.bad(120 + index / 10)
    assert run.assess(breaches=False).faults[0].burn_rate == pytest.approx(100)


def test_without_a_budget_there_is_no_burn_rate() -> None:
    """Unknown, not zero."""
    run = Run((objective("burn_rate", at_most=5, sliding=24.0),), (KILL,))
    run.life()
    run.steady(100)
    assert run.verdict("burn_rate/all").status is INCONCLUSIVE
    assert run.assess(breaches=False).faults[0].burn_rate is None


# -- while degraded ---------------------------------------------------------------------------------------------------------------------------

WEAKER = objective("availability", at_least=0.9, window="degraded", faults=("cache.*",))
CACHE = replace(KILL, kind="cache.tier-lost", expected=Expected.DEGRADES, scope={"tier": "cache"})


@pytest.mark.parametrize(
    ("failing", "expected"),
    [((), PASS), ((120, 150), FAIL), ((110, 120), PASS), ((150, 160), PASS)],
    ids=["well", "while in effect", "just before", "after the heal"],
)
def test_the_weaker_objective_applies_from_the_injection_to_the_heal(failing: tuple[float, ...], expected: Status) -> None:
    """90 % while the cache tier is lost; the end is excluded, as with phases."""
    run = Run((WEAKER,), (CACHE,))
    run.life()
    for index in range(800):
        at = 110 + index / 10
        (run.bad if failing and failing[0] <= at < failing[1] else run.op)(at)
    verdict = run.verdict("availability/kill")
    assert (verdict.status, verdict.scope, verdict.n) == (expected, "fault:kill", 300)


@pytest.mark.parametrize("missing", ["injected", "observed"])
def test_the_weaker_objective_needs_a_fault_in_effect(missing: str) -> None:
    """Without one there was no time in which it applied."""
    run = Run((WEAKER,), (CACHE,))
    run.life()
    run.steady(500, 120, 150)
    run.events = [event for event in run.events if event.edge != missing]
    assert run.verdict("availability/kill").status is INCONCLUSIVE


def test_faults_that_do_not_degrade_have_no_weaker_objective() -> None:
    """A fault with *recovers* or *tolerates* is judged by the normal objectives."""
    run = Run((WEAKER,), (replace(CACHE, expected=Expected.RECOVERS),))
    run.life()
    assert not [verdict for verdict in run.assess(breaches=False).verdicts if verdict.id.startswith("availability/")]


# -- clusters ---------------------------------------------------------------------------------------------------------------------------------


def test_slow_requests_in_clusters_prove_less() -> None:
    """3 % of 1,500 are slow: evenly distributed they keep a p95; in one stall it is unknown whether the next run has two stalls."""
    spread, stalled = Run((objective("latency", at_most=0.1, percentile=0.95),)), Run((objective("latency", at_most=0.1, percentile=0.95),))
    for run in (spread, stalled):
        run.steady(1455)
    for index in range(45):
        spread.op(11 + 2 * index, 0.2)
        stalled.op(60 + index / 45, 0.2)
    assert spread.verdict("latency/all").status is PASS
    doubtful = stalled.verdict("latency/all")
    assert doubtful.status is INCONCLUSIVE
    assert "clusters" in doubtful.reason


failures = st.lists(st.integers(0, 9), min_size=1, max_size=60)


@given(failures, st.integers(0, 9), st.sampled_from([0.01, 0.05, 0.5]))
def test_clustering_only_grows_with_another_failure(blocks: list[int], more: int, allowed: float) -> None:
    """At any position: so an added failure never turns an inconclusive verdict into a pass."""

    def effect(of: list[int]) -> float:
        block = np.array([*range(10), *range(10), *of])
        return sampling.clustering(np.arange(len(block)) >= 20, block, allowed)

    before, after = effect(blocks), effect([*blocks, more])
    assert after >= before >= 1


# -- a starved machine ------------------------------------------------------------------------------------------------------------------------


def machine(seconds: range, others: float) -> pd.DataFrame:
    """Two cores without a second idle, of which others took a share; the harness recorded each second."""
    rows: list[dict[str, Any]] = []
    for second in seconds:
        used = {"at_ns": ns(second + 1), "interval_s": 1.0}
        host = {"user_s": 2.0, "system_s": 0.0, "idle_s": 0.0, "iowait_s": 0.0, "steal_s": 0.0}
        rows += [{**used, "role": "host", "cpu_s": 2.0, **host}, {**used, "role": "app", "cpu_s": 2.0 * (1 - others)}]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("seconds", "others", "slow", "expected"),
    [
        (range(10, 110), 0.5, True, INCONCLUSIVE),  # starved throughout: this may be their doing
        (range(10, 110), 0.05, True, FAIL),  # busy with its own work
        (range(110, 190), 0.5, True, FAIL),  # starved at another time
        (range(10, 40), 0.5, True, FAIL),  # slow in the other seventy seconds as well
        (range(10, 110), 0.5, False, PASS),  # kept on half a machine is kept
    ],
)
def test_nothing_fails_in_seconds_in_which_other_programs_took_the_machine(
    seconds: range, others: float, slow: bool, expected: Status
) -> None:
    """p95 of at most 100 ms; other programs took a share of the machine."""
    run = Run((objective("latency", at_most=0.1, percentile=0.95),))
    run.steady(1000, took=0.3 if slow else 0.05)
    run.changes["resources"] = machine(seconds, others)
    verdict = run.verdict("latency/all")
    assert verdict.status is expected
    assert ("hardly any idle" in verdict.reason) == (expected is INCONCLUSIVE)
