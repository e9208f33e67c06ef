"""A search from its first level to its answer, with levels that run in virtual time: what is kept, continued, and said after an interruption."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from closeshave import conclusion
from closeshave.capacity import asking, directory, quotas, running
from closeshave.capacity.judging import LevelObjective
from closeshave.capacity.search import SearchEnd
from closeshave.capacity.states import parsed
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial.series import SeriesStopped
from closeshave.vocabulary import EvidenceGrade
from tests.capacity.simulated import Simulated

OBJECTIVE = LevelObjective("latency", 0.95, 0.25)


class Staged:
    """A ground whose levels are simulated: two slots of 20 ms in calm, one in any other state."""

    def __init__(self, runs, stops_after=None, quota_cores=None):
        self.runs = runs
        self.quota_cores = quota_cores
        self.stops_after = stops_after
        self.plans = []
        self.up = 0

    @contextlib.contextmanager
    def serving(self, _directory):
        """It is started and removed."""
        self.up += 1
        yield
        self.up -= 1

    def trial(self, prepared):
        """One level."""
        if self.stops_after is not None and len(self.plans) >= self.stops_after:
            raise SeriesStopped
        self.plans.append(prepared.plan)
        run = self.runs / f"run-{len(self.plans)}"
        run.mkdir()
        return SimpleNamespace(run=run, recorded=SimpleNamespace(manifest=SimpleNamespace(evidence=EvidenceGrade.MEASURED)))


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A search of the shipped plan in calm and with a cache tier lost."""
    words = asking.CapacityWords("capacity", under=("cache.tier-lost:tier=cache",))
    found = asking.prepared(words, Console(quiet=True), tmp_path)
    servers = {"calm": Simulated(2, 0.02), "cache.tier-lost cache": Simulated(1, 0.02)}
    monkeypatch.setattr(conclusion, "summary", lambda said: {"run": said.run.name})
    monkeypatch.setattr(
        running,
        "read",
        lambda said, ask, state, *_: replace(servers[state.name].drive(ask, [OBJECTIVE]), run=said.run.name),
    )
    return replace(
        found,
        ground=Staged(found.directory),
        rules=replace(found.rules, first=20, most=1_000, budget_s=2_000, precise=0.1, level_s=5, level_s_most=10),
    )


def test_both_states_are_searched_and_the_headroom_is_told(task):
    """On one environment, which is removed afterwards."""
    found = running.run(task, lambda _: None)
    assert [one.found.end for one in found.states] == [SearchEnd.FOUND, SearchEnd.FOUND]
    calm, lost = (one.found.rate for one in found.states)
    assert calm is not None
    assert lost is not None
    assert lost < calm * 0.7
    assert found.headroom[0].share > 0.3
    assert found.exit_code == 0
    assert task.ground.up == 0
    assert directory.result_of(task.directory) == found


def test_a_level_under_a_fault_has_that_fault_in_its_plan(task):
    """And a level in calm has none."""
    running.run(task, lambda _: None)
    assert {fault.kind for plan in task.ground.plans for fault in plan.faults} == {"cache.tier-lost"}
    assert not task.ground.plans[0].faults
    kept = sorted(path.name for path in (task.directory / directory.PLANS).iterdir())
    assert kept[0].startswith("cache-tier-lost-cache-01")
    assert f"calm-{1:02}.yaml" in kept


def test_an_interrupted_search_keeps_what_was_found_and_goes_on(task):
    """Exit code 130; the next call drives only what is missing."""
    stopped = running.run(replace(task, ground=Staged(task.directory, stops_after=4)), lambda _: None)
    assert stopped.exit_code == 130
    assert len(stopped.states[0].levels) == 4
    assert stopped.states[0].requests_per_s is None
    assert stopped.sentence.startswith("Stopped by ")
    again = Staged(task.directory / "again")
    again.runs.mkdir()
    found = running.run(replace(task, ground=again), lambda _: None)
    assert found.states[0].levels[:4] == stopped.states[0].levels
    assert len(again.plans) == sum(len(one.levels) for one in found.states) - 4


def test_an_interruption_before_the_first_level_says_that_nothing_is_known(task):
    """There is a result all the same."""
    found = running.run(replace(task, ground=Staged(task.directory, stops_after=0)), lambda _: None)
    assert found.exit_code == 130
    assert json.loads((task.directory / directory.RESULT).read_text())["states"][0]["found"]["end"] == "nothing"


def test_a_lost_region_without_quotas_is_unknown(task):
    """It is said, and costs no level."""
    lost = parsed("region.lost:region=us-west-2")
    ground = Staged(task.directory)
    found = running.run(replace(task, states=(lost,), ground=ground), lambda _: None)
    assert found.states[1].unknown == quotas.SHARED
    assert found.exit_code == 3
    assert not [plan for plan in ground.plans if plan.faults]


def test_the_budget_is_said_before_the_first_level(task):
    """Minutes, levels, rates, and what must hold."""
    said: list[str] = []
    running.run(replace(task, ground=Staged(task.directory, stops_after=0)), said.append)
    assert "minutes" in said[0]
    assert "p95 ≤ 250 ms" in said[1]


def test_a_search_whose_plan_was_changed_is_not_continued(task, tmp_path):
    """Two halves of two plans are no search."""
    path = task.directory / directory.ORDER
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "plan_digest": "0" * 64}))
    with pytest.raises(InvalidFile, match="the plan changed"):
        asking.continued(task.directory, Console(quiet=True))
    assert "scenarios/profiles/flat" in told["files"]
    path.write_text(json.dumps({**told, "files": {**told["files"], "scenarios/profiles/flat": "0" * 64}}))
    with pytest.raises(InvalidFile, match="scenarios/profiles/flat changed"):
        asking.continued(task.directory, Console(quiet=True))
    path.write_text(json.dumps(told))
    assert asking.continued(task.directory, Console(quiet=True)).order == task.order


def test_a_search_is_not_continued_on_another_machine(task, monkeypatch):
    """Its levels would be those of two machines, and the capacity of neither."""
    monkeypatch.setattr(asking, "machine", lambda: {**task.order.machine, "processor": "another one"})
    with pytest.raises(InvalidFile, match="cannot be continued: the machine's processor changed since it began; start a new search"):
        asking.continued(task.directory, Console(quiet=True))
