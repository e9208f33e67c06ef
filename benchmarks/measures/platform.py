"""The whole embedded platform: the CPU time of a request for each part, and the CPU use while it is idle.

CPU time is the kernel's (``/proc/PID/stat``: all threads of every process, and its children that have ended), so no part's own figures are used. The
load is a trial at a fixed rate without faults; the generator is shown but not counted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd

from benchmarks.effort import Effort
from benchmarks.result import Result, at_least, at_most
from benchmarks.spent import MACHINE, Parts, between, look
from closeshave import history
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.environments import drivers
from closeshave.faults import catalogue
from closeshave.trial.preparation import Prepared, prepare

PLAN = Path(__file__).parents[1] / "plans" / "platform.yaml"
BAR_PER_CPU_S = 320.0
IDLE_BAR_CPU_S = 0.5
"""CPU seconds per second."""
SETTLE_S, IDLE_S = 3.0, 15.0
WAIT_S = 90.0
"""Seconds until the load starts, because all accounts are logged in before."""
EDGE_S = 0.5
"""Seconds at either end of the calm phase that are left out."""
UNCOUNTED = "generator"


@dataclass(frozen=True, slots=True)
class Window:
    """The CPU time, and the number of requests, between two instants."""

    seconds: float
    spent_s: Parts
    requests: Mapping[str, int]
    """The number of requests by operation."""

    @property
    def counted_s(self) -> float:
        """CPU seconds of all parts except the generator."""
        return sum(cpu_s for part, cpu_s in self.parts_s.items() if part != UNCOUNTED)

    @property
    def parts_s(self) -> Parts:
        """CPU seconds by part."""
        return {part: cpu_s for part, cpu_s in self.spent_s.items() if part != MACHINE}

    @property
    def others_s(self) -> float:
        """CPU seconds of other programs: with them a request costs more than without."""
        return max(0.0, self.spent_s[MACHINE] - sum(self.parts_s.values()))

    @property
    def total(self) -> int:
        """Requests of customers and canaries together."""
        return sum(self.requests.values())


def run(effort: Effort) -> list[Result]:
    """Start the platform, and measure it idle and then under load."""
    # The platform must not outlive a benchmark that is told to end.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    prepared = prepare(str(PLAN))
    with tempfile.TemporaryDirectory(prefix="closeshave-bench-") as directory, running(prepared) as deployment:
        time.sleep(SETTLE_S)
        idle = _idle(deployment, IDLE_S if effort.repeats > 1 else IDLE_S / 3)
        loaded = _loaded(deployment, Path(directory) / "runs")
    print(_table(idle, loaded), flush=True)
    ms = {part: 1000 * cpu_s / loaded.total for part, cpu_s in loaded.parts_s.items()}
    calm = {part: cpu_s / idle.seconds for part, cpu_s in idle.parts_s.items()}
    rate = {"requests/s": loaded.total / loaded.seconds, "others, cores": loaded.others_s / loaded.seconds}
    return [
        at_least(
            "platform: requests per CPU-second", loaded.total / loaded.counted_s, "/CPU-s", BAR_PER_CPU_S,
            tools=rate | {f"{part} ms": value for part, value in ms.items()},
        ),
        at_most("platform: idle", idle.counted_s / idle.seconds, "CPU-s/s", IDLE_BAR_CPU_S, tools=calm),
    ]  # fmt: skip


@contextmanager
def running(prepared: Prepared) -> Iterator[Deployment]:
    """The environment of a plan, until the block ends."""
    driver = drivers.of(prepared.definition.kind)
    root = driver.place(prepared.definition)
    # As a run of this plan would start it: with Toxiproxy on no link.
    definition = driver.narrow(prepared.definition, catalogue.links_of(prepared.plan.faults), ())
    try:
        yield driver.up(definition, root, lambda line: print(line, file=sys.stderr), catalogue.kill_etcd(prepared.plan.faults))
    finally:
        driver.down(root, None)


def _idle(deployment: Deployment, seconds: float) -> Window:
    before = look(deployment)
    began = time.monotonic()
    time.sleep(seconds)
    return Window(time.monotonic() - began, between(before, look(deployment)), {})


def _loaded(deployment: Deployment, runs: Path) -> Window:
    """Run the trial with the command, and measure at both ends of its calm phase."""
    with trial_of(PLAN, deployment, runs) as trial:
        calm = next(phase for phase in history.load_manifest(trial.run).phases if phase.role == "calm")
        sleep_until(calm.started_ns + int(EDGE_S * 1e9))
        before, began_ns = look(deployment, trial.run.name, trial.process.pid), time.monotonic_ns()
        sleep_until(calm.ended_ns - int(EDGE_S * 1e9))
        after, ended_ns = look(deployment, trial.run.name, trial.process.pid), time.monotonic_ns()
        trial.finish()
        return Window((ended_ns - began_ns) / 1e9, between(before, after), _requests(trial.run, began_ns, ended_ns))


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that was started with the command, and whose load has begun."""

    process: subprocess.Popen[bytes]
    run: Path
    """Its directory."""
    output: IO[bytes]

    def finish(self) -> None:
        """Wait for its end. Raises :class:`RuntimeError` where it left no operations."""
        self.process.wait(WAIT_S)
        if not (self.run / history.OPERATIONS_FILE).exists():
            self.output.seek(0)
            raise RuntimeError(f"the trial left no operations:\n{self.output.read().decode(errors='replace')[-2000:]}")


