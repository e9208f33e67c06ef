"""``closeshave stop``: which run it stops, and how."""

import json
import subprocess
import sys

import pytest

from closeshave import history
from closeshave.control.processes import identify
from closeshave.history import FaultEvent, Mark
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


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Mark(1, "phase-started", "calm"), "last on its timeline: mark phase-started calm"),
        (FaultEvent("west-lost", "healed", 2), "last on its timeline: fault west-lost healed"),
        (None, "its timeline is empty"),
    ],
)
def test_a_run_that_takes_long_to_end_says_what_it_did_last(tmp_path, event, told):
    """So that whoever waits knows whether it heals or hangs."""
    history.record(tmp_path, Mark(0, "note", "earlier"))
    if event is None:
        (tmp_path / "timeline.jsonl").unlink()
    else:
        history.record(tmp_path, event)
    assert stopping.last_event(tmp_path) == told


def test_a_damaged_timeline_is_said(tmp_path):
    """Not an error: the stop itself was asked for."""
    (tmp_path / "timeline.jsonl").write_text("[]\n")
    assert stopping.last_event(tmp_path).startswith("its timeline cannot be read: timeline.jsonl:1")
