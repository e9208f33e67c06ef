"""Starts and stops the salon as a process of its own, and writes the files with which it is tested: an environment and a plan, no Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

PROFILE = Path(__file__).parents[2] / "docs" / "examples" / "salon-api.yaml"


@contextmanager
def salon(*options: str) -> Iterator[str]:
    """Its URL while the block lasts."""
    command = [sys.executable, str(Path(__file__).with_name("server.py")), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def environment(directory: Path, url: str, **changes: Any) -> Path:
    """The file of the salon."""
    whole = {
        "kind": "remote",
        "name": "salon-test",
        "stage": "staging",
        "regions": {"here": url},
        "api": str(PROFILE),
        "fingerprint": {"path": "/status", "expect": {"app": "salon", "stage": "test"}},
        "caps": {"requests_per_s": 200, "requests": 20_000, "duration": "10m", "regions_at_once": 0, "shards_at_once": 0},
        "accounts": {"register": 8},
    }
    return _written(directory / "salon-test.yaml", whole | changes)


def plan(directory: Path, *, calm_s: int = 20, **changes: Any) -> Path:
    """Calm, with contests: what the shipped scenario does."""
    whole = {
        "name": "salon",
        "environment": str(directory / "salon-test.yaml"),
        "target": "bookedbarber-smoke",
        "seed": 7,
        "limits": {"duration": "5m", "requests": 15_000},
        "traffic": {"think_time_scale": 0.2, "contests_per_s": 0.5},
        "canaries": {"home_per_s": 4, "away_per_s": 0, "hold": "2s"},
        "phases": [
            {"name": "warm-up", "role": "warm-up", "duration": "3s", "sessions_per_s": 3},
            {"name": "calm", "role": "calm", "duration": f"{calm_s}s", "sessions_per_s": 4},
        ],
        "faults": [],
    }
    return _written(directory / "salon.yaml", whole | changes)


def _written(path: Path, whole: dict[str, Any]) -> Path:
    with path.open("w") as file:
        YAML(typ="safe").dump(whole, file)
    return path
