"""The processes of the measurement end with the command that started them, and clean up before."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.control import processes
from tests.tiers import thorough

ROOT = Path(__file__).parents[2]
PROGRAM = """
import multiprocessing, os, pathlib, sys, time
from concurrent.futures import ProcessPoolExecutor
from truth.measured import end_with_parent, or_end

place = pathlib.Path(sys.argv[1])

def work():
    try:
        (place / "new").write_text(str(os.getpid()))
        (place / "new").rename(place / "begun")
        time.sleep(120)
    finally:
        (place / "cleaned").touch()

def ended(_seed):
    return or_end(work)

if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent) as pool:
        list(pool.map(ended, range(3)))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("number", [*thorough(signal.SIGTERM), signal.SIGKILL])
def test_a_process_of_the_pool_ends_with_the_command(number: signal.Signals, tmp_path: Path) -> None:
    """However the command is ended: in the middle of its work, and with none of the work that waits."""
    (tmp_path / "pooled.py").write_text(PROGRAM)
    command = subprocess.Popen(
        [sys.executable, tmp_path / "pooled.py", tmp_path], cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    )
    try:
        assert processes.poll_until((tmp_path / "begun").exists, 60)
        worker = processes.identify(int((tmp_path / "begun").read_text()))
        assert worker is not None
    finally:
        command.send_signal(number)
        command.wait()
    left = processes.gone([worker], 30)
    processes.send(left, signal.SIGKILL)
    assert left == []
    assert (tmp_path / "cleaned").exists()
