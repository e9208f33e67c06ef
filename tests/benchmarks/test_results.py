"""Figures of a benchmark are stored with their circumstances, one file per run."""

import json

from benchmarks import circumstances
from benchmarks.__main__ import _told
from benchmarks.result import Run, at_least, table


def test_a_run_holds_its_own_figures_only(tmp_path):
    """No file mixes runs: the figures of an earlier run stay in its own file."""
    first = Run.begin(["closed"], tmp_path)
    second = Run(tmp_path / "later.json", first.told)
    first.add([at_least("closed GET", 3.6, "times", 3.5)])
    second.add([at_least("records", 1.0, "yes", 1.0)])
    second.add([at_least("more records", 1.0, "yes", 1.0)])
    assert [result["measure"] for result in json.loads(first.path.read_text())["results"]] == ["closed GET"]
    assert [result["measure"] for result in json.loads(second.path.read_text())["results"]] == ["records", "more records"]


def test_a_run_states_commit_machine_and_versions(tmp_path):
    """A later reader knows the code of a figure, and what it was compared with."""
    run = Run.begin(["closed"], tmp_path)
    run.add([])
    told = json.loads(run.path.read_text())
    assert told["commit"] in run.path.name
    assert told["machine"]
    assert told["began"] <= told["ended"]
    assert {"python", "kernel", "gevent", "locust", "k6"} <= set(told["versions"])


def test_every_figure_has_the_machines_own_speed_and_load(monkeypatch):
    """Before and after, because the load of a shared machine changes within minutes."""
    monkeypatch.setattr(circumstances, "LOOPS", 1000)
    monkeypatch.setattr(circumstances, "EXCHANGES", 10)
    (found,) = _told(lambda: [at_least("closed GET", 3.6, "times", 3.5)])
    assert set(found.circumstances) == set(circumstances.now())
    assert all(" to " in value for value in found.circumstances.values())
    assert "load average" in table([found])
