"""The environment file that the operator of a plain platform writes before its first request: its address, limits and hooks.

It holds only what the operator alone can know. The doctor must find its capabilities, its zone and which barbers accept bookings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from truth.plain.habits import RAISED, Limit
from truth.plain.running import Plain

OUTAGE_S = 4
"""Seconds for which its database is down after the primary is killed; then it recovers by itself."""
UNSTATED = frozenset({"register", "guest"})
"""Limits that no customer of a plan reaches."""


def write(path: Path, platform: Plain) -> Path:
    """Write the file as YAML; the environment has the file's name."""
    with path.open("w") as file:
        YAML(typ="safe").dump(beginning(platform, path.stem), file)
    return path


def beginning(platform: Plain, name: str) -> dict[str, Any]:
    """The contents of the file."""
    return {
        "kind": "remote",
        "name": name,
        "stage": "staging",
        "regions": {"us-east-1": platform.url},
        "fingerprint": {"path": "/health/", "expect": {"service": "plain-barbers", "environment": "staging"}},
        "caps": {"requests_per_s": 60, "requests": 20_000, "duration": "10m", "shards_at_once": 1},
        "accounts": {"register": 12},
        "capabilities": {"limits": {what: _stated(limit) for what, limit in RAISED.items() if what not in UNSTATED}},
        "hooks": [
            {
                "kind": "shard.primary-killed",
                "scope": {"shard": 1},
                "inject": {"http": f"{platform.control}/break/database?for={OUTAGE_S}"},
                "observe": {"http": f"{platform.url}/health/ready", "method": "GET", "expect": '"not_ready"'},
                "undo": {"http": f"{platform.control}/mend"},
                # Not the readiness: a part of it says "ready" while the whole does not. This route answers 500 without the database.
                "heal_check": {"http": f"{platform.url}/api/v2/public/services/", "method": "GET"},
                "lasting": False,
            }
        ],
    }


def _stated(limit: Limit) -> str:
    count, window_s, _ = limit
    return f"{count} per {window_s:g}s"
