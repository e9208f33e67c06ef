"""The helpers of one run (load generators, experiments), found by the mark that they inherit, not by name."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

from closeshave.control import processes
from closeshave.control.processes import Identity
from closeshave.faults.waiting import after, until
from closeshave.vocabulary import RUN_VARIABLE

RUN_MARK = RUN_VARIABLE
"""Every process that a harness starts carries the name of its run directory in this variable."""


def mark(run: Path) -> str:
    """The value of the variable for a run."""
    return run.resolve().name


def helpers(run: Path) -> list[Identity]:
    """The live helpers of a run. Parts of an environment do not count, even if a marked process started them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environ = process.environ()
            ours = environ.get(RUN_MARK) == mark(run) and processes.MARK not in environ
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(Identity(process.pid, process.create_time()))
    return found


def sweep(run: Path, timeout_s: float = 5.0) -> list[Identity]:
    """Kill the helpers of a run until none is left; returns those that still run, empty when there are none."""

    def swept() -> bool:
        return not processes.send(helpers(run), signal.SIGKILL)

    until(swept, after(timeout_s))
    return helpers(run)
