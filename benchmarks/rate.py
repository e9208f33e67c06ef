"""Requests per CPU-second, measured in the same way for every tool: from outside, in a window after the start.

The server counts the requests and the kernel counts the generator's CPU time, so no tool's own figures are used and its start is not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import programs
from benchmarks.target import GENERATOR_CORE, Target


@dataclass(frozen=True, slots=True)
class Tool:
    """A generator as a command; it must run longer than the warm-up and the window together."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """The window of a measurement, in seconds after the first request."""

    warm_up_s: float
    length_s: float

    @property
    def total_s(self) -> int:
        """How many seconds a tool must run."""
        return int(self.warm_up_s + self.length_s + 3)


def interleaved(target: Target, tools: Sequence[Tool], window: Window, repeats: int) -> dict[str, float]:
    """Median requests per CPU-second by tool; the tools take turns, so that a busy minute of the machine affects all of them."""
    seen: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for _ in range(repeats):
        for tool in tools:
            seen[tool.name].append(_once(target, tool, window))
    return {name: statistics.median(rates) for name, rates in seen.items()}


def _once(target: Target, tool: Tool, window: Window) -> float:
    log = target.root / f"{tool.name.replace(' ', '-')}.log"
    process = programs.start(GENERATOR_CORE, tool.command, tool.environ, log, prefer=False)  # CPU time is measured, not the clock
    try:
        return _measure(target, process, log, window)
    finally:
        process.terminate()
        process.wait(60)


def _measure(target: Target, process: subprocess.Popen[bytes], log: Path, window: Window) -> float:
    idle = target.requests()
    deadline = time.monotonic() + 60
    while target.requests() - idle < 200:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} sent nothing: {log.read_text()[-2000:]}")
        time.sleep(0.05)
        idle += 1
    time.sleep(window.warm_up_s)
    generator = psutil.Process(process.pid)
    requests, cpu_s = target.requests(), _cpu_s(generator)
    time.sleep(window.length_s)
    requests, cpu_s = target.requests() - requests - 1, _cpu_s(generator) - cpu_s
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended inside the window: {log.read_text()[-2000:]}")
    return requests / cpu_s


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
