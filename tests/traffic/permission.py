"""What the kernel permits to the user who runs the tests."""

from __future__ import annotations

import os
import subprocess


def real_time_permitted() -> bool:
    """Whether this process may let another run in real time."""
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            os.sched_setscheduler(other.pid, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            return False
        else:
            return True
        finally:
            other.kill()
