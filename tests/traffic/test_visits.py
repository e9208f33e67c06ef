"""A load's visits are planned before the first one starts, and the same load gives the same visits."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from closeshave.loadgen.rates import share
from closeshave.plan import Traffic
from closeshave.traffic.visits import Visits, login_share, plan_visits
from tests.traffic import loads


def planned(traffic: Traffic | None = None, seed: int = 7) -> Visits:
    """The visits of 200 seconds at 50 a second."""
    return plan_visits(loads.load(Path("run"), (200, 50), traffic=traffic, seed=seed), lambda _region, _elapsed: 1.0)


def test_the_same_load_gives_the_same_visits() -> None:
    """Every column, bit for bit; another seed gives others."""
    one, other, different = planned(), planned(), planned(seed=8)
    assert all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Visits))
    assert not np.array_equal(one.at_ns[:100], different.at_ns[:100])


def test_visits_come_in_order_and_at_the_rate() -> None:
    """Fifty a second, and contests at the plan's rate on top."""
    visits = planned(Traffic(contests_per_s=2.0))
    assert (np.diff(visits.at_ns) >= 0).all()
    assert (~visits.contest).sum() == pytest.approx(10_000, rel=0.05)
    assert visits.contest.sum() == pytest.approx(400, rel=0.25)


def test_no_contests_when_none_are_asked_for() -> None:
    """A rate of 0 is none."""
    assert not planned(Traffic(contests_per_s=0.0)).contest.any()


def test_some_enter_through_another_region() -> None:
    """The roaming share enters through another region's edge; all others through the home region's."""
    visits = planned(Traffic(roaming=0.1))
    assert (visits.home != visits.entered).mean() == pytest.approx(0.1, abs=0.02)
    assert (planned(Traffic(roaming=0.0)).home == planned(Traffic(roaming=0.0)).entered).all()


def test_home_is_the_region_of_the_franchise() -> None:
    """A franchise's customers are in the home region of its shard."""
    visits = planned()
    for index, region in enumerate(loads.FOUR.regions):
        homes = {shard.home for franchise in visits.franchise[visits.home == index].tolist() if (shard := loads.FOUR.shard_of(franchise))}
        assert homes == {region}


@pytest.mark.parametrize(("per_s", "views", "expected"), [(1.0, 0.5, 0.04), (2.0, 0.01, 1.0), (0.0, 0.5, 0.0), (1.0, 0.0, 1.0)])
def test_log_ins_stay_at_the_rate_that_a_password_hash_allows(per_s: float, views: float, expected: float) -> None:
    """The share of log-ins times the highest rate of profile visits is that rate, and never above 1."""
    load = loads.load(Path("run"), (10, 20), (10, 50))
    assert login_share(load, views, per_s) == pytest.approx(expected)
    assert login_share(replace(load, phases=load.phases[:1]), views, per_s) >= expected


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_workers_share_the_visits_without_overlap(tmp_path: Path, workers: int) -> None:
    """Any number of workers together carry out the visits of one, each once and at its own time."""
    at_ns = plan_visits(loads.load(tmp_path, (20.0, 30)), lambda _region, _elapsed_s: 1.0).at_ns
    shares = [share(at_ns, worker, workers) for worker in range(workers)]
    assert np.array_equal(np.sort(np.concatenate(shares)), at_ns)
    for worker, own in enumerate(shares):
        assert np.array_equal(own, at_ns[worker + workers * np.arange(len(own))])
