"""A nemesis draws faults from a seed: always the same ones, and never beyond its limits."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from closeshave.faults import guard
from closeshave.faults.catalogue import KINDS
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Expected, Fault, Limits, Nemesis, Phase, Plan, Role
from closeshave.topology import Shard, Topology
from closeshave.trial import candidates, nemesis
from closeshave.trial.preparation import prepare

TOPOLOGY = Topology(
    ("east", "west", "eu"), (Shard(1, 1, 100, "east", "west"), Shard(2, 101, 200, "west", "east"), Shard(3, 201, 300, "eu", "eu"))
)
EVIL = Nemesis("storm", ("*.primary-killed", "region.lost"), every=20, hold=10)


def plan(evil: Nemesis, *faults: Fault, seed: int = 1, storm_s: float = 300) -> Plan:
    """A plan with a calm phase and a stormy one."""
    phases = (Phase("calm", Role.CALM, 30, 1), Phase("storm", Role.FAULT, storm_s, 1))
    return Plan("p", "e", "t", seed, Limits(9_999, 9_999), phases, faults, nemesis=evil)


def drawn(of: Plan) -> tuple[Fault, ...]:
    """What the plan's nemesis draws, within the caps that real plans have."""
    assert of.nemesis is not None
    possible = candidates.possible_faults(of.nemesis, TOPOLOGY, candidates.kinds_of(of.nemesis, "embedded", KINDS))

    def fits(faults: tuple[Fault, ...]) -> bool:
        whole = replace(of, faults=faults)
        return not [*guard.over_caps(whole), *guard.conflicting(whole, TOPOLOGY)]

    return nemesis.draw(of, possible, fits)


nemeses = st.builds(
    Nemesis,
    phase=st.just("storm"),
    kinds=st.sampled_from([("shard.primary-killed",), ("*.primary-killed",), ("*.primary-killed", "region.lost")]),
    every=st.floats(2, 60),
    hold=st.floats(1, 60),
    overlap_max=st.integers(1, 3),
    rest=st.floats(0, 60),
)
written = st.lists(
    st.builds(lambda at, hold: (at, hold), st.floats(0, 200), st.floats(1, 60)).map(
        lambda when: Fault("own", "shard.primary-killed", "storm", when[0], when[1], Expected.RECOVERS, {"shard": 3})
    ),
    max_size=1,
)


@settings(deadline=None)
@given(evil=nemeses, own=written, seed=st.integers())
@example(  # drawn just before the end of a fault, and rounded past it
    evil=Nemesis("storm", ("*.primary-killed",), every=3.3519780850235517, hold=20.41887652588621, overlap_max=1, rest=1.0),
    own=[Fault("own", "shard.primary-killed", "storm", 0.0, 6.0, Expected.RECOVERS, {"shard": 3})],
    seed=1,
)
def test_drawn_faults_stay_within_every_limit(evil: Nemesis, own: list[Fault], seed: int) -> None:
    """Holds end within the phase, never too many faults at once, no fault during a healing, no two faults on the same part, caps hold. Instants are
    whole milliseconds.
    """
    of = plan(evil, *own, seed=seed)
    found = drawn(of)
    whole = (*own, *found)
    assert all(fault.at >= 0 and fault.at + evil.hold <= 300 for fault in found)
    for one in found:
        together = [other for other in whole if other.at <= one.at < other.at + other.hold]
        assert len(together) <= evil.overlap_max
    for one, other in combinations(sorted(whole, key=lambda fault: fault.at), 2):
        overlap = other.at < one.at + one.hold
        assert overlap or other.at >= one.at + one.hold + evil.rest - 0.001 or (one in own and other in own)
    assert guard.over_caps(replace(of, faults=whole)) == []
    assert guard.conflicting(replace(of, faults=whole), TOPOLOGY) == []
    assert len({fault.id for fault in whole}) == len(whole)


@settings(deadline=None)
@given(evil=nemeses, seed=st.integers())
def test_the_same_seed_draws_the_same_faults(evil: Nemesis, seed: int) -> None:
    """A run is repeated by its seed; the nemesis's own seed has precedence."""
    assert drawn(plan(evil, seed=seed)) == drawn(plan(evil, seed=seed))
    fixed = replace(evil, seed=5)
    assert drawn(plan(fixed, seed=seed)) == drawn(plan(fixed, seed=seed + 1))


