"""Containment: franchises outside a fault's scope compared with themselves, and with those furthest away."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import PhaseTime
from closeshave.judge.evidence.timeline import lives
from closeshave.judge.measures.change import rise
from closeshave.judge.measures.containment import Leakage, leakage
from closeshave.judge.measures.distance import Distance, distances, furthest
from closeshave.judge.verdict import Status
from closeshave.plan import Expected, Fault
from closeshave.target import Measure, Objective
from closeshave.topology import Shard, Topology
from tests.judge.histories import KILL, PHASES, Run, ns

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
LEAKAGE = Objective("containment", ("C1",), Measure.LEAKAGE, at_most=0.25, faults=("shard.*",))
FOUR = Topology(
    ("us", "west", "eu", "ap"),
    (Shard(1, 1, 100, "us", "west"), Shard(2, 101, 200, "west", "ap"), Shard(3, 201, 300, "eu", "eu"), Shard(4, 301, 400, "ap", "us")),
)


def run(faults: tuple[Fault, ...] = (KILL,)) -> Run:
    """Four shards as in the embedded environment; shard 1 is killed at second 120 and healed at 150."""
    made = Run((LEAKAGE,), faults)
    made.life()
    made.changes["manifest"] = replace(
        made.history.manifest, topology=FOUR, phases=tuple(PhaseTime(name, role, ns(start), ns(end)) for name, role, start, end in PHASES)
    )
    return made


def traffic(made: Run, franchise: int, per_s: float = 5.0, *, wrong: float = 0.0, start: float = 120, end: float = 150) -> None:
    """A franchise's requests through calm and fault; from ``start`` to ``end`` this share of them goes wrong."""
    shard = 1 + (franchise - 1) // 100
    for low, high in ((10, 110), (120, 150)):
        for index in range(round((high - low) * per_s)):
            at = low + index / per_s
            hurt = start <= at < end and (index * wrong) % 1 + wrong >= 1 - 1e-9
            (made.bad if hurt else made.op)(at, franchise=franchise, shard=shard, region=FOUR.shards[shard - 1].home)


def told(made: Run) -> Leakage:
    """What the judge of containment found."""
    return leakage(made.evidence, lives(made.evidence)[0])


def quiet(made: Run) -> None:
    """All franchises are served, those of shard 1 too."""
    for franchise in (1, 101, 201, 202, 301):
        traffic(made, franchise)


def scope_only(made: Run) -> None:
    """Only the killed shard suffers."""
    traffic(made, 1, wrong=1.0)
    for franchise in (101, 201, 202, 301):
        traffic(made, franchise)


def one_neighbour(made: Run) -> None:
    """A quarter of the outside traffic is the neighbour's, and half of its requests fail: that is exactly the bound."""
    traffic(made, 101, wrong=0.5)
    for franchise in (201, 202, 301):
        traffic(made, franchise)


def two_neighbours(made: Run) -> None:
    """Half of the traffic outside got worse."""
    traffic(made, 101, wrong=0.5)
    traffic(made, 301, wrong=0.5)
    for franchise in (201, 202):
        traffic(made, franchise)


def everybody(made: Run) -> None:
    """Those furthest away got worse too: a leak to all, or a machine that stalled."""
    for franchise in (101, 201, 202, 301):
        traffic(made, franchise, wrong=0.3)


def before_too(made: Run) -> None:
    """The neighbour was as bad in calm."""
    for franchise in (101, 201, 202, 301):
        traffic(made, franchise, wrong=0.5 if franchise == 101 else 0.0, start=0)


def after_the_heal(made: Run) -> None:
    """Failures after the harness began to heal are caused by the healing."""
    for franchise in (101, 201, 202, 301):
        traffic(made, franchise)
    for index in range(50):
        made.bad(150 + index / 10, franchise=101, shard=2, region="west")


def small_ones(made: Run) -> None:
    """A hundred franchises with one request per phase: each alone is unknown, and all together are unaffected."""
    for franchise in (201, 202):
        traffic(made, franchise, 20)
    for franchise in range(101, 181):
        for at in (20 + franchise / 10, 120 + (franchise - 101) / 3):
            made.op(at, franchise=franchise, shard=2, region="west")


def few_to_compare_with(made: Run) -> None:
    """Only two requests on the furthest shard."""
    traffic(made, 101)
    made.op(20, franchise=201, shard=3, region="eu")
    made.op(130, franchise=201, shard=3, region="eu")


