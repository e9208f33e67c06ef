"""A sender's process may be started before its load is known: it waits, and does not outlive the trial."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.control.processes import poll_until
from closeshave.traffic import runfiles
from closeshave.traffic.load import awaited

WAIT_S = 60.0


def test_it_goes_on_once_the_load_is_there(tmp_path: Path) -> None:
    """At once, if it was there before."""
    (tmp_path / "load.json").touch()
    assert awaited(tmp_path / "load.json", os.getppid())


def test_it_gives_up_when_its_trial_has_ended(tmp_path: Path) -> None:
    """Another parent than the one that started it means that the trial is gone."""
    assert not awaited(tmp_path / "load.json", os.getppid() + 1)


@pytest.mark.thorough  # a whole interpreter with Locust
def test_the_process_ends_with_a_killed_trial(tmp_path: Path) -> None:
    """``kill -9`` of whoever started it: nothing runs a moment later, and nothing was sent."""
    told = tmp_path / "pid"
    code = (
        "import os, subprocess, sys, time\n"
        f"os.environ[{runfiles.STARTER!r}] = str(os.getpid())\n"
        "child = subprocess.Popen([sys.executable, '-m', 'closeshave.traffic.bare_locust', '-f', '/dev/null'], stderr=subprocess.PIPE)\n"
        f"open({str(told)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    trial = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, runfiles.VARIABLE: str(tmp_path / "load.json")})
    try:
        assert poll_until(lambda: told.exists() and told.read_text() != "", WAIT_S)
        sender = int(told.read_text())
    finally:
        trial.kill()
        trial.wait()
    assert poll_until(lambda: not Path(f"/proc/{sender}/cmdline").exists() or b"bare_locust" not in _command(sender), WAIT_S)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
