"""However a trial is stopped: nothing stays broken, nothing stays running, and no record is lost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from closeshave.control import processes
from tests.trial.conftest import janitor_ended, plan_text, started_by_this_test

pytestmark = [pytest.mark.trial, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(None, id="while the environment starts"),
        pytest.param("phase-started", id="in the warm-up"),
        pytest.param('"injected"', id="while a fault is in effect"),
        pytest.param('"healed"', id="while it heals"),
    ],
)
def test_an_operators_stop_heals_takes_down_and_judges_the_partial_run(trial, moment):
    """Ctrl-C ends with exit code 130 within 15 seconds; the partial run is judged and says that it is incomplete."""
    running = trial(plan_text())
    if moment is None:
        assert processes.poll_until(lambda: running.root() is not None, 60)
    else:
        running.wait_for(moment)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(15) == 130
    summary = running.summary()
    # On a starved machine the part that was judged may have failed by itself; a pass it can never be.
    assert summary["status"] != "pass"
    assert next(verdict for verdict in summary["verdicts"] if verdict["id"] == "complete")["status"] == "inconclusive"
    assert summary["exit_code"] == 130
    assert "SIGINT" in str(summary["reasons"])
    assert running.root() is None


@pytest.mark.parametrize("moment", ["phase-started", '"injected"'])
def test_a_killed_harness_leaves_no_environment_behind(trial, moment):
    """After ``kill -9`` the janitor destroys what the harness owned within 15 seconds; the run directory stays and can be judged."""
    running = trial(plan_text())
    running.wait_for(moment)
    root = running.root()
    running.process.kill()
    running.process.wait(5)
    assert processes.poll_until(lambda: not root.exists(), 15)
    assert running.run().exists()
    assert (running.run() / "logs").exists()


@pytest.mark.parametrize("after_s", [0.0, 0.7, 1.5, 2.5, 4.0])
def test_a_harness_killed_while_its_environment_starts_leaves_nothing(trial, after_s):
    """Half-started parts are ended and the directory is gone within 15 seconds."""
    running = trial(plan_text())
    assert processes.poll_until(lambda: running.root() is not None, 60)
    time.sleep(after_s)
    root = running.root()
    running.process.kill()
    running.process.wait(5)
    assert processes.poll_until(lambda: not root.exists() and janitor_ended(running.run()) and started_by_this_test() == [], 15)


def test_a_killed_janitor_stops_the_trial_safely(trial):
    """No process would heal if the harness died: so the trial stops itself with exit code 5 and cleans up."""
    running = trial(plan_text())
    running.wait_for("phase-started")
    janitor = json.loads((running.run() / "janitor.json").read_text())["pid"]
    os.kill(janitor, signal.SIGKILL)
    assert running.process.wait(60) == 5
    assert "janitor" in str(running.summary()["reasons"])


@pytest.mark.parametrize("moment", ["phase-started", '"injected"'])
def test_closeshave_stop_ends_a_trial_for_safety(trial, moment):
    """From another terminal: healed, cleaned up, judged, exit code 5; the command returns when all that is done."""
    running = trial(plan_text())
    running.wait_for(moment)
    told = subprocess.run([sys.executable, "-m", "closeshave", "stop", "--runs", str(running.runs)], timeout=60, check=False)
    assert told.returncode == 0
    assert running.process.wait(5) == 5
    assert "stopped by the operator" in str(running.summary()["reasons"])
    assert running.root() is None


def test_a_trial_that_burns_its_error_budget_stops_itself(trial):
    """The plan allows a millionth of the month's budget; a lost primary costs more, and the trial does not wait for the end of its hold."""
    running = trial(f"{plan_text()}aborts: {{budget: 0.0001%}}\n")
    assert running.process.wait(120) == 5
    assert "of the month's error budget is burnt" in str(running.summary()["reasons"])
    assert running.root() is None
