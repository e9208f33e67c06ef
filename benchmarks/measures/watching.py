"""Whoever watches a running load: the CPU time that the trial's process takes to read what was recorded, for its checks and its live display, and for
the metrics of ``--metrics-port`` or ``--otlp``.

No sender waits for these readers. What they take is missing to the platform on the same machine.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.effort import Effort
from benchmarks.result import Result, at_most
from closeshave.history import Effect, Source
from closeshave.loadgen.growing import Spool
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import DTYPE
from closeshave.telemetry.totals import Totals
from closeshave.traffic.live import Live
from closeshave.traffic.runfiles import RECORDS
from closeshave.trial import board, ratecap
from closeshave.trial.board import State
from closeshave.trial.figures import Gauge
from closeshave.trial.slots import ACTIONS

RATES_PER_S = (200, 5_000)
"""As the smoke plan offers on a small machine, and as much as one machine of a platform answers."""
BAR = 0.02
"""Of one core, at the rate of the smoke plan."""
PICTURES_PER_S = 2
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
OPERATIONS = ("slots", "barbers", "services", "franchise", "profile", "login", "read_booking", "book")
ONE_BOOKS = 30
"""One request of so many makes a booking, and has an effect."""


def run(effort: Effort) -> list[Result]:
    """Share of one core, at each rate; a second of load is looked at once."""
    return [one for rate_per_s in RATES_PER_S for one in _watched(rate_per_s, round(effort.open_s))]


def _watched(rate_per_s: int, seconds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as place:
        run = Path(place)
        records = Records(run / RECORDS, Source.CUSTOMERS, "customers-0", 0)
        live, gauge, spool, totals = Live(run), Gauge(0.0, REGIONS), Spool(run / RECORDS), Totals()
        console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
        spent_s = {"checks and figures": 0.0, "display": 0.0, "metrics": 0.0}
        for second in range(1, seconds + 1):
            _record(records, rate_per_s, second)

            def look(at_s: int = second) -> None:
                live.tallies()
                live.effects(ACTIONS)
                reading = gauge.look(float(at_s), ratecap.offered(run), live.answers())
                state = State(float(at_s), float(seconds), "calm", reading, (), 0.001, 0.05)
                spent_s["display"] += _cpu_s(lambda: console.print(*[board.table(state, 24)] * PICTURES_PER_S))

            spent_s["checks and figures"] += _cpu_s(look)
            spent_s["metrics"] += _cpu_s(lambda: _add(totals, spool))
        records.close()
    spent_s["checks and figures"] -= spent_s["display"]
    shares = {name: spent / seconds for name, spent in spent_s.items()}
    bar = BAR if rate_per_s == min(RATES_PER_S) else 10 * BAR
    return [at_most(f"watching {rate_per_s:,} requests/s", sum(shares.values()), "of a core", bar, tools=shares)]


def _add(totals: Totals, spool: Spool) -> None:
    for worker in spool.workers():
        totals.add(worker)


def _cpu_s(act: Callable[[], object]) -> float:
    before = time.thread_time()
    act()
    return time.thread_time() - before


def _record(records: Records, count: int, second: int) -> None:
    """One second of requests, as a worker would have written them."""
    rng = np.random.default_rng(second)
    regions, kinds = ([records.texts.code(name) for name in names] for names in (REGIONS, OPERATIONS))
    rows = np.zeros(count, DTYPE)
    rows["intended_ns"] = second * 10**9 + np.arange(count) * (10**9 // count)
    rows["started_ns"] = rows["intended_ns"] + rng.integers(0, 200_000, count)
    rows["ended_ns"] = rows["started_ns"] + rng.lognormal(15.0, 1.0, count).astype(np.int64)
    rows["region"], rows["kind"] = rng.choice(regions, count), rng.choice(kinds, count)
    rows["shard"], rows["status"], rows["good"], rows["attempt"] = rows["region"] % 4 + 1, 200, rng.random(count) < 0.999, 1
    for number in range(0, count, ONE_BOOKS):
        records.add_effect(Effect(records.next_id + number, "create", number, number % 4 + 1, booking=second * 10**6 + number))
    records.add(rows.tobytes())
    records.counters.sent += count
    records.counters.intended += count
    records.flush()
