"""``closeshave stop``: which run it stops, and how."""

import json
import subprocess
import sys

import pytest

from closeshave.control.processes import identify
from closeshave.trial import stopping


@pytest.fixture
def harness(tmp_path):
    """A run directory whose harness is a real process that ends when it is stopped."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    beating(tmp_path / "run", identify(process.pid))
    yield process
    process.kill()
    process.wait()


def beating(run, identity):
    """A heartbeat of that process."""
    run.mkdir()
    (run / "heartbeat").write_text(json.dumps({"pid": identity.pid, "started": identity.started, "count": 3}))


def test_only_live_runs_are_found(tmp_path, harness):
    """A run whose harness has ended cannot be stopped."""
    (tmp_path / "never-begun").mkdir()
    assert stopping.running(tmp_path) == (tmp_path / "run",)
    harness.kill()
    harness.wait()
    assert stopping.running(tmp_path) == ()


def test_the_harness_is_told_by_a_file_and_a_signal(tmp_path, harness):
    """The file says that the operator stopped it, and not Ctrl-C."""
    assert not stopping.asked(tmp_path / "run")
    assert stopping.ask(tmp_path / "run", 20)
    assert stopping.asked(tmp_path / "run")
    assert harness.wait(5) < 0


def test_a_run_that_has_ended_cannot_be_stopped(tmp_path, harness):
    """And is not marked as stopped."""
    harness.kill()
    harness.wait()
    with pytest.raises(LookupError, match="not running"):
        stopping.ask(tmp_path / "run", 1)
    assert not stopping.asked(tmp_path / "run")
