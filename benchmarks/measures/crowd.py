"""A million customers, and twenty thousand with a connection each: memory of the whole generator, lateness, and recorded identities."""

from __future__ import annotations

import shutil
import time

import psutil

from benchmarks import programs
from benchmarks.effort import Effort
from benchmarks.generators import environ, locust_command
from benchmarks.measures.recorded import Recorded
from benchmarks.result import Result, at_least, at_most
from benchmarks.target import GENERATOR_CORE, Target

CUSTOMERS, RATE_PER_S = 1_000_000, 10_000
CONNECTED, CONNECTED_RATE_PER_S, CONNECTED_S = 20_000, 2_000, 60.0
_GIB = 1 << 30
_SPLIT = ("--processes", "2")
"""Options for the crowd with a connection each: its connections may need more descriptors than one process may have."""


def run(target: Target, effort: Effort) -> list[Result]:
    """Both crowds."""
    million = _crowd(target, CUSTOMERS, RATE_PER_S, effort.crowd_s, own_connections=False)
    connected = _crowd(target, CONNECTED, CONNECTED_RATE_PER_S, min(CONNECTED_S, effort.crowd_s), own_connections=True)
    results = []
    for name, crowd in (("1,000,000 customers", million), ("20,000 customers, a connection each", connected)):
        recorded, peak_gib, tools = crowd
        results += [
            at_most(f"{name}: memory", peak_gib, "GiB", 2.0, tools=tools),
            at_most(f"{name}: send lateness p99", recorded.lateness_ms_p99, "ms", 5.0, tools=tools),
        ]
    results.append(at_least("1,000,000 customers: identities recorded", million[0].customers, "customers", 999_000, tools=million[2]))
    return results


def _crowd(
    target: Target, customers: int, rate_per_s: int, seconds: float, *, own_connections: bool
) -> tuple[Recorded, float, dict[str, float]]:
    records = target.root / f"crowd-records-{customers}"
    variables = environ(customers=customers, rate=rate_per_s, seconds=seconds, own_connections=int(own_connections))
    command = locust_command("crowd", target.url, "-u", "1", "--records", str(records), *(_SPLIT if own_connections else ()))
    process = programs.start(GENERATOR_CORE, command, variables, target.root / "crowd.log")
    peak = cpu_s = connections = 0.0
    started = time.monotonic()
    while process.poll() is None:
        try:
            generator = psutil.Process(process.pid)
            family = [generator, *generator.children()]
            peak = max(peak, sum(each.memory_info().rss for each in family))
            cpu_s = sum(sum(each.cpu_times()[:2]) for each in family)
            connections = max(connections, sum(each.num_fds() for each in family))
        except psutil.Error:
            # It ended between the two lines.
            break
        time.sleep(1.0)
    process.wait()
    lasted_s = time.monotonic() - started
    if process.returncode != 0:
        raise RuntimeError((target.root / "crowd.log").read_text()[-2000:])
    recorded = Recorded.read(records)
    shutil.rmtree(records)
    tools = {
        "requests": recorded.count, "good": recorded.good, "requests/s": recorded.count / seconds, "identities": recorded.customers,
        "descriptors": connections, "CPU": cpu_s / lasted_s,
    }  # fmt: skip
    return recorded, peak / _GIB, tools
