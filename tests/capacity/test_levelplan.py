"""The plan of a level: it is a whole plan, read and checked like every other."""

from __future__ import annotations

import pytest

from closeshave.capacity import levelplan
from closeshave.capacity.level import LevelAsk, LevelPurpose
from closeshave.capacity.levelplan import AFTER, IDLE, LEVEL, RISE, before_s, level_plan, written
from closeshave.capacity.states import CALM, FailureState, parsed
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Role, read_plan

BASE = read_plan(locate("scenarios", "capacity"))
LOST = FailureState("region.lost", {"region": "us-west-2"})


@pytest.mark.parametrize("state", [CALM, LOST, FailureState("shard.primary-killed", {"shard": 1})], ids=lambda state: state.name)
@pytest.mark.parametrize("purpose", list(LevelPurpose))
def test_the_plan_of_a_level_is_read_back_as_it_was_written(state, purpose, tmp_path):
    """Its file says all of it."""
    plan = level_plan(BASE, LevelAsk(25.0, 12.0, purpose), state, 1.5)
    path = tmp_path / "level.yaml"
    path.write_text(written(plan), encoding="utf-8")
    assert read_plan(path) == plan


def test_the_phases_of_a_level_in_calm():
    """Nearly without load, a rise, the level at its rate."""
    plan = level_plan(BASE, LevelAsk(25.0, 12.0, LevelPurpose.STEP), CALM, 1.5)
    assert [(phase.name, phase.role) for phase in plan.phases] == [(IDLE, Role.WARM_UP), (RISE, Role.WARM_UP), (LEVEL, Role.CALM)]
    level = plan.phases[-1]
    assert (level.duration, level.sessions_per_s) == (12.0, 25.0)
    assert plan.phases[0].sessions_per_s <= levelplan.IDLE_MOST_PER_S
    assert plan.duration_s - level.duration == before_s(CALM)


def test_after_an_overload_comes_a_light_load():
    """It shows when the platform is well again."""
    plan = level_plan(BASE, LevelAsk(30.0, 12.0, LevelPurpose.OVERLOAD), CALM, 1.5)
    assert plan.phases[-1].name == AFTER
    assert plan.phases[-1].sessions_per_s == pytest.approx(30 / 1.5 * levelplan.AFTER_SHARE)


def test_a_fault_is_held_for_longer_than_its_level_is_judged():
    """From the injection over the fail-over to the end, whenever within its deadline the probe sees it."""
    plan = level_plan(BASE, LevelAsk(25.0, 12.0, LevelPurpose.STEP), LOST, 1.5)
    (fault,) = plan.faults
    phase = plan.phases[-1]
    assert (phase.name, phase.role) == (LEVEL, Role.FAULT)
    assert fault.hold >= LOST.settle_s + 12.0 + levelplan.SPARE_S
    assert fault.at + fault.hold < phase.duration


def test_contests_follow_the_rate_and_canaries_do_not():
    """They measure rest and recovery, whatever the load is."""
    usual = max(phase.sessions_per_s for phase in BASE.phases)
    plan = level_plan(BASE, LevelAsk(usual * 3, 12.0, LevelPurpose.STEP), CALM, 1.5)
    assert plan.traffic.contests_per_s == pytest.approx(BASE.traffic.contests_per_s * 3)
    assert plan.canaries == BASE.canaries


@pytest.mark.parametrize(
    ("text", "kind", "scope"),
    [
        ("region.lost:region=us-west-2", "region.lost", {"region": "us-west-2"}),
        ("shard.primary-killed:shard=1", "shard.primary-killed", {"shard": 1}),
        ("cache.tier-lost:tier=cache", "cache.tier-lost", {"tier": "cache"}),
    ],
)
def test_a_fault_is_named_by_its_kind_and_scope(text, kind, scope):
    """As in a plan."""
    assert parsed(text) == FailureState(kind, scope)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a fault; write KIND:KEY=VALUE"),
        ("region", "is not a fault; write KIND:KEY=VALUE"),
        ("region.lsot:region=a", "did you mean region.lost?"),
        ("region.lost", "needs a scope with 'region'"),
        ("region.lost:us-west-2", "is no KEY=VALUE"),
        ("region.lost:region=a,region=b", "is no KEY=VALUE"),
        ("region.lost:regoin=a", "region"),
        ("cache.flushed:tier=cache", "ends at once"),
        ("../../etc.passwd", "is not a fault"),
    ],
)
def test_a_fault_that_is_none_is_refused(text, words):
    """With what would be right."""
    with pytest.raises(InvalidFile, match="--under") as caught:
        parsed(text)
    assert words in str(caught.value)


def test_only_a_lost_region_needs_quotas():
    """It frees processors for the others."""
    assert LOST.needs_quota
    assert not FailureState("cache.tier-lost", {"tier": "cache"}).needs_quota
    assert not CALM.needs_quota
