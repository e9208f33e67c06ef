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


@dataclass(frozen=True, slots=True)
class Cost:
    """What a tool used in its window."""

    requests: int
    own_s: float
    """CPU seconds in its own code."""
    kernel_s: float
    """CPU seconds in the kernel for it."""

    @property
    def per_cpu_s(self) -> float:
        """Requests per CPU-second."""
        return self.requests / (self.own_s + self.kernel_s)


@dataclass(frozen=True, slots=True)
class Rates:
    """Medians by tool."""

    per_cpu_s: Mapping[str, float]
    """Requests per CPU-second."""
    parts_us: Mapping[str, float]
    """CPU microseconds of a request in the tool's own code, and in the kernel."""

    @property
    def told(self) -> Mapping[str, float]:
        """All of them, for the table."""
        return {**self.per_cpu_s, **self.parts_us}


def interleaved(target: Target, tools: Sequence[Tool], window: Window, repeats: int) -> Rates:
    """The tools take turns, so that a busy minute of the machine affects all of them."""
    seen: dict[str, list[Cost]] = {tool.name: [] for tool in tools}
    for _ in range(repeats):
        for tool in tools:
            seen[tool.name].append(_once(target, tool, window))
    parts = {}
    for name, costs in seen.items():
        parts[f"{name}, own \N{MICRO SIGN}s"] = statistics.median(1e6 * one.own_s / one.requests for one in costs)
        parts[f"{name}, kernel \N{MICRO SIGN}s"] = statistics.median(1e6 * one.kernel_s / one.requests for one in costs)
    return Rates({name: statistics.median(one.per_cpu_s for one in costs) for name, costs in seen.items()}, parts)


def _once(target: Target, tool: Tool, window: Window) -> Cost:
    log = target.root / f"{tool.name.replace(' ', '-')}.log"
    process = programs.start(GENERATOR_CORE, tool.command, tool.environ, log, prefer=False)  # CPU time is measured, not the clock
    try:
        return _measure(target, process, log, window)
    finally:
        process.terminate()
        process.wait(60)


def _measure(target: Target, process: subprocess.Popen[bytes], log: Path, window: Window) -> Cost:
    idle = target.requests()
    deadline = time.monotonic() + 60
    while target.requests() - idle < 200:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} sent nothing: {log.read_text()[-2000:]}")
        time.sleep(0.05)
        idle += 1
    time.sleep(window.warm_up_s)
    generator = psutil.Process(process.pid)
    requests, before = target.requests(), generator.cpu_times()
    time.sleep(window.length_s)
    requests, after = target.requests() - requests - 1, generator.cpu_times()
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended inside the window: {log.read_text()[-2000:]}")
    return Cost(requests, after.user - before.user, after.system - before.system)