@contextmanager
def trial_of(plan: Path, deployment: Deployment, runs: Path, options: Sequence[str] = ()) -> Iterator[Trial]:
    """A trial of this plan in this environment, once its load has begun; it is ended with the block."""
    command = [sys.executable, "-m", "closeshave", "run", str(plan), "--attach", deployment.root, "--runs", str(runs), *options]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "150"})
        try:
            yield Trial(process, _started(runs, lambda: process.poll() is None), output)
        finally:
            process.terminate()
            process.wait()


def _started(runs: Path, lives: Callable[[], bool]) -> Path:
    """The run's directory, once its load has begun."""

    def begun() -> list[Path]:
        return [run for run in runs.glob("*") if (run / history.MANIFEST).exists() and history.load_manifest(run).phases]

    if not poll_until(lambda: bool(begun()) or not lives(), WAIT_S) or not begun():
        raise RuntimeError("the trial's load did not begin")
    return begun()[0]


def sleep_until(at_ns: int) -> None:
    """An instant of the machine's monotonic clock."""
    time.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))


def _requests(run: Path, began_ns: int, ended_ns: int) -> Mapping[str, int]:
    rows = pd.read_parquet(run / history.OPERATIONS_FILE, columns=["kind", "started_ns"])
    within = rows[(rows["started_ns"] >= began_ns) & (rows["started_ns"] < ended_ns)]
    return {str(name): int(count) for name, count in within["kind"].value_counts().items()}


def _table(idle: Window, loaded: Window) -> str:
    """A table with one line for each part."""
    lines = [f"{'part':22} {'ms a request':>13} {'% of a core':>12} {'idle, % of a core':>18}"]
    order = sorted({*idle.parts_s, *loaded.parts_s}, key=lambda part: -loaded.parts_s.get(part, 0.0))

    def line(name: str, loaded_s: float, idle_s: float) -> str:
        shares = 1000 * loaded_s / loaded.total, 100 * loaded_s / loaded.seconds, 100 * idle_s / idle.seconds
        return f"{name:22} {shares[0]:13.3f} {shares[1]:12.1f} {shares[2]:18.1f}"

    lines += [line(part, loaded.spent_s.get(part, 0.0), idle.spent_s.get(part, 0.0)) for part in order]
    lines.append(line("all but the generator", loaded.counted_s, idle.counted_s))
    lines.append(line("(other programs)", loaded.others_s, idle.others_s))
    most = sorted(loaded.requests.items(), key=lambda item: -item[1])
    lines.append(f"{loaded.total} requests in {loaded.seconds:.1f} s: {', '.join(f'{name} {count}' for name, count in most)}")
    return "\n".join(lines)
