"""What the janitor in a cluster puts back, and when: by the lease and the marks alone. The rest is tried on a real control plane."""

from __future__ import annotations

import pytest

from closeshave.clients.cluster_lease import LENGTH_S, LeaseSeen, seen
from closeshave.faults.kubernetes.keeper import TTL_S, Watched
from closeshave.faults.kubernetes.marks import Marked

SECOND = 1_000_000_000
HELD = LeaseSeen("trial", "1", LENGTH_S)


def mark(holder: str = "trial", uid: str = "u1") -> Marked:
    """An object with a mark."""
    return Marked("release", "/api/v1/x", "x", uid, "service.killed.east", holder)


def due(*readings: tuple[float, LeaseSeen | None], found: tuple[Marked, ...] = (mark(),)) -> bool:
    """Whether the mark is put back at the last of these readings (seconds, lease)."""
    watched, told = Watched(), tuple[Marked, ...]()
    for at_s, lease in readings:
        at_ns = round((at_s + 1) * SECOND)
        watched = watched.after(found, lease, at_ns)
        told = watched.due(found, at_ns)
    return bool(told)


def beating(until_s: float, every_s: float = 5) -> tuple[tuple[float, LeaseSeen], ...]:
    """Readings of a lease that is renewed."""
    return tuple((number * every_s, LeaseSeen("trial", str(number), LENGTH_S)) for number in range(round(until_s / every_s) + 1))


@pytest.mark.parametrize(
    ("readings", "healed"),
    [
        (((0, HELD),), False),
        (((0, HELD), (LENGTH_S - 1, HELD)), False),
        (((0, HELD), (LENGTH_S + 1, HELD)), True),
        (((0, HELD), (20, LeaseSeen("trial", "2", LENGTH_S)), (LENGTH_S + 1, LeaseSeen("trial", "2", LENGTH_S))), False),
        (((0, None),), True),
        (((0, LeaseSeen("", "3", LENGTH_S)),), True),
        (((0, LeaseSeen("another", "3", LENGTH_S)),), True),
        (beating(TTL_S - 10), False),
        (beating(TTL_S + 10), True),
    ],
    ids=["held", "not yet over", "over", "renewed", "never taken", "let go", "another's", "within its time", "outlived"],
)
def test_a_mark_is_put_back_when_its_run_is_dead_or_too_slow(readings: tuple[tuple[float, LeaseSeen | None], ...], healed: bool) -> None:
    """No clock is compared: the lease is over when it was watched for its length and did not change."""
    assert due(*readings) is healed


def test_a_new_mark_has_its_own_time_to_live() -> None:
    """The age of one that went before does not count for it."""
    watched = Watched().after((mark(uid="old"),), HELD, SECOND)
    late = round((TTL_S + 10) * SECOND)
    watched = watched.after((mark(uid="old"), mark(uid="new")), LeaseSeen("trial", "9", LENGTH_S), late)
    assert [each.uid for each in watched.due((mark(uid="old"), mark(uid="new")), late)] == ["old"]


@pytest.mark.parametrize("length", [None, "soon", -1, 10**9, True])
def test_a_lease_of_an_odd_length_counts_for_the_usual_one(length: object) -> None:
    """Nobody can make the janitor wait for ever."""
    told = seen({"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": "x", "leaseDurationSeconds": length}})
    assert told.length_s == LENGTH_S
