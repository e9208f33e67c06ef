"""When a running trial stops by itself: the input is counts, the output is a reason or none."""

from __future__ import annotations

import pytest

from closeshave.history import Effect
from closeshave.plan import Aborts, Expected, Fault
from closeshave.topology import Shard, Topology
from closeshave.traffic.live import Tally
from closeshave.trial.aborts import MONTH_S, Bounds, Watch

TOPOLOGY = Topology(
    ("east", "west", "eu"), (Shard(1, 1, 100, "east", "west"), Shard(2, 101, 200, "west", "west"), Shard(3, 201, 300, "eu", "eu"))
)
SHARD = Fault("shard-lost", "shard.primary-killed", "storm", 0, 10, Expected.RECOVERS, {"shard": 1})
CACHE = Fault("cache-lost", "cache.tier-lost", "storm", 0, 10, Expected.DEGRADES, {"tier": "cache"})
PROBE = Tally("canary", "east", 1, 10, 0)


def watch(**aborts) -> Watch:
    """A trial whose load began at second 0, with four nines to keep and ten probes a second."""
    return Watch(Bounds(Aborts(**aborts), 0.0001, TOPOLOGY, 10.0), 0.0)


def reasons(of: Watch, seconds: int, *tallies: Tally, broken=()) -> list[str]:
    """The reasons in each of these seconds, with the same counts each time."""
    return [of.look(float(at), tallies, (), broken) for at in range(1, seconds + 1)]


def test_an_ordinary_trial_goes_on():
    """All requests answered well, canaries recorded."""
    assert set(reasons(watch(), 60, PROBE, Tally("customers", "east", 1, 100, 0), broken=[SHARD])) == {""}


@pytest.mark.parametrize(
    ("place", "bad", "broken", "stops"),
    [
        pytest.param(("east", 2), 80, [SHARD], True, id="another shard fails"),
        pytest.param(("east", 2), 40, [SHARD], False, id="less than half of it"),
        pytest.param(("east", 1), 100, [SHARD], False, id="the broken shard fails"),
        pytest.param(("east", 2), 100, [], False, id="nothing is broken: the platform's own failure is for the judges"),
        pytest.param(("eu", 3), 100, [SHARD, CACHE], False, id="a tier serves everybody, so nobody is outside"),
    ],
)
def test_failure_outside_a_faults_scope_stops_the_trial(place, bad, broken, stops):
    """Only what lies outside all faults in effect counts, and only when it lasts for the window."""
    said = reasons(watch(), 20, PROBE, Tally("customers", place[0], place[1], 100, bad), broken=broken)
    assert any(said) is stops
    assert not any(said[:9])
    if stops:
        assert "outside the scope of shard-lost" in said[-1]


@pytest.mark.parametrize(("budget", "bad", "burnt"), [(0.0001, 0, 0.0), (0.0001, 30, 30 / (0.0001 * 100 * MONTH_S)), (None, 30, None)])
def test_what_the_load_has_cost_is_told_while_it_goes_on(budget, bad, burnt):
    """As a share of what the month allows at this rate; nothing where nothing is promised."""
    of = Watch(Bounds(Aborts(), budget, TOPOLOGY, 10.0), 0.0)
    assert of.burnt == (None if budget is None else 0.0)
    of.look(1.0, [PROBE, Tally("customers", "east", 1, 100, bad)], (), [])
    assert of.burnt == (None if burnt is None else pytest.approx(burnt))


def test_a_few_requests_are_no_leakage():
    """They are too few for a share."""
    assert not any(reasons(watch(), 20, PROBE, Tally("customers", "east", 2, 2, 2), broken=[SHARD]))


def test_leakage_before_a_fault_does_not_count():
    """Ten seconds of which some were before the fault do not stop the trial."""
    of = watch()
    bad = (PROBE, Tally("customers", "east", 2, 100, 100))
    assert not any(of.look(float(at), bad, (), [SHARD] if at % 8 else []) for at in range(1, 40))


def test_a_burnt_budget_stops_the_trial():
    """An outage of all requests burns the four nines of 30 days in 259.2 seconds."""
    said = reasons(watch(), 300, PROBE, Tally("customers", "east", 1, 100, 100))
    assert next(at for at, reason in enumerate(said, 1) if reason) == 260
    assert "100% of the month's error budget is burnt" in said[259]


def test_a_smaller_share_of_the_budget_may_be_set():
    """A tenth of it is used ten times as fast; without an objective there is no budget."""
    said = reasons(watch(budget=0.1), 60, PROBE, Tally("customers", "east", 1, 100, 100))
    assert next(at for at, reason in enumerate(said, 1) if reason) == 26
    free = Watch(Bounds(Aborts(), None, TOPOLOGY, 10.0), 0.0)
    assert not any(reasons(free, 300, PROBE, Tally("customers", "east", 1, 100, 100)))


def test_blind_canaries_stop_the_trial():
    """Without them the effect of a fault is not measured; customers' requests are no substitute."""
    of = watch(blind=5)
    assert not any(reasons(of, 10, PROBE))
    said = [of.look(float(at), (Tally("customers", "east", 1, 100, 0),), (), ()) for at in range(11, 20)]
    assert said[:5] == [""] * 5
    assert "no canary was recorded for 6 s" in said[5]


def test_slow_canaries_may_pause_for_longer():
    """On a platform that allows one probe in ten seconds, fifteen seconds without a probe are not too long."""
    assert Bounds(Aborts(), None, TOPOLOGY, 0.1).blind_s == 200
    assert Bounds(Aborts(), None, TOPOLOGY, 0.0).blind_s == float("inf")


def test_integrity_stops_the_trial_if_the_plan_says_so():
    """Two acknowledged bookings of one slot."""
    twice = [Effect(1, "create", 5, 1, booking=booking, barber=7, starts_at=900) for booking in (1, 2)]
    for asked in (True, False):
        of = watch(integrity=asked)
        assert of.look(1, [PROBE], twice, []) == ""
        assert ("integrity is broken: bookings 1 and 2" in of.look(4, [PROBE], [], [])) is asked
