"""What the live view costs a trial: how late requests are sent with ten open pages and with none, and the processor time of the page's server.

Both are measured in one trial: its calm phase is cut into stretches, half of them with pages, in the order off, on, on, off. A *page* here asks as the
script of the real one does, for the next picture as soon as it has one. It draws nothing: a browser usually runs on the machine of whoever looks.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import psutil

from benchmarks.effort import Effort
from benchmarks.measures import platform
from benchmarks.result import Result, at_most
from closeshave import history
from closeshave.control.processes import poll_until
from closeshave.live import access
from closeshave.live.access import Access
from closeshave.loadgen.records import FLUSH_INTERVAL_S
from closeshave.trial.preparation import prepare

PLAN = Path(__file__).parents[1] / "plans" / "live_page.yaml"
PAGES = 10
STRETCH_S, SETTLE_S = 15.0, 2.0
"""Of each stretch, the first seconds are not counted."""
ORDER = (False, True, True, False)
QUARTERS, QUARTERS_QUICK = 4, 1
"""How often the order is repeated."""
CPU_BAR = 0.05
"""Of one core, with ten pages."""
AGE_BAR_S = 1.0
ANSWER_S = 30.0
"""Longest wait for an answer; the server holds a request for half of it at most."""


@dataclass(slots=True)
class Page:
    """One open page: what a page of the live view asks for, again and again, until it is closed."""

    access: Access
    ages_s: list[float] = field(default_factory=list)
    """How old each picture was when the next one replaced it."""
    failed: str = ""
    """Why it could not go on."""

    def look(self, closed: threading.Event) -> None:
        """Ask until the page is closed."""
        token = self.access.tokens[access.WATCHER]
        asking = http.client.HTTPConnection("127.0.0.1", self.access.port, timeout=ANSWER_S)
        version, at_ns, width_s, begins = 0, 0, 0, 0
        try:
            while not closed.is_set():
                asking.request(
                    "GET", f"/live?after={version}&span=whole&width={width_s}&from={begins}", headers={"authorization": f"Bearer {token}"}
                )
                answer = asking.getresponse()
                body = answer.read()
                if answer.status != 200:
                    self.failed = f"status {answer.status}: {body[:200]!r}"
                    return
                told = json.loads(body)
                if at_ns:
                    self.ages_s.append((time.monotonic_ns() - at_ns) / 1e9)
                version, at_ns = told["picture"]["version"], told["picture"]["at_ns"]
                if series := told["series"]:
                    width_s, begins = series["width_s"], max(0, series["first"] + len(series["offered"]) - 3)
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            self.failed = repr(error)
        finally:
            asking.close()


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch: its counted part, on the machine's monotonic clock, and the processor time of the page's server in it."""

    pages: bool
    began_ns: int
    ended_ns: int
    server_cpu_s: float

    @property
    def server_share(self) -> float:
        """Of one core."""
        return self.server_cpu_s * 1e9 / (self.ended_ns - self.began_ns)


def run(effort: Effort) -> list[Result]:
    """One trial; the ratio is of medians over stretches."""
    quarters = QUARTERS if effort.repeats > 1 else QUARTERS_QUICK
    with tempfile.TemporaryDirectory(prefix="closeshave-bench-") as directory, ExitStack() as held:
        deployment = held.enter_context(platform.running(prepare(str(PLAN))))
        started = held.enter_context(platform.trial_of(PLAN, deployment, Path(directory) / "runs", ("--live",)))
        stretches, ages_s = _stretches(started.run, ORDER * quarters)
        started.finish()
        late_ms = [_lateness_ms_p99(started.run, one) for one in stretches]
    on, off = ([late for late, one in zip(late_ms, stretches, strict=True) if one.pages is wanted] for wanted in (True, False))
    cpu = [one.server_share for one in stretches if one.pages]
    return [
        # Noise is how far the worst stretch without pages is from their median.
        at_most("live view: send lateness p99, ten pages against none", median(on) / median(off), "times", max(off) / median(off),
                tools={"ten pages, ms": median(on), "none, ms": median(off), "worst with none, ms": max(off)}),
        at_most("live view: its server with ten pages", max(cpu), "of a core", CPU_BAR,
                tools={"median": median(cpu), "without a page": median(one.server_share for one in stretches if not one.pages)}),
        at_most("live view: age of what is shown, p99", float(np.percentile(ages_s, 99)) + FLUSH_INTERVAL_S, "s", AGE_BAR_S,
                tools={"age of a picture, median": median(ages_s), "age of a picture, largest": max(ages_s), "records are written every": FLUSH_INTERVAL_S,
                       "pictures": len(ages_s)}),
    ]  # fmt: skip


def _stretches(run: Path, order: Sequence[bool]) -> tuple[list[Stretch], list[float]]:
    """The stretches, from the begin of the calm phase on, and the ages of all pictures."""
    begins_ns = next(phase.started_ns for phase in history.load_manifest(run).phases if phase.role == "calm")
    allowed, server = access.kept(run), _server(run)
    if allowed is None:
        raise RuntimeError("the live view has no access file")
    found, ages_s = [], []
    for number, pages in enumerate(order):
        starts_ns = begins_ns + round(number * STRETCH_S * 1e9)
        with _opened(allowed, PAGES if pages else 0) as opened:
            platform.sleep_until(starts_ns + round(SETTLE_S * 1e9))
            before_s, began_ns = _cpu_s(server), time.monotonic_ns()
            platform.sleep_until(starts_ns + round(STRETCH_S * 1e9))
            found.append(Stretch(pages, began_ns, time.monotonic_ns(), _cpu_s(server) - before_s))
        for page in opened:
            if page.failed or not page.ages_s:
                raise RuntimeError(f"a page could not be kept open: {page.failed or 'no picture came'}")
            ages_s += page.ages_s
    return found, ages_s


@contextmanager
def _opened(allowed: Access, count: int) -> Iterator[list[Page]]:
    closed = threading.Event()
    pages = [Page(allowed) for _ in range(count)]
    threads = [threading.Thread(target=page.look, args=(closed,), daemon=True) for page in pages]
    for thread in threads:
        thread.start()
    try:
        yield pages
    finally:
        closed.set()
        for thread in threads:
            thread.join(ANSWER_S)


def _server(run: Path) -> psutil.Process:
    """The process that serves the page of this run."""
    found: list[psutil.Process] = []

    def serves() -> bool:
        found[:] = [one for one in psutil.process_iter(["cmdline"]) if {"closeshave.live", str(run)} <= set(one.info["cmdline"] or ())]
        return bool(found)

    if not poll_until(serves, platform.WAIT_S):
        raise RuntimeError("the live view is not served")
    return found[0]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _lateness_ms_p99(run: Path, stretch: Stretch) -> float:
    rows = pd.read_parquet(run / history.OPERATIONS_FILE, columns=["intended_ns", "started_ns"])
    within = rows[(rows["intended_ns"] >= stretch.began_ns) & (rows["intended_ns"] < stretch.ended_ns)]
    return float(np.percentile((within["started_ns"] - within["intended_ns"]).to_numpy(), 99)) / 1e6
