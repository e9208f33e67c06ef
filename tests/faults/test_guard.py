"""Caps on what a plan may break, and the lease that the janitor holds."""

from __future__ import annotations

import pytest

from closeshave.control.processes import Identity
from closeshave.faults.guard import FaultCaps, over_caps
from closeshave.faults.heartbeat import Beat, Lease
from closeshave.plan import Expected, Fault, Limits, Phase, Plan, Role

SECOND = 1_000_000_000


def plan(*windows: tuple[str, float, float]) -> Plan:
    """A plan whose faults have these scopes, starts and holds."""
    faults = tuple(
        Fault(
            f"f{number}",
            "region.lost" if key == "region" else "shard.primary-killed",
            "storm",
            at,
            hold,
            Expected.RECOVERS,
            {key: "us-west-2" if key == "region" else 1},
        )
        for number, (key, at, hold) in enumerate(windows)
    )
    return Plan("p", "e", "t", 1, Limits(9_999, 9_999), (Phase("calm", Role.CALM, 10, 1), Phase("storm", Role.FAULT, 5_000, 1)), faults)


@pytest.mark.parametrize(
    ("windows", "says"),
    [
        ([("shard", 0, 60), ("region", 0, 60)], []),
        ([("region", 0, 60), ("region", 60, 60)], []),
        ([("region", 0, 60), ("region", 59, 60)], ["2 regions lost at the same time (f0, f1); at most 1 are allowed"]),
        ([("shard", 0, 901)], ["fault f0 holds 901 s; at most 900 s are allowed"]),
        ([("shard", second, 10) for second in range(3)], []),
        ([("shard", second, 10) for second in range(4)], ["4 faults at the same time (f0, f1, f2, f3); at most 3 are allowed"]),
    ],
)
def test_plan_stays_within_caps(windows: list[tuple[str, float, float]], says: list[str]) -> None:
    """Length, number at a time and regions at a time are limited; faults one after another do not add up."""
    assert over_caps(plan(*windows), FaultCaps()) == says


def beat(count: int) -> Beat:
    """A reading of one harness's heartbeat."""
    return Beat(Identity(1, 2.0), count)


def test_lease_ends_when_no_beat_comes() -> None:
    """A beat is good for the lease's length, from when it was first seen."""
    lease = Lease(5, beat(1), 0)
    assert not lease.over(5 * SECOND)
    assert lease.over(5 * SECOND + 1)


def test_only_a_new_beat_renews_a_lease() -> None:
    """The same heartbeat read again proves nothing; a different one counts from now."""
    lease = Lease(5, beat(1), 0)
    assert lease.renewed(beat(1), 3 * SECOND).over(6 * SECOND)
    assert not lease.renewed(beat(2), 3 * SECOND).over(6 * SECOND)


def test_lease_without_any_beat_ends_too() -> None:
    """A harness that never sent a heartbeat is not waited for without end."""
    assert Lease(5, None, 0).renewed(None, 4 * SECOND).over(6 * SECOND)
