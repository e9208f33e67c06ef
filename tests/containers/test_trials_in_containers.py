"""Whole trials in containers that end badly: nothing is left of them, and the platform is not blamed."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.deployment import load
from tests.containers.traces import traces
from tests.trial.conftest import begin, plan_text

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

LEFT_S_MAX = 90
ENGINE = Path("/run/engine/pid")
"""Where ``.ci/engine`` says who its engine is."""


@pytest.fixture
def trial(tmp_path):
    """A short trial in containers, under load; before and after it the machine is the same."""
    before = traces()
    running = begin(tmp_path, plan_text(), "--environment", "containers")
    running.wait_for("phase-started")
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(120)
    assert processes.poll_until(lambda: traces() == before, LEFT_S_MAX, interval_s=0.5), (before, traces())


def test_a_killed_trial_is_removed_by_its_janitor(trial):
    """``kill -9`` under load: no action of an operator is needed."""
    trial.process.kill()
    trial.process.wait(5)


def test_an_interrupted_trial_removes_its_environment(trial):
    """Ctrl-C under load."""
    trial.process.send_signal(signal.SIGINT)
    assert trial.process.wait(120) == 130


def test_an_engine_that_ends_all_containers_is_no_failure_of_the_platform(trial):
    """As when it is restarted in the middle of a run: the trial says so, and there is no verdict."""
    deployment = load(trial.root())
    ours = [process.container.name for process in deployment.processes if process.container]
    subprocess.run(["docker", "kill", *ours], check=True, capture_output=True, timeout=60)
    assert trial.process.wait(180) == 4
    assert "has the container engine been stopped or restarted?" in json.dumps(trial.timeline())
    assert trial.summary()["status"] == "inconclusive"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_is_restarted_is_no_failure_of_the_platform(trial, how):
    """It stops its containers one after another, or its successor does: answers in that time are no evidence, and nothing is left."""
    if not ENGINE.exists():
        pytest.skip("only an engine of .ci/engine is restarted: others may have other users")
    deployment = load(trial.root())
    restart(int(ENGINE.read_text()), how)
    assert trial.process.wait(180) == 4
    assert "is no evidence" in json.dumps(trial.summary())
    assert trial.summary()["status"] == "inconclusive"
    assert not Path(deployment.root).exists()


def restart(pid, how):
    """End an engine and start it again as it was."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    os.kill(pid, how)
    assert processes.poll_until(lambda: processes.identify(pid) is None, 60)
    ENGINE.unlink(missing_ok=True)
    # It outlives this test, as it would have without it.
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