def test_another_seed_draws_other_faults() -> None:
    """Ten seeds give ten different draws."""
    found = [drawn(plan(EVIL, seed=seed)) for seed in range(10)]
    assert all(one != other for one, other in combinations(found, 2))


def test_gaps_are_about_as_long_as_requested() -> None:
    """Without other constraints, injections come at the requested interval on average."""
    found = drawn(plan(replace(EVIL, rest=0, hold=1), storm_s=6_000))
    assert 245 < len(found) < 355


def test_overlap_happens_where_it_is_allowed() -> None:
    """A nemesis that may have two faults at once does have them."""
    found = drawn(plan(replace(EVIL, every=10, hold=30, overlap_max=2)))
    assert any(other.at < one.at + one.hold for one, other in combinations(found, 2))


def test_drawn_faults_are_read_back_as_they_were_stored(tmp_path) -> None:
    """A later judging of a run sees the same faults."""
    found = drawn(plan(EVIL))
    nemesis.save(tmp_path, found)
    assert nemesis.load(tmp_path) == found
    assert nemesis.load(tmp_path / "none") == ()


PLAN = """name: p
environment: embedded
target: bookedbarber-smoke
seed: 1
limits: {duration: 5m, requests: 100}
phases:
  - {name: calm, role: calm, duration: 30s, sessions_per_s: 3}
  - {name: storm, role: fault, duration: 120s, sessions_per_s: 3}
"""


def prepared(tmp_path, text):
    """A plan file, read and checked."""
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN + text)
    return prepare(str(path))


def test_a_plan_with_a_nemesis_is_prepared_with_its_faults(tmp_path) -> None:
    """Drawn faults are like all others, within the scopes that the nemesis may use."""
    ready = prepared(tmp_path, "nemesis: {phase: storm, kinds: [shard.primary-*], every: 20s, hold: 10s, scopes: {shard: [2, 3]}}\n")
    assert ready.drawn
    assert ready.plan.faults == ready.drawn
    assert {fault.scope["shard"] for fault in ready.drawn} <= {2, 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{phase: calm, kinds: [shard.*], every: 20s, hold: 10s}", "'calm' is a calm phase"),
        ("{phase: gone, kinds: [shard.*], every: 20s, hold: 10s}", "'gone' is not a phase of this plan"),
        ("{phase: storm, kinds: [shard.*], every: 20s, hold: 10m}", "longer than its phase"),
        ("{phase: storm, kinds: [shart.*], every: 20s, hold: 10s}", "no kind of fault matches shart.*"),
        ("{phase: storm, kinds: [], every: 20s, hold: 10s}", "at least one pattern"),
        ("{phase: storm, kinds: [shard.primary-killed], every: 20s, hold: 10s, scopes: {shard: [9]}}", "shard 9 is not one of 1, 2, 3, 4"),
        ("{phase: storm, kinds: [shard.primary-killed], every: 20s, hold: 10s, overlap_max: 0}", "overlap_max must be at least 1"),
        ("{phase: storm, kinds: [shard.primary-killed], every: 1000m, hold: 10s, seed: 7}", "no fault fits into its phase"),
    ],
)
def test_an_impossible_nemesis_is_refused_with_its_line(tmp_path, text, says) -> None:
    """The error says what would be right."""
    with pytest.raises(InvalidFile) as caught:
        prepared(tmp_path, f"nemesis: {text}\n")
    assert "plan.yaml:9" in str(caught.value)
    assert says in str(caught.value)


def test_a_fault_may_not_take_the_name_of_a_drawn_one(tmp_path) -> None:
    """Verdicts are named after faults."""
    fault = (
        "faults:\n  - {id: nemesis-1, kind: shard.primary-killed, phase: storm, at: 5s, hold: 9s, expected: recovers, scope: {shard: 1}}\n"
    )
    with pytest.raises(InvalidFile, match="call nemesis-1 something else"):
        prepared(tmp_path, f"{fault}nemesis: {{phase: storm, kinds: [shard.*], every: 20s, hold: 10s}}\n")
