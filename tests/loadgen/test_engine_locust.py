"""Under Locust itself: plain tasks, its own processes, its own statistics; all of it agrees with the records and with the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
import pytest

from closeshave.loadgen.convert import convert
from closeshave.loadgen.rows import DTYPE, HEADER
from tests.loadgen.misbehaving import MisbehavingServer
from tests.tiers import thorough

LOCUSTFILE = """
from locust import constant, task
from closeshave.loadgen.rates import Constant, evenly
from closeshave.loadgen.users import CrowdUser, EngineUser, OpenUser

class Closed(EngineUser):
    wait_time = constant(0.05)

    @task(3)
    def look(self):
        self.client.get("/plain", name="look")

    @task
    def fail(self):
        self.client.get("/refused", name="fail")

class Open(OpenUser):
    rate = Constant(100.0)
    duration_s = 2.0

    @task
    def visit(self):
        self.client.get("/plain", name="first step")
        yield 0.1
        self.client.get("/plain", name="second step")

class Long(OpenUser):
    rate = Constant(100.0)
    duration_s = 6.0

    @classmethod
    def arrivals(cls):
        return evenly(cls.rate, cls.duration_s)

    @task
    def ask(self):
        self.client.get("/plain")

class Crowd(CrowdUser):
    customers = 300
    think_mean_s = 1.0
    duration_s = 3.0

    def step(self, customer, state):
        self.client.get("/plain", name=f"step {state}")
        return (state + 1) % 3
"""


def start(directory: Path, url: str, *options: str) -> subprocess.Popen[bytes]:
    """Run the file above."""
    (directory / "locustfile.py").write_text(LOCUSTFILE)
    command = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "--host", url, "--records", "records", "--json"]
    environ = os.environ | {"PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen([*command, *options], cwd=directory, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def locust(directory: Path, url: str, *options: str) -> dict[str, Any]:
    """Run the file above to its end; Locust's own statistics by name, with their total."""
    output, _ = start(directory, url, *options).communicate(timeout=120)
    # Each process prints a document; the workers' are empty.
    text, entries = output.decode(), []
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        entries += document
        text = text[end:]
    return {entry["name"]: entry for entry in entries}


def recorded(directory: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.void]], list[dict[str, int]]]:
    """All workers' rows, and what each says of itself."""
    files = sorted((directory / "records").glob("*.rows"))
    rows = np.concatenate([np.frombuffer(path.read_bytes(), DTYPE, offset=HEADER.size) for path in files])
    return rows, [orjson.loads(path.with_suffix(".counters.json").read_bytes()) for path in files]


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        *thorough((("-u", "4", "-r", "4", "-t", "8s", "Closed"), 1)),
        pytest.param(("-u", "1", "Open"), 1, marks=pytest.mark.servers),  # as below, only without a master
        (("-u", "1", "--processes", "2", "Open"), 2),
        pytest.param(("-u", "1", "--processes", "2", "Crowd"), 2, marks=pytest.mark.servers),  # ten seconds more
    ],
)
def test_statistics_records_and_server_agree(tmp_path: Path, server: MisbehavingServer, options: tuple[str, ...], workers: int) -> None:
    """Each arrival once for any number of workers; totals equal everywhere; times exact to the millisecond."""
    stats = locust(tmp_path, server.url, *options)
    rows, counters = recorded(tmp_path)
    assert len(counters) == workers
    assert all(each["finished"] for each in counters)
    assert sum(each["recorded"] for each in counters) == len(rows) == sum(entry["num_requests"] for entry in stats.values())
    assert sum(entry["num_failures"] for entry in stats.values()) == int((rows["good"] == 0).sum())
    response_ms = (rows["ended_ns"] - rows["intended_ns"]) / 1e6
    assert abs(sum(entry["total_response_time"] for entry in stats.values()) - response_ms.sum()) < 0.01
    assert max(entry["max_response_time"] for entry in stats.values()) == pytest.approx(response_ms.max())
    told_ms = sorted(int(ms) for entry in stats.values() for ms, count in entry["response_times"].items() for _ in range(count))
    assert told_ms == np.sort(np.rint(response_ms)).astype(int).tolist()
    stopped = int((rows["status"] == 0).sum())
    assert 0 <= len(rows) - sum(server.seen.values()) <= stopped
    if "Crowd" in options:
        assert len(np.unique(rows["customer"])) > 270, "nearly all of 300 customers act in three times their mean think time"
        assert 600 < len(rows) < 1200, "300 a second for three seconds"
        assert set(stats) == {"step 0", "step 1", "step 2"}
    if "Open" in options:
        assert sum(each["intended"] for each in counters) == 200
        assert {name: entry["num_requests"] for name, entry in stats.items()} == {"first step": 200, "second step": 200}


@pytest.mark.servers  # half a minute: Locust's master waits for a dead worker's heartbeats
def test_a_killed_worker_costs_its_last_second_and_is_named(tmp_path: Path, server: MisbehavingServer) -> None:
    """The other worker's share is complete; the dead one's records end less than a second before its death; the time after it is blind."""
    process = start(tmp_path, server.url, "-u", "1", "--processes", "2", "Long")
    victim = tmp_path / "records" / "worker-1.rows"
    deadline = time.monotonic() + 60
    while not (victim.exists() and victim.stat().st_size > 100 * 64):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    worker = next(child for child in psutil.Process(process.pid).children() if str(victim) in {file.path for file in child.open_files()})
    worker.kill()
    killed_ns = time.monotonic_ns()
    process.communicate(timeout=90)
    converted = convert(tmp_path / "records", tmp_path / "operations.parquet")
    assert not converted.reconciled
    (blind,) = converted.blind
    assert blind.worker == "worker-1"
    assert 0 <= killed_ns - blind.from_ns < 1_000_000_000
    assert next(one for one in converted.sent if one.worker == "worker-0").recorded == 300