def nobody_outside(made: Run) -> None:
    """Only the killed shard's customers came."""
    traffic(made, 1, wrong=1.0)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (quiet, PASS), (scope_only, PASS), (one_neighbour, PASS), (two_neighbours, FAIL), (everybody, INCONCLUSIVE),
        (before_too, PASS), (after_the_heal, PASS), (small_ones, PASS), (few_to_compare_with, INCONCLUSIVE),
        (nobody_outside, INCONCLUSIVE),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_leakage_is_judged_by_what_is_proven(plant: Callable[[Run], None], expected: Status) -> None:
    """At most a quarter of the traffic outside may get worse."""
    made = run()
    plant(made)
    verdict = made.verdict("containment/kill")
    assert verdict.status is expected, verdict.reason
    assert bool(verdict.reason) == (expected is not PASS)
    assert bool(verdict.witnesses) == (expected is FAIL)


def test_the_franchises_that_got_worse_are_named_and_weighed() -> None:
    """Half of the traffic outside is of the two that suffered; the witnesses are requests of theirs during the fault."""
    made = run()
    two_neighbours(made)
    found = told(made)
    assert (found.named, found.worse, found.at_least) == ((101, 301), 0.5, 0.5)
    verdict = made.verdict("containment/kill")
    assert {witness.facts()["franchise"] for witness in verdict.witnesses} <= {101, 301}
    assert "franchise 101" in verdict.reason
    assert made.assess(breaches=False).faults[0].leakage == 0.5


def test_franchises_with_too_few_samples_are_unknown_and_never_unaffected() -> None:
    """As many of them may be affected as their common upper bound allows, and the weight of all of them is stated."""
    made = run()
    small_ones(made)
    found = told(made)
    assert found.named == ()
    assert found.under_sampled > 0
    assert found.at_most > found.worse == 0.0


def test_a_leak_is_found_also_if_no_single_franchise_proves_it() -> None:
    """Eighty small franchises all fail: for none of them alone is it proven, for all together it is."""
    made = run()
    for franchise in (201, 202):
        traffic(made, franchise, 20)
    for franchise in range(101, 181):
        made.op(20 + franchise / 10, franchise=franchise, shard=2, region="west")
        made.bad(120 + (franchise - 101) / 3, franchise=franchise, shard=2, region="west")
    assert told(made).at_least > 0.02


def test_a_tier_has_no_franchise_outside() -> None:
    """It serves all franchises, so leakage cannot be measured, and no figure is invented."""
    made = run((replace(KILL, kind="cache.tier-lost", expected=Expected.DEGRADES, scope={"tier": "cache"}),))
    quiet(made)
    assert "no franchise is outside" in told(made).unknown
    assert made.assess(breaches=False).faults[0].leakage is None


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"shard": 1}, {1: Distance.INSIDE, 2: Distance.NEAR, 3: Distance.FAR, 4: Distance.NEAR}),
        ({"shard": 3}, {1: Distance.FAR, 2: Distance.FAR, 3: Distance.INSIDE, 4: Distance.FAR}),
        ({"region": "west"}, {1: Distance.NEAR, 2: Distance.INSIDE, 3: Distance.FAR, 4: Distance.NEAR}),
    ],
)
def test_distance_is_counted_in_shared_regions(scope: dict[str, str | int], expected: dict[int, Distance]) -> None:
    """The franchises that share no region with the fault are the reference."""
    made = run()
    found = distances(made.evidence, replace(KILL, scope=scope))
    assert found == expected
    assert furthest(found) == [shard for shard, distance in expected.items() if distance is Distance.FAR]


counts = st.integers(0, 200)


@given(counts, counts, counts, counts)
def test_a_rise_lies_between_its_bounds(bad_before: int, good_before: int, bad_after: int, good_after: int) -> None:
    """Whatever was counted; and one more bad request during the fault raises all three."""

    def told_of(bad: int) -> tuple[float, float, float]:
        before, during = bad_before + good_before, bad + good_after
        one, two, three, four = (np.array([float(number)]) for number in (bad_before, before, bad, during))
        found = rise(one, two, three, four, confidence=0.95)
        return float(found.low[0]), float(found.estimate[0]), float(found.high[0])

    low, middle, high = told_of(bad_after)
    assert -1 - 1e-9 <= low <= middle + 1e-9 <= high + 2e-9 <= 1 + 3e-9
    if bad_after + good_after and bad_before + good_before:
        assert told_of(bad_after + 1)[1] >= middle - 1e-9
