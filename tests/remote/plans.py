"""Plans and environment files for whole trials against the plain platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.remote.definitions import document, write
from tests.yamls import written
from truth.plain.running import Plain

FAULTS = {
    "database": {"id": "database", "kind": "shard.primary-killed", "scope": {"shard": 1}},
    "process": {"id": "process", "kind": "region.lost", "scope": {"region": "us-east-1"}},
}


def hooks(plain: Plain) -> list[dict[str, Any]]:
    """The operator's own, through the plain platform's control port; what is observed is what customers see, where they see anything."""
    ready, state, mend = f"{plain.url}/health/ready", f"{plain.control}/state", {"http": f"{plain.control}/mend"}
    return [
        {
            **{key: FAULTS["database"][key] for key in ("kind", "scope")},
            "inject": {"http": f"{plain.control}/break/database"},
            "observe": {"http": ready, "method": "GET", "expect": '"not_ready"'},
            "undo": mend,
            "heal_check": {"http": ready, "method": "GET", "expect": '"ready"'},
        },
        {
            **{key: FAULTS["process"][key] for key in ("kind", "scope")},
            "inject": {"http": f"{plain.control}/break/process"},
            "observe": {"http": state, "method": "GET", "expect": '"process"'},
            "undo": mend,
            "heal_check": {"http": f"{plain.url}/health", "method": "GET", "expect": "healthy"},
        },
    ]


def environment(directory: Path, plain: Plain, **changes: Any) -> Path:
    """A file for the plain platform: no franchises, no payments, a readiness that is read from its body."""
    able = {"franchises": False, "keyed_bookings": False, "ready_by": "body", "steps_off": ["pay_intent", "pay_confirm"]}
    # Room for what arrives by chance above the mean, as the guard asks.
    caps = {"requests_per_s": 100, "requests": 20000, "duration": "10m", "regions_at_once": 1, "shards_at_once": 1}
    whole = document(plain.url, capabilities=able, hooks=hooks(plain), accounts={"register": 8}, caps=caps) | changes
    return write(directory / "plain-staging.yaml", whole)


def plan(directory: Path, *faults: str, calm_s: int = 15, name: str = "elsewhere", **changes: Any) -> Path:
    """Calm, and a phase of its own for each of the faults."""
    phases: list[dict[str, Any]] = [
        {"name": "warm-up", "role": "warm-up", "duration": "3s", "sessions_per_s": 3},
        {"name": "calm", "role": "calm", "duration": f"{calm_s}s", "sessions_per_s": 3},
    ]
    phases += [{"name": f"{fault}-broken", "role": "fault", "duration": "22s", "sessions_per_s": 3} for fault in faults]
    broken = [{**FAULTS[fault], "phase": f"{fault}-broken", "at": "3s", "hold": "6s", "expected": "recovers"} for fault in faults]
    whole = {
        "name": name,
        "environment": str(directory / "plain-staging.yaml"),
        "target": "bookedbarber-smoke",
        "seed": 7,
        "limits": {"duration": "5m", "requests": 15000},
        "traffic": {"think_time_scale": 0.2, "contests_per_s": 0.5},
        "canaries": {"home_per_s": 4, "away_per_s": 0, "hold": "2s"},
        "phases": phases,
        "faults": broken,
    } | changes
    return written(directory / f"{name}.yaml", whole)


def hooks_of_shipped_plans(plain: Plain) -> list[dict[str, Any]]:
    """What smoke and nightly break, as a platform that fails over by itself would: broken for some seconds, then well again."""
    told = [
        ("shard.primary-killed", {"shard": 1}, 4),
        ("cache.primary-killed", {"tier": "cache"}, 2),
        ("cache.tier-lost", {"tier": "cache"}, 1),
    ]
    told.append(("region.lost", {"region": "us-west-2"}, 20))
    return [
        {
            "kind": kind,
            "scope": scope,
            "inject": {"http": f"{plain.control}/break/database?for={lasts_s}"},
            "observe": {"http": f"{plain.url}/health/ready", "method": "GET", "expect": '"not_ready"'},
            "undo": {"http": f"{plain.control}/mend"},
            "heal_check": {"http": f"{plain.url}/health/ready", "method": "GET", "expect": '"ready"'},
            "lasting": False,
        }
        for kind, scope, lasts_s in told
    ]
