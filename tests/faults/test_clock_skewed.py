"""What a skewed clock leaves behind: nothing, whoever ended its process and however."""

import os
import subprocess
import sys
from typing import cast

from closeshave.clock import now_ns
from closeshave.faults.kind import Aim
from closeshave.faults.service import clock_skewed, fleet


def test_memory_of_processes_that_are_gone_is_given_back_and_no_other(tmp_path, monkeypatch):
    """libfaketime names it after its process; one that was killed cannot remove it any more."""
    monkeypatch.setattr(clock_skewed, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(fleet, "undo", lambda _aim, _deadline_ns, _say: ("healed",))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = {f"faketime_shm_{gone.pid}", f"sem.faketime_sem_{gone.pid}"}
    kept = {f"faketime_shm_{os.getpid()}", "faketime_shm_of_somebody", f"shm_{gone.pid}"}
    for name in left | kept:
        (tmp_path / name).touch()
    done = clock_skewed.undo(cast("Aim", None), now_ns(), print)
    assert set(done) == {"healed", *(f"removed {name}" for name in left)}
    assert {path.name for path in tmp_path.iterdir()} == kept
