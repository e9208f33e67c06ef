"""Builders of loads for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from closeshave.plan import Canaries, Role, Traffic
from closeshave.topology import Shard, Topology
from closeshave.traffic import accounts
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.load import Load, LoadPhase

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"

FOUR = Topology(
    regions=("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"),
    shards=(
        Shard(1, 1, 25_000, "us-east-1", "us-west-2"),
        Shard(2, 25_001, 50_000, "us-west-2", "ap-southeast-1"),
        Shard(3, 50_001, 75_000, "eu-west-1", "eu-west-1"),
        Shard(4, 75_001, 100_000, "ap-southeast-1", "us-east-1"),
    ),
    resident=("eu-west-1",),
)
"""The regions and shards of the default target."""


def phases(*pairs: tuple[float, float]) -> tuple[LoadPhase, ...]:
    """Phases of ``(seconds, sessions per second)``, one after the other."""
    found, starts_s = [], 0.0
    for index, (duration_s, rate) in enumerate(pairs):
        found.append(LoadPhase(f"phase{index}", Role.CALM, starts_s, duration_s, rate))
        starts_s += duration_s
    return tuple(found)


def load(
    run: Path,
    *pairs: tuple[float, float],
    edges: Mapping[str, str] | None = None,
    traffic: Traffic | None = None,
    canaries: Canaries | None = None,
    requests: int = 10**9,
    seed: int = 7,
) -> Load:
    """A load over the default target's regions."""
    return Load(
        run=str(run),
        run_id="20261121-test",
        seed=seed,
        phases=phases(*pairs),
        traffic=traffic or Traffic(),
        canaries=canaries or Canaries(),
        topology=FOUR,
        edges=edges or dict.fromkeys(FOUR.regions, "http://127.0.0.1:1"),
        tokens=str(run / "accounts.json"),
        requests=requests,
    )


def log_everybody_in(run: Path, count: int = 5) -> None:
    """Accounts as the log-in would have left them."""
    accounts.save(
        run / "accounts.json",
        [
            LoggedIn(f"{region}-{index}@example.com", "pw", region, f"token {region}-{index}@example.com", "r", "c", "7")
            for region in FOUR.regions
            for index in range(count)
        ],
    )
