"""Which seconds are restored, and the plans by which they are: drawn from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

WARM_UP_S, CALM_S = 6, 30
EARLIEST_S, MARGIN_S = 4, 4
"""Seconds between a target and the start of the load before it, and the drill or the loss of the region after it: writes on both sides make it sharp."""
LIMIT_S, EVERY_S, FIRST_S = 26, 30, 6
"""Of the drills of a trial: their limit, from one to the next, and when in their phase the first one begins."""
LOST_AT_S, LOST_FIRST_S, HEAL_S = 3, 20, 60
"""When the region is lost, when the first drill begins, and what is left of the phase after the last one, for the region to come back."""
SESSIONS_PER_S = 14


class Home(StrEnum):
    """Where a shard is restored."""

    RUNS = "runs"
    """Beside the running shard."""
    LOST = "lost"
    """In the region of its backup server, while its home region is lost."""


SHARDS = (1, 2, 3, 4)
HOMES = {1: "us-east-1", 2: "us-west-2", 4: "ap-southeast-1"}
"""The home regions of the embedded environment that can be lost: the third shard's backups are in its home region, where its rows must stay."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second that is restored."""

    shard: int
    target_s: int
    """About so many seconds after the load began; the drill takes the whole second of the wall clock before it."""
    at_s: int
    """When in its phase the drill begins."""

    @property
    def back_s(self) -> int:
        """How long before the drill's begin the target is."""
        return WARM_UP_S + CALM_S + self.at_s - self.target_s


@dataclass(frozen=True, slots=True)
class SecondsTrial:
    """The seconds of one trial."""

    home: Home
    seed: int
    number: int
    """Of its kind, from 1 on."""
    seconds: tuple[Second, ...]

    @property
    def key(self) -> str:
        """Its name in the series: the same only for the same seconds."""
        return f"{self.home}-{self.seed}-{self.number}-of-{len(self.seconds)}"

    @property
    def region(self) -> str:
        """The region that is lost; empty if none is."""
        return HOMES[self.seconds[0].shard] if self.home is Home.LOST else ""


def trials(home: Home, count: int, each: int, seed: int) -> tuple[SecondsTrial, ...]:
    """So many seconds, at most ``each`` in a trial. Those of a trial are the same however many trials follow it."""
    sizes = [min(each, count - begun) for begun in range(0, count, each)]
    return tuple(_trial(home, seed, number, size) for number, size in enumerate(sizes, 1))


def _trial(home: Home, seed: int, number: int, count: int) -> SecondsTrial:
    rng = random.Random(f"{home} {seed} {number}")  # noqa: S311 - not a secret
    loaded_s = WARM_UP_S + CALM_S
    if home is Home.LOST:
        shard = rng.choice(sorted(HOMES))
        latest_s = loaded_s + LOST_AT_S - MARGIN_S
        drawn = [Second(shard, rng.randint(EARLIEST_S, latest_s), LOST_FIRST_S + place * EVERY_S) for place in range(count)]
    else:
        begins = [FIRST_S + place * EVERY_S for place in range(count)]
        drawn = [Second(rng.choice(SHARDS), rng.randint(EARLIEST_S, loaded_s + at_s - MARGIN_S), at_s) for at_s in begins]
    return SecondsTrial(home, seed, number, tuple(drawn))


def plan(trial: SecondsTrial) -> str:
    """The plan of a trial, as a file."""
    last_s = trial.seconds[-1].at_s + EVERY_S
    length_s = last_s + (HEAL_S if trial.region else 0)
    kind = "restore.other-region" if trial.region else "restore.point-in-time"
    lines = [
        f"name: seconds-{trial.home}-{trial.number}",
        f"description: Shards are restored to random seconds, drawn from seed {trial.seed}, while customers book.",
        "environment: embedded",
        "target: bookedbarber-enterprise",
        f"seed: {trial.seed + trial.number}",
        "rate: auto",
        "tests: [integrity]",
        f"limits: {{duration: {WARM_UP_S + CALM_S + length_s + 60}s, requests: 200000}}",
        "traffic: {think_time_scale: 0.3}",
        # A region that is away is no reason to give up: what is restored meanwhile is what is tried.
        "aborts: {budget: 1000, leakage: 100%, blind: 5m}",
        "phases:",
        f"  - {{name: warm-up, role: warm-up, duration: {WARM_UP_S}s, sessions_per_s: {SESSIONS_PER_S}}}",
        f"  - {{name: calm, role: calm, duration: {CALM_S}s, sessions_per_s: {SESSIONS_PER_S}}}",
        f"  - {{name: restores, role: fault, duration: {length_s}s, sessions_per_s: {SESSIONS_PER_S}}}",
        *_loss(trial.region, last_s),
        "drills:",
    ]
    for number, second in enumerate(trial.seconds, 1):
        costs = "" if trial.region else ", failed_requests: 1%"
        lines += [
            f"  - id: second-{number}",
            f"    kind: {kind}",
            "    phase: restores",
            f"    at: {second.at_s}s",
            f"    limit: {LIMIT_S}s",
            f"    scope: {{shard: {second.shard}}}",
            f"    parameters: {{back: {second.back_s}}}",
            f"    expected: {{duration: {LIMIT_S}s, loss: 0s{costs}}}",
        ]
    return "\n".join(lines) + "\n"


def _loss(region: str, last_s: int) -> Sequence[str]:
    if not region:
        return ()
    fault = f"id: home-lost, kind: region.lost, phase: restores, at: {LOST_AT_S}s, hold: {last_s - LOST_AT_S}s, expected: recovers"
    return ("faults:", f"  - {{{fault}, scope: {{region: {region}}}}}")
