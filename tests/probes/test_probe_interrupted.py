"""``closeshave probe`` that is stopped: the environment that it started is gone afterwards, whoever stopped it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from closeshave.control import processes
from closeshave.probes.record import ROUND

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def left(state: Path) -> list[str]:
    """Processes that were started below this directory for environments."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(state) in " ".join((*process.cmdline(), process.environ().get("CLOSESHAVE_STATE_DIR", ""))):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
        except (psutil.Error, OSError):
            continue
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C removes it, and after a kill the janitor does. The round counts for nothing, because it did not end."""
    state = tmp_path / "state"
    command = [sys.executable, "-m", "closeshave", "probe", "--runs", str(tmp_path / "rounds"), "--quiet"]
    with (tmp_path / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "CLOSESHAVE_STATE_DIR": str(state)}, start_new_session=True
        )
    try:
        # Asking has begun, so that everything runs.
        began = processes.poll_until(lambda: bool(list((tmp_path / "rounds").glob(f"*/{ROUND}"))) or process.poll() is not None, 120)
        assert began, (tmp_path / "output.txt").read_text()
        assert process.poll() is None, (tmp_path / "output.txt").read_text()
        process.send_signal(number)
        assert process.wait(60) == code, (tmp_path / "output.txt").read_text()
        assert processes.poll_until(lambda: left(state) == [], 60), left(state)
        assert list(state.glob("*/deployment.json")) == []
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    (found,) = (tmp_path / "rounds").glob(f"*/{ROUND}")
    assert '"ended_at": null' in found.read_text()
