"""Steady-state objectives on histories small enough to calculate by hand."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from closeshave.history import Blind
from closeshave.judge.verdict import Status
from closeshave.target import Measure, Objective
from tests.judge.histories import Run, ns

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def objective(measure: str, **fields: Any) -> Objective:
    """An objective named after what it measures."""
    return Objective(measure, ("C1",), Measure(measure), **fields)


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        (299, 0, PASS),  # 0.99^299 < 0.05: just enough
        (298, 0, INCONCLUSIVE),  # one too few
        (1, 0, INCONCLUSIVE),
        (0, 1, FAIL),  # 95 % sure that the true share is below 95 %
        (95, 5, FAIL),
        (990, 10, INCONCLUSIVE),  # exactly at the bound: nobody can tell
        (0, 0, INCONCLUSIVE),
    ],
)
def test_availability_is_good_over_intended(good: int, bad: int, expected: Status) -> None:
    """99 % holds, does not hold, or cannot be decided from so few requests."""
    run = Run((objective("availability", at_least=0.99),))
    run.steady(good)
    for index in range(bad):
        run.bad(10 + index / 10)
    verdict = run.verdict("availability/all")
    assert (verdict.status, verdict.n) == (expected, good + bad)
    assert bool(verdict.reason) == (expected is not PASS)
    assert bool(verdict.witnesses) == (expected is FAIL)


def test_too_few_requests_say_how_many_would_settle_it() -> None:
    """100 good requests do not prove 99.99 %; 29,956 would."""
    run = Run((objective("availability", at_least=0.9999),))
    run.steady(100)
    assert "29,956" in run.verdict("availability/all").reason


def test_a_failing_availability_shows_its_first_and_its_worst_request() -> None:
    """The first that was not good, and the one that took longest, as whole rows."""
    run = Run((objective("availability", at_least=0.99),))
    run.steady(50)
    first = run.bad(20, 0.1)
    worst = run.bad(30, 9.0)
    run.bad(40, 0.2)
    run.bad(50, 0.2)
    witnesses = run.verdict("availability/all").witnesses
    assert [witness.facts()["id"] for witness in witnesses] == [first.id, worst.id]
    assert witnesses[0].facts()["error"] == "unavailable"
    assert witnesses[0].facts()["cache"] is None
    assert witnesses[0].why


@pytest.mark.parametrize(("at", "counts"), [(10.0, True), (109.999999999, True), (9.999999999, False), (110.0, False), (5.0, False)])
def test_an_operation_belongs_to_the_phase_in_which_it_was_due(at: float, counts: bool) -> None:
    """Due at the very start of calm counts, due at its end does not, and the warm-up never does; when it ended does not matter."""
    run = Run((objective("availability", at_least=0.5),))
    run.op(at, took=90)
    assert run.verdict("availability/all").n == int(counts)


@pytest.mark.parametrize(
    ("slow", "took", "expected"),
    [
        (0, 0.2, PASS),
        (1, 0.2, PASS),
        (1, 0.1, PASS),
        (5, 0.2, INCONCLUSIVE),  # 5 of 100: the p95 is within, but not surely
        (15, 0.2, FAIL),
        (15, 0.1, PASS),  # exactly at the bound is kept
        (15, 0.100000001, FAIL),  # one nanosecond past it is not
    ],
)
def test_latency_is_decided_by_the_share_within_the_bound(slow: int, took: float, expected: Status) -> None:
    """p95 of at most 100 ms, 100 requests, some of them ``took`` long."""
    run = Run((objective("latency", at_most=0.1, percentile=0.95),))
    run.steady(100 - slow)
    for index in range(slow):
        run.op(20 + index, took)
    assert run.verdict("latency/all").status is expected


def test_response_time_counts_from_when_the_request_was_due() -> None:
    """The customer of a request that was sent late waited in any case."""
    run = Run((objective("latency", at_most=0.1, percentile=0.999),))
    run.steady(99, took=0.05)
    run.op(60, late=3.0, took=3.1)
    assert run.verdict("latency/all").measured == pytest.approx(3.1)


def test_refusing_quickly_does_not_improve_latency() -> None:
    """A platform that answers 20 % of requests with an instant 503 has no p95."""
    run = Run((objective("latency", at_most=0.1, percentile=0.95),))
    run.steady(80)
    for index in range(20):
        run.bad(20 + index, 0.001)
    verdict = run.verdict("latency/all")
    assert (verdict.status, verdict.measured, verdict.confidence) == (FAIL, None, None)


def test_each_region_has_its_own_verdict_also_one_without_requests() -> None:
    """The regions come from the topology: a region without requests is inconclusive, never absent."""
    run = Run((objective("availability", at_least=0.9, per="region"),))
    run.steady(100, region="east")
    assert run.verdict("availability/east").status is PASS
    west = run.verdict("availability/west")
    assert (west.status, west.n, west.scope) == (INCONCLUSIVE, 0, "region:west")


def test_an_objective_that_chooses_regions_judges_these_alone() -> None:
    """Also one that the environment does not have: its promise is not decided there, and not forgotten."""
    run = Run((objective("availability", at_least=0.9, per="region", regions=("east", "mars")),))
    run.steady(100, region="east")
    for index in range(100):
        run.bad(20 + index / 10, region="west")
    found = {verdict.id: verdict.status for verdict in run.assess().verdicts if verdict.id.startswith("availability/")}
    assert found == {"availability/east": PASS, "availability/mars": INCONCLUSIVE}


def test_shards_and_operations_are_judged_separately() -> None:
    """A shard's failures are its own, and so are a kind's."""
    per = [objective("availability", at_least=0.9, per=part) for part in ("shard", "operation")]
    run = Run(tuple(per))
    run.steady(100, shard=1, kind="slots")
    for index in range(100):
        run.bad(20 + index / 10, shard=2, kind="book")
    found = {verdict.id: verdict.status for verdict in run.assess(breaches=False).verdicts if verdict.id.startswith("availability/")}
    assert found == {
        "availability/shard-1": PASS,
        "availability/shard-2": FAIL,
        "availability/book": FAIL,
        "availability/slots": PASS,
    }


def test_canaries_are_not_customers() -> None:
    """Failing canaries do not lower availability, and good ones do not raise it."""
    run = Run((objective("availability", at_least=0.9),))
    run.steady(100)
    run.probes(20, 60, down=((20, 60),))
    assert run.verdict("availability/all").n == 100


def test_only_the_kinds_that_the_objective_names_count() -> None:
    """A bound on bookings does not look at searches."""
    run = Run((objective("availability", at_least=0.9, operations=("book",)),))
    run.steady(100)
    assert run.verdict("availability/all").n == 0


@pytest.mark.parametrize(("hits", "misses", "expected"), [(100, 0, PASS), (100, 100, FAIL), (0, 0, INCONCLUSIVE)])
def test_the_hit_ratio_counts_lookups_only(hits: int, misses: int, expected: Status) -> None:
    """Bypasses, and answers that state nothing about a cache, are not lookups."""
    run = Run((objective("cache_hit_ratio", at_least=0.9),))
    run.steady(hits, cache="hit")
    run.steady(misses, cache="miss")
    run.steady(500, cache="bypass")
    run.steady(500)
    verdict = run.verdict("cache_hit_ratio/all")
    assert (verdict.status, verdict.n) == (expected, hits + misses)


@pytest.mark.parametrize(
    ("before", "sent", "counts"),
    [
        ({"at": 20, "took": 1.0, "cache": "miss"}, 21.5, True),
        ({"at": 20, "took": 1.0, "cache": "hit"}, 21.5, True),
        ({"at": 20, "took": 1.0, "cache": "miss"}, 21.000000001, True),
        ({"at": 20, "took": 1.0, "cache": "miss"}, 21.0, False),  # both were under way at once: no cache could have it
        ({"at": 20, "took": 1.0, "cache": "miss", "franchise": 8}, 21.5, False),  # another franchise
        ({"at": 20, "took": 1.0, "cache": "bypass"}, 21.5, False),  # never asked the cache
        ({"at": 5, "took": 1.0, "cache": "miss"}, 21.5, True),  # the warm-up warms
        ({"at": 20, "took": 1.0, "cache": "miss", "good": False, "status": 503}, 21.5, False),  # nobody got an answer to keep
        ({"at": 20, "took": 1.0, "cache": "miss", "source": "canary"}, 21.5, True),  # whoever it was
    ],
)
def test_a_warm_hit_ratio_counts_what_was_looked_up_before(before: dict[str, Any], sent: float, counts: bool) -> None:
    """The first lookup of a franchise is a miss in any cache; the second need not be."""
    run = Run((objective("cache_hit_ratio", at_least=0.95, warm=True),))
    run.op(**{"franchise": 7, **before})
    run.op(sent, franchise=7, cache="miss")
    assert run.verdict("cache_hit_ratio/all").n == int(counts)
    assert run.shuffled(2).verdict("cache_hit_ratio/all") == run.verdict("cache_hit_ratio/all")


@pytest.mark.parametrize(("hits", "misses", "expected"), [(100, 0, PASS), (30, 70, FAIL), (20, 0, INCONCLUSIVE)])
def test_a_cold_start_neither_keeps_nor_breaks_a_warm_hit_ratio(hits: int, misses: int, expected: Status) -> None:
    """For any number of franchises that are looked up for the first time."""
    run = Run((objective("cache_hit_ratio", at_least=0.95, warm=True),))
    for franchise in range(1, 200):
        run.op(9, cache="miss", franchise=franchise)
        run.op(11, cache="miss", franchise=1000 + franchise)
    for count, said in ((hits, "hit"), (misses, "miss")):
        for index in range(count):
            run.op(12 + index / 10, cache=said, franchise=1 + index)
    verdict = run.verdict("cache_hit_ratio/all")
    assert (verdict.status, verdict.n) == (expected, hits + misses)


def test_database_time_is_what_the_platform_states() -> None:
    """Milliseconds from Server-Timing; answers without it are left out."""
    run = Run((objective("database_time", at_most=0.1, percentile=0.95),))
    run.steady(100, db_ms=12.5)
    run.steady(100, took=5.0)
    verdict = run.verdict("database_time/all")
    assert (verdict.status, verdict.n) == (PASS, 100)
    assert verdict.measured == pytest.approx(0.0125)


def test_answers_without_a_stated_time_are_no_evidence() -> None:
    """A platform without Server-Timing is neither fast nor slow."""
    run = Run((objective("cache_time", at_most=0.05, percentile=0.95),))
    run.steady(100)
    assert run.verdict("cache_time/all").status is INCONCLUSIVE


@pytest.mark.parametrize(
    ("offered", "good", "expected"),
    [(1000, 1000, PASS), (1000, 999, FAIL), (999, 999, INCONCLUSIVE), (0, 0, INCONCLUSIVE)],
)
def test_throughput_is_not_refuted_by_a_plan_with_a_lower_rate(offered: int, good: int, expected: Status) -> None:
    """10 requests/s over 100 s of calm: exactly reached, missed by one, never requested."""
    run = Run((objective("throughput", at_least=10.0),))
    run.steady(good)
    for index in range(offered - good):
        run.bad(50 + index)
    assert run.verdict("throughput/all").status is expected


def _with_late_generator(late: float, bad: int = 0) -> Run:
    """1,000 requests; those of the seconds 10 to 20 (the first window) are sent ``late``; ``bad`` others fail in the seconds 50 to 60."""
    run = Run((objective("latency", at_most=0.1, percentile=0.95), objective("availability", at_least=0.99)))
    run.steady(100, 10, 20, late=late, took=late + 0.01)
    run.steady(900, 20, 110)
    for index in range(bad):
        run.bad(50 + index / 100)
    return run


@pytest.mark.parametrize(("late", "windows"), [(0.01, 0), (0.010000001, 1)])
def test_a_generator_may_be_late_by_a_tenth_of_the_tightest_bound(late: float, windows: int) -> None:
    """10 ms where 100 ms are promised; one nanosecond more and the window is generator-limited."""
    run = _with_late_generator(late)
    assert run.assess(breaches=False).load.generator_limited_windows == windows
    expected = INCONCLUSIVE if windows else PASS
    for touched in ("latency/all", "availability/all", "generator/customers"):
        assert run.verdict(touched).status is expected


def test_a_late_generator_does_not_hide_what_punctual_windows_prove() -> None:
    """Failures in windows in which the generator kept its schedule count."""
    assert _with_late_generator(0.5, bad=50).verdict("availability/all").status is FAIL


def test_a_late_generator_fails_nothing() -> None:
    """Slow answers in the window in which the generator stalled are not evidence."""
    run = Run((objective("latency", at_most=0.1, percentile=0.95),))
    run.steady(1000, 10, 20, late=3.0, took=3.1)
    run.steady(100, 20, 110)
    verdict = run.verdict("latency/all")
    assert (verdict.status, verdict.witnesses) == (INCONCLUSIVE, ())


@pytest.mark.parametrize(
    ("bad_at", "calm", "broken"),
    [
        (None, PASS, INCONCLUSIVE),  # what the living worker saw is only a part
        (115.0, PASS, FAIL),  # but what is known from before the death stands
        (150.0, PASS, INCONCLUSIVE),
    ],
)
def test_a_dead_worker_makes_the_rest_of_its_time_blind(bad_at: float | None, calm: Status, broken: Status) -> None:
    """One of two workers dies at second 130: objectives that its share affects say so, and the others are judged."""
    run = Run((objective("availability", at_least=0.95), replace(objective("availability", at_least=0.5, window="fault"), id="broken")))
    run.steady(100)
    run.steady(20, 110, 190)
    if bad_at is not None:
        for index in range(100):
            run.bad(bad_at + index / 100)
    run.changes["blind"] = (Blind("customers", "customers-2", ns(130), ns(190)),)
    assert run.verdict("availability/all").status is calm
    verdict = run.verdict("broken/all")
    assert verdict.status is broken
    assert ("customers-2 was killed" in verdict.reason and "from 130.0 s to 190.0 s" in verdict.reason) == (broken is INCONCLUSIVE)
    complete = run.verdict("complete")
    assert (complete.status, "customers-2 was killed" in complete.reason) == (INCONCLUSIVE, True)


def test_one_late_request_in_a_hundred_is_no_late_window() -> None:
    """The p99 of a window tolerates one late request in a hundred, and not two."""
    for count, windows in ((1, 0), (2, 1)):
        run = Run((objective("latency", at_most=0.1, percentile=0.95),))
        run.steady(100 - count, 10, 20)
        run.steady(count, 11, 12, late=0.05, took=0.06)
        assert run.assess(breaches=False).load.generator_limited_windows == windows


def test_an_operation_without_an_end_is_not_quick() -> None:
    """It has no response time, and counts as slower than any bound."""
    run = Run((objective("latency", at_most=0.1, percentile=0.5),))
    run.steady(3)
    run.changes["operations"] = run.history.operations.assign(ended_ns=pd.array([ns(11), pd.NA, pd.NA], dtype="Int64"))
    assert run.verdict("latency/all").measured is None


def test_a_platform_that_falls_behind_does_not_pass_a_throughput_by_answers_after_the_load() -> None:
    """Twenty requests a second for 100 s, of which it answers ten a second: the last answer comes 100 s after the last request. All are good."""
    run = Run((objective("throughput", at_least=19.0),))
    for index in range(2000):
        run.op(10 + index / 20, took=0.01 + index / 20)
    verdict = run.verdict("throughput/all")
    assert verdict.status is INCONCLUSIVE
    assert verdict.measured == pytest.approx(10.1, abs=0.05)
    assert "requests were answered well only after the load had ended: the platform may not have kept up with it" in verdict.reason
    steady = Run((objective("throughput", at_least=19.999),))
    steady.steady(2000, took=0.5)
    assert steady.verdict("throughput/all").status is PASS
