"""The plans of ``make faults``: valid, short, and with every kind of fault."""

from __future__ import annotations

import pytest

from closeshave.faults.catalogue import KINDS
from closeshave.trial.preparation import prepare
from proving.__main__ import CLUSTERED, PLANS, plans, where

FILES = sorted(PLANS.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_plan_of_make_faults_is_valid(path):
    """Each expects of a fault what its kind expects."""
    for fault in prepare(str(path)).plan.faults:
        assert fault.expected is KINDS[fault.kind].expected


@pytest.mark.parametrize("environment", ["embedded", "containers"])
def test_every_kind_that_works_on_an_environment_is_tested_there(environment):
    """Exactly once, and those of a cache tier once more in a Valkey cluster; each plan is valid there too."""
    there = [(path, where(path, environment)) for path in plans(environment)]
    struck = {
        place: [fault.kind for path, at in there if at == place for fault in prepare(str(path), environment=at).plan.faults]
        for _, place in there
    }
    clustered = struck.pop(CLUSTERED, [])
    usual = [kind for kinds in struck.values() for kind in kinds]
    alone = {kind for kind in clustered if "valkey cluster" in KINDS[kind].uses}
    assert len(clustered) == len(set(clustered))
    assert sorted([*usual, *alone]) == sorted(name for name, kind in KINDS.items() if environment in kind.environments)


def test_all_plans_take_little_more_than_half_an_hour():
    """With 45 seconds each to start and to judge."""
    assert sum(prepare(str(path)).plan.duration_s + 45 for path in plans("embedded")) < 40 * 60
