"""How long the page of the live view takes to show a day of 20 million requests: from opening it in a headless Chromium to its last chart.

No load runs: the records of the day are written as a sender writes them, and the page's own process reads and counts them first. A reload is what is
measured, several times, each in a browser's profile of its own.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.effort import Effort
from benchmarks.result import Result, at_most
from closeshave import history, private
from closeshave.clock import Anchor, now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Payments
from closeshave.history import Manifest, Source
from closeshave.live import settings
from closeshave.live.launching import LiveView
from closeshave.loadgen.rows import DTYPE, HEADER, MAGIC, METHOD_CODES
from closeshave.plan import read_plan
from closeshave.topology import Shard, Topology
from closeshave.traffic.runfiles import RECORDS
from closeshave.trial import schedule, standing
from closeshave.trial.standing import LoadStanding
from closeshave.vocabulary import LOGS, PLAN, TARGET

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parents[1]
TARGET_FILE = HERE.parent / "environments" / "targets" / "bookedbarber-smoke.yaml"
DAY_S, REQUESTS, REQUESTS_QUICK = 86_400, 20_000_000, 2_000_000
BAR_S = 2.0
READ_WITHIN_S, SHOWN_WITHIN_S = 400.0, 60.0
OPENED = 5
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
SHARDS = tuple(Shard(number, 1000 * number, 1000 * number + 999, REGIONS[number % 3], REGIONS[(number + 1) % 3]) for number in range(1, 9))
LAST = "#chart-compared-bad canvas"
"""What is drawn last."""


def run(effort: Effort) -> list[Result]:
    """The longest of several times from opening the page to its last chart."""
    requests = REQUESTS if effort.repeats > 1 else REQUESTS_QUICK
    with tempfile.TemporaryDirectory(prefix="closeshave-bench-") as directory, _chromium() as browser:
        place = Path(directory) / "20261201-000000-live-day"
        _write_day(place, requests)
        view = LiveView(settings.read("127.0.0.1", 0, None, None))
        try:
            begun = time.monotonic()
            (link,) = view.begin(place).values()
            shown_s = [_opened(browser, link) for _ in range(OPENED + 1)]
            read_s = time.monotonic() - begun
        finally:
            if view.process is not None:
                view.process.kill()
                view.process.wait()
            private.forget(place)
    # The first one waits until the server has read the day.
    first_s, *times_s = shown_s
    return [
        at_most(f"live view: a day of {requests / 1e6:g} million requests, opened to its last chart", max(times_s), "s", BAR_S,
                tools={"median": median(times_s), "the first, which waits until the day is read": first_s, "all": read_s})
    ]  # fmt: skip


def _opened(browser: Browser, link: str) -> float:
    """Seconds from opening the page to its last chart, and not before the server has read everything."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(READ_WITHIN_S * 1000)
        begun = time.monotonic()
        page.goto(link)
        page.wait_for_selector(LAST)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        took_s = time.monotonic() - begun
        if not poll_until(lambda: "Reading" not in page.locator("#news").inner_text(), READ_WITHIN_S, 0.5):
            raise RuntimeError("the server has not read the day")
        return took_s
    finally:
        context.close()


@contextmanager
def _chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this measure needs a browser

    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("Chromium is not installed, so nobody can look at the page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()


def _write_day(place: Path, requests: int) -> None:
    """The directory of a run as its trial and one sender leave it after a day."""
    for folder in (RECORDS, LOGS):
        (place / folder).mkdir(parents=True)
    shutil.copy(HERE / "plans" / "live_day.yaml", place / PLAN)
    shutil.copy(TARGET_FILE, place / TARGET)
    topology, zero_ns = Topology(REGIONS, SHARDS), now_ns() - DAY_S * 1_000_000_000
    deployment = Deployment(
        id="made", name="made", kind="embedded", root=str(place), topology=topology, processes=(), members=(), stores=(), sentinels=(), links=(),
        edges=(), payments=Payments("none", "http://127.0.0.1:1", "none"), etcd_ports=(), database="d", user="u",
    )  # fmt: skip
    deployment.save(place, accounts=False)
    phases = schedule.phases(read_plan(place / PLAN), zero_ns)
    history.save_manifest(
        place,
        Manifest(
            place.name,
            "live-day",
            "embedded",
            "bookedbarber-smoke",
            1,
            "rehearsed",
            "0",
            "2026-12-01T00:00:00+00:00",
            Anchor.take(),
            topology,
            phases,
        ),
    )
    standing.save(place, LoadStanding(now_ns(), 0.02, 0.5, "", slots=True))
    texts = ("book", "slots", *REGIONS, "timeout")
    records = place / RECORDS / "customers-1.rows"
    records.with_suffix(".texts").write_text("".join(f"{text}\n" for text in texts))
    random = np.random.default_rng(1)
    with records.open("wb") as file:
        file.write(HEADER.pack(MAGIC, 1, DTYPE.itemsize, Source.CUSTOMERS.value.encode()))
        for hour in range(24):
            _hour(random, zero_ns + hour * 3_600_000_000_000, requests // 24, texts).tofile(file)


def _hour(random: np.random.Generator, begins_ns: int, count: int, texts: tuple[str, ...]) -> np.ndarray:
    rows = np.zeros(count, DTYPE)
    rows["ended_ns"] = begins_ns + np.sort(random.integers(0, 3_590_000_000_000, count))
    took_ns = (random.lognormal(2.5, 0.6, count) * 1e6).astype(np.int64)
    rows["intended_ns"] = rows["ended_ns"] - took_ns
    rows["started_ns"] = rows["intended_ns"] + 200_000
    rows["shard"] = random.integers(1, len(SHARDS) + 1, count)
    rows["region"] = 1 + texts.index(REGIONS[0]) + rows["shard"] % len(REGIONS)
    rows["kind"], rows["method"] = 1, METHOD_CODES["POST"]
    bad = random.random(count) < 0.002
    rows["good"], rows["error"] = ~bad, np.where(bad, len(texts), 0)
    return rows
