"""The open model: is the schedule kept at 40,000/s, and do the percentiles show a server's stall correctly?"""

from __future__ import annotations

import json
import statistics
import threading
import time
from pathlib import Path

from benchmarks import programs
from benchmarks.effort import Effort
from benchmarks.generators import environ, run_locust
from benchmarks.measures.recorded import Recorded
from benchmarks.result import Result, at_least, at_most
from benchmarks.target import GENERATOR_CORE, Target

RATE_PER_S = 40_000
STALL_RATE_PER_S, STALL_RUN_S, STALL_S, STALL_AT_S = 500, 20, 2.0, 9.0


def schedule(target: Target, effort: Effort) -> list[Result]:
    """Measured several times, because one pause of the machine decides a p99."""
    runs = [_on_schedule(target, effort, number) for number in range(effort.repeats)]
    lateness_ms = {f"run {number}, ms": recorded.lateness_ms_p99 for number, (recorded, _) in enumerate(runs, start=1)}
    due = int(RATE_PER_S * effort.open_s)
    worst, seen = min(runs, key=lambda run: min(run[0].count, run[1]))
    tools = {"due": due, "recorded": worst.count, "good": worst.good, "seen by the server": seen}
    late_ms = statistics.median(lateness_ms.values())
    return [
        at_least("open 40,000/s: share of arrivals sent", min(worst.count, seen) / due, "of all", 1.0, tools=tools),
        at_most("open 40,000/s: send lateness p99", late_ms, "ms", 1.0, tools=tools | lateness_ms),
    ]


def _on_schedule(target: Target, effort: Effort, number: int) -> tuple[Recorded, int]:
    """The recorded figures, and how many requests the server saw."""
    before = target.requests()
    records = target.root / f"open-records-{number}"
    variables = environ(rate=RATE_PER_S, seconds=effort.open_s)
    run_locust("open_model", target.url, target.root / "open.log", variables, "-u", "1", "--records", str(records))
    seen = target.requests() - before - 1
    return Recorded.read(records), seen


def omission(target: Target, _effort: Effort) -> list[Result]:
    """The stall of a server, in the percentiles."""
    records = target.root / "stall-records"
    variables = environ(rate=STALL_RATE_PER_S, seconds=STALL_RUN_S)
    stall = _Stall(target)
    run_locust("open_model", target.url, target.root / "stall.log", variables, "-u", "1", "--records", str(records))
    recorded = Recorded.read(records)
    ours = stall.lasted_s()
    k6_ms = _k6(target)
    # By hand: of N arrivals at equal gaps, those within the stall wait for its end, so the k-th slowest waits the stall less k gaps.
    true_ms = {q: (ours - (1 - q) * STALL_RUN_S) * 1000 for q in (0.99, 0.999)}
    results = []
    for quantile, name in ((0.99, "p99"), (0.999, "p99.9")):
        off = abs(recorded.response_ms[quantile] / true_ms[quantile] - 1)
        tools = {"true ms": true_ms[quantile], "engine ms": recorded.response_ms[quantile], "k6 ms": k6_ms[quantile], "stall s": ours}
        results.append(at_most(f"2 s stall at 500/s: {name} off the true value", off, "of it", 0.03, tools=tools))
    return results


class _Stall:
    """Stalls the server once, some time after the load has begun."""

    def __init__(self, target: Target) -> None:
        self._target, self._lasted_s = target, 0.0
        self._thread = threading.Thread(target=self._wait_and_stall)
        self._thread.start()

    def lasted_s(self) -> float:
        """How long the stall was."""
        self._thread.join()
        return self._lasted_s

    def _wait_and_stall(self) -> None:
        before, asked = self._target.requests(), 1
        while self._target.requests() - before - asked < 20:
            asked += 1
            time.sleep(0.05)
        time.sleep(STALL_AT_S)
        self._lasted_s = self._target.stall(STALL_S)


def _k6(target: Target) -> dict[float, float]:
    summary = target.root / "k6-summary.json"
    script = Path(__file__).parent.parent / "k6" / "open_model.js"
    flags = ["--no-thresholds", "--no-usage-report", "--quiet", "--summary-export", str(summary)]
    stall = _Stall(target)
    variables = environ(url=target.url, rate=STALL_RATE_PER_S, seconds=STALL_RUN_S)
    programs.start(GENERATOR_CORE, [programs.k6(), "run", *flags, str(script)], variables, target.root / "k6.log").wait()
    stall.lasted_s()
    told = json.loads(summary.read_text())["metrics"]["http_req_duration"]
    return {0.99: told["p(99)"], 0.999: told["p(99.9)"]}
