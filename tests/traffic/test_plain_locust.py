"""The shipped scenario without the harness: plain Locust, headless and with its web UI, on the load engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from closeshave.control.processes import poll_until
from closeshave.traffic import ports
from tests.traffic import loads
from tests.traffic.tinyplatform import TinyPlatform


@pytest.fixture
def platform() -> Iterator[TinyPlatform]:
    """A booking server that counts for itself."""
    with TinyPlatform().serving() as serving:
        yield serving


@pytest.mark.servers
def test_the_scenario_runs_under_plain_locust(platform: TinyPlatform, tmp_path: Path) -> None:
    """Without the harness: Locust's own users, its closed model, its statistics."""
    command = [
        sys.executable, "-m", "locust", "-f", str(loads.SCENARIOS / "booking.py"), "--host", platform.url, "--headless", "--only-summary",
        "--users", "20", "--spawn-rate", "50", "--run-time", "6s", "--stop-timeout", "1", "--json",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, timeout=60, check=False, env=os.environ | {"PYTHONPATH": str(loads.ROOT)}
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows.pop("register")["num_requests"] >= 20
    assert sum(row["num_requests"] for row in rows.values()) > 0
    assert not any(row["num_failures"] for row in rows.values())


@pytest.mark.servers
def test_the_web_ui_shows_what_the_server_saw(platform: TinyPlatform, tmp_path: Path) -> None:
    """Started, stopped and started again from the browser; the counts of each test begin at zero."""
    port = ports.free()
    command = [
        sys.executable, "-m", "locust", "-f", str(loads.SCENARIOS / "booking.py"), "--host", platform.url,
        "--web-host", ports.LOOPBACK, "--web-port", str(port),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(loads.ROOT)}, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://{ports.LOOPBACK}:{port}", timeout=10) as browser:
            assert poll_until(lambda: _answers(browser), 30)
            for _ in range(2):
                before = sum(platform.requests.values())
                browser.post("/swarm", data={"user_count": "10", "spawn_rate": "10", "host": platform.url})
                assert poll_until(lambda before=before: sum(platform.requests.values()) > before + 20, 30)  # type: ignore[misc]
                browser.post("/stop")
                seen = sum(platform.requests.values()) - before
                assert poll_until(lambda seen=seen: _total(browser) == ("stopped", seen, 0), 10)  # type: ignore[misc]
    finally:
        process.terminate()
        assert process.wait(20) == 0


def _answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/").is_success
    except httpx.HTTPError:
        return False


def _total(browser: httpx.Client) -> tuple[str, int, int]:
    told: dict[str, Any] = browser.get("/stats/requests").json()
    total = told["stats"][-1]
    return told["state"], total["num_requests"], total["num_failures"]
