"""The circumstances of a figure: the machine's own speed, its other load, the measured code, and the versions of programs."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks import programs
from closeshave.loadgen import compiled

LOOPS, EXCHANGES, TRIES = 1_000_000, 10_000, 5
_CPUINFO = Path("/proc/cpuinfo")


def now() -> Mapping[str, float]:
    """Circumstances that change between measurements."""
    return {
        "load average": round(os.getloadavg()[0], 2),
        "machine, million loops a CPU-second": round(_best(_loops, LOOPS) / 1e6, 1),
        "machine, thousand exchanges a CPU-second": round(_best(_exchanges, EXCHANGES) / 1e3),
    }


def around(before: Mapping[str, float], after: Mapping[str, float]) -> Mapping[str, str]:
    """The circumstances before and after a measurement, joined."""
    return {name: f"{before[name]:g} to {after[name]:g}" for name in before}


def of_run() -> Mapping[str, object]:
    """Circumstances that stay the same for a whole run."""
    plain = compiled.why_plain()
    return {
        "commit": commit(),
        "load engine": "compiled" if plain is None else f"plain Python: {plain}",
        "machine": _machine(),
        "processors": os.cpu_count() or 0,
        "versions": dict(versions()),
    }


def versions() -> Mapping[str, str]:
    """Versions of the interpreter, of the engine's dependencies, and of the compared programs."""
    packages = {name: version(name) for name in ("gevent", "greenlet", "locust", "numpy")}
    return {"python": platform.python_version(), "kernel": platform.release(), **packages, **programs.versions()}


def commit() -> str:
    """The checked-out commit, marked if files differ from it; ``unknown`` outside a checkout."""
    where = Path(__file__).parent
    try:
        told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=where, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def _best(work: Callable[[], None], times: int) -> float:
    """How many per second of one processor: the best of several tries, because other programs can only make it slower."""

    def once() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return times / min(once() for _ in range(TRIES))


def _loops() -> None:
    """Loops that use only the interpreter."""
    for _ in range(LOOPS):
        pass


def _exchanges() -> None:
    """Exchanges that mostly use the kernel: a byte through a pair of sockets."""
    here, there = socket.socketpair()
    with here, there:
        for _ in range(EXCHANGES):
            here.send(b"x")
            there.recv(1)


def _machine() -> str:
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
