"""Under what circumstances a figure was measured: the machine's own speed, what else it did, and which code was measured."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_LOOPS = 2_000_000
_TRIES = 5


def now() -> Mapping[str, str | float]:
    """As they are at this moment."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "processors": os.cpu_count() or 0,
        "load average": round(os.getloadavg()[0], 2),
        "machine, million loops a CPU-second": round(speed(), 1),
    }


def speed() -> float:
    """How many million turns of an empty loop this interpreter does in a second of one processor: the best of several tries."""

    def once() -> float:
        began = time.process_time()
        for _ in range(_LOOPS):
            pass
        return time.process_time() - began

    return _LOOPS / min(once() for _ in range(_TRIES)) / 1e6


def _commit() -> str:
    """The checked-out commit, marked where files differ from it; ``unknown`` outside a checkout."""
    where = Path(__file__).parent
    try:
        told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=where, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()
