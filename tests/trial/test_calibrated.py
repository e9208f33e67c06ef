"""Trials of a plan with ``rate: auto``: what a calibration leaves in the run, and what it does not."""

import io
import json

import pytest
from rich.console import Console

from closeshave.conclusion import conclude, publish
from closeshave.control import processors
from closeshave.environments import registry
from closeshave.trial import calibration, running
from closeshave.trial.calibrating import CODEC, FILE, PLACE
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare
from tests.trial.conftest import plan_text, started_by_this_test

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]


def carried_out(tmp_path, monkeypatch, processors_available):
    """A whole trial in this process, on a machine with a given number of usable processors; its conclusion and its output."""
    monkeypatch.setattr(processors, "available", lambda: processors_available)
    plan = tmp_path / "short.yaml"
    plan.write_text(f"{plan_text()}rate: auto\n")
    said = io.StringIO()
    run = running.run(prepare(str(plan)), tmp_path / "runs", Display(Console(file=said, width=400)))
    return conclude(run), said.getvalue()


def test_a_machine_with_enough_processors_carries_the_plan_out_as_written(tmp_path, monkeypatch):
    """The samples are kept and lead to the same decision again; no request of the calibration is judged."""
    conclusion, said = carried_out(tmp_path, monkeypatch, 64.0)
    kept = CODEC.validate_json((conclusion.run / FILE).read_bytes())
    assert calibration.decide(kept.samples, kept.wanted, kept.machine) == kept.found
    assert kept.found.scale == 1
    assert kept.found.cpu_s_per_request > 0
    assert conclusion.plan.peak_per_s == 10
    assert "this machine sustains the planned 10 sessions/s" in said
    assert said.index("calibrating") < said.index("enough requests for a verdict") < said.index("load starts")
    assert "--rate-scale 1" in (conclusion.run / "rerun.sh").read_text()
    assert not (conclusion.run / PLACE).exists()
    publish(conclusion)
    rate = json.loads((conclusion.run / "summary.json").read_text())["rate"]
    assert rate["by"] == "calibration"
    assert rate["planned_sessions_per_s"] == rate["sessions_per_s"] == 10
    assert rate["cpu_s_per_session"] == pytest.approx(kept.found.cpu_s_per_session)
    assert json.loads((conclusion.run / "environment.json").read_text())["rate"] == rate
    verdicts = {one.id: one for one in conclusion.assessment.verdicts}
    assert verdicts["rate"].status == "pass"
    assert not [one.id for one in conclusion.assessment.verdicts if one.status == "fail"]
    assert verdicts["integrity/phantom"].status == "pass"


def test_a_machine_that_is_too_small_is_not_loaded(tmp_path, monkeypatch):
    """Inconclusive with the reason and advice; the environment and the senders are gone."""
    before = set(registry.running())
    conclusion, said = carried_out(tmp_path, monkeypatch, 0.02)
    assert conclusion.exit_code == 3
    assert conclusion.assessment.reasons[0].startswith("rate: this machine sustains 0 of the 10 planned sessions/s")
    assert conclusion.recorded.manifest.phases == ()
    assert "no load was sent" in said
    assert "load starts" not in said
    publish(conclusion)
    assert json.loads((conclusion.run / "summary.json").read_text())["rate"]["scale"] == 0
    assert set(registry.running()) == before
    assert started_by_this_test() == []
