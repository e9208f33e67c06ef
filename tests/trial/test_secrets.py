"""Passwords and tokens over a whole trial: in no file of the run at any moment, in no command line, in no log, also after ``kill -9``."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from closeshave import processes
from tests.remote import plans
from truth.plain.running import plain

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

PLANTED = "Planted-9f27c1"
SECRET = re.compile(rb"Planted-9f27c1|Cs-[\w-]{16}-1|access_token|refresh_token\"|Bearer ")


class Looker(threading.Thread):
    """Looks at every file of the run and at every command line, again and again."""

    def __init__(self, runs):
        super().__init__(daemon=True)
        self.runs, self.found, self.over, self.looks = runs, set(), threading.Event(), 0

    def run(self):
        while not self.over.wait(0.2):
            self.look()

    def look(self):
        """Everything once; what grows is read anew."""
        self.looks += 1
        lines = [(path, path / "cmdline") for path in Path("/proc").glob("[0-9]*")]
        for name, path in [*lines, *((path, path) for path in self.runs.rglob("*"))]:
            try:
                if path.is_file() and SECRET.search(path.read_bytes()):
                    self.found.add(str(name))
            except OSError:
                continue


def begin(tmp_path, platform):
    """A trial of a platform whose accounts have planted passwords, watched from its beginning."""
    hooks = plans.hooks(platform)
    hooks[0]["inject"]["headers_from"] = {"Authorization": "PLANTED"}
    plans.environment(tmp_path, platform, hooks=hooks)
    plan = plans.plan(tmp_path, calm_s=6)
    state = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    (tmp_path / "runtime").mkdir(mode=0o700)
    looker = Looker(tmp_path / "runs")
    looker.start()
    command = [sys.executable, "-m", "closeshave", "run", str(plan), "--runs", str(tmp_path / "runs")]
    with (tmp_path / "said.txt").open("wb") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **state, "PLANTED": f"Bearer {PLANTED}"})
    return started, looker


def private_files(tmp_path):
    """What the private directory holds now."""
    return list((tmp_path / "runtime").rglob("accounts.json"))


@pytest.mark.parametrize("killed", [False, True], ids=["to its end", "kill -9"])
def test_no_secret_is_in_a_run_at_any_moment(tmp_path, killed):
    """They are beside it while they are needed, and gone with the trial; where it was killed, the janitor removes them."""
    with plain("--accounts", "20", "--limits", "50") as platform:
        process, looker = begin(tmp_path, platform)
        try:
            assert processes.poll_until(lambda: private_files(tmp_path) or process.poll() is not None, 120, interval_s=0.05)
            if killed:
                assert processes.poll_until(lambda: any((tmp_path / "runs").rglob("*.counters.json")), 60, interval_s=0.05)
                process.send_signal(signal.SIGKILL)
            process.wait(180)
            assert processes.poll_until(lambda: not private_files(tmp_path), 60), "accounts.json is left"
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)
            looker.over.set()
            looker.join()
    said = (tmp_path / "said.txt").read_bytes()
    assert killed or (next((tmp_path / "runs").iterdir()) / "summary.json").exists(), said.decode(errors="replace")
    looker.look()
    assert looker.looks > 10
    assert looker.found == set()
    assert not SECRET.search(said)
