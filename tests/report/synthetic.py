"""A made-up run for looking at reports: four minutes over four shards with three faults. Made for tests only; nothing ships it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa

from closeshave.clock import Anchor
from closeshave.history import (
    BOOKINGS,
    CAPTURES,
    EFFECTS,
    OPERATIONS,
    EdgeCount,
    FaultEvent,
    Healing,
    HealProof,
    History,
    Injection,
    Manifest,
    PhaseTime,
    Sent,
    Sighting,
    Signal,
    TouchedProcess,
    to_frame,
)
from closeshave.plan import Expected, Fault, Limits, Phase, Plan, Role
from closeshave.target import Claim, Measure, Objective, Target
from closeshave.topology import Shard, Topology

ZERO_NS = 86_400_000_000_000
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
KINDS = {
    "slots": (9.0, 0.45),
    "franchise": (5.0, 0.25),
    "book": (24.0, 0.12),
    "read_booking": (7.0, 0.1),
    "cancel": (19.0, 0.05),
    "login": (110.0, 0.03),
}
"""Median response time in milliseconds and share of the traffic."""

TOPOLOGY = Topology(
    regions=REGIONS,
    shards=tuple(
        Shard(id=at + 1, first=at * 25_000 + 1, last=(at + 1) * 25_000, home=region, standby=REGIONS[(at + 1) % 4])
        for at, region in enumerate(REGIONS)
    ),
    resident=("eu-west-1",),
)

PLAN = Plan(
    name="nightly",
    environment="embedded",
    target="bookedbarber-enterprise",
    seed=20261121,
    limits=Limits(duration=360, requests=200_000),
    phases=(
        Phase("warm-up", Role.WARM_UP, 20, 20),
        Phase("calm", Role.CALM, 70, 24),
        Phase("shard-primary", Role.FAULT, 45, 20),
        Phase("cache-tier", Role.FAULT, 40, 20),
        Phase("region", Role.FAULT, 65, 20),
    ),
    faults=(
        Fault("shard-primary-killed", "shard.primary-killed", "shard-primary", 5, 15, Expected.RECOVERS, {"shard": 1}),
        Fault("cache-tier-lost", "cache.tier-lost", "cache-tier", 5, 20, Expected.DEGRADES, {"tier": "cache"}),
        Fault("us-west-2-lost", "region.lost", "region", 5, 40, Expected.RECOVERS, {"region": "us-west-2"}),
    ),
)

TARGET = Target(
    name="bookedbarber-enterprise",
    title="BookedBarber V2 Enterprise",
    claims=(
        Claim("E05", "Availability is 99.99 %", ("load",)),
        Claim("E06", "API response time p95 is below 100 ms in every region", ("load",)),
        Claim("E18", "Cache hit ratio is above 95 % in every region", ("load",)),
        Claim("E20", "No double booking, no lost acknowledged booking", ("load", "fault")),
        Claim("E21", "Recovery within 5 min", ("fault",)),
        Claim("E22", "Data loss window of at most 30 s", ("fault",)),
    ),
    objectives=(
        Objective("availability", ("E05",), Measure.AVAILABILITY, at_least=0.9999),
        Objective("response-p95", ("E06",), Measure.LATENCY, at_most=0.1, percentile=0.95, per="region"),
        Objective("cache-hits", ("E18",), Measure.CACHE_HIT_RATIO, at_least=0.95),
        Objective("throughput", (), Measure.THROUGHPUT, at_least=200),
        Objective("integrity", ("E20",), Measure.INTEGRITY, window="run"),
        Objective("recovery", ("E21",), Measure.RECOVERY, at_most=300, window="fault", faults=("*",)),
        Objective("loss", ("E22",), Measure.LOSS, at_most=30, window="fault", faults=("*",)),
    ),
)

FAULTS = (("shard-primary-killed", 95.0, 0.3, 110.0), ("cache-tier-lost", 140.0, 0.4, 160.0), ("us-west-2-lost", 180.0, 0.6, 220.0))
"""ID, injected, seconds until observed, healed."""


@cache
def history(rate_per_s: float = 260.0, seed: int = 7, last_s: float = 0.0, roaming: float = 0.0) -> History:
    """The made-up history: an outage of shard 1, a slow cache tier, a lost region; some requests without an answer. Nobody changes it, but a copy.

    The last phase lasts ``last_s`` seconds longer. A share of the customers, ``roaming``, books from a region that is not its shard's home.
    """
    phases, elapsed = [], 0.0
    for phase in PLAN.phases:
        longer = last_s if phase is PLAN.phases[-1] else 0.0
        phases.append(PhaseTime(phase.name, phase.role.value, ns(elapsed), ns(elapsed + phase.duration + longer)))
        elapsed += phase.duration + longer
    operations = _operations(rate_per_s, elapsed, seed, roaming)
    n = operations.num_rows
    return History(
        manifest=Manifest(
            id="20261121-014500-nightly-3f2a",
            plan=PLAN.name,
            environment=PLAN.environment,
            target=PLAN.target,
            seed=PLAN.seed,
            evidence="rehearsed",
            version="0.1.0",
            started_at="2026-11-21T01:45:00+00:00",
            anchor=Anchor(ZERO_NS, 1_795_225_500_000_000_000, 400),
            topology=TOPOLOGY,
            phases=tuple(phases),
            ended_at="2026-11-21T01:49:20+00:00",
        ),
        operations=to_frame(operations),
        effects=to_frame(EFFECTS.empty_table()),
        faults=tuple(_events()),
        signals=(
            Signal(ns(96.1), "suspected", "shard:1", "patroni-shard1-us-west-2.log", "leader key missing"),
            Signal(ns(97.0), "promoted", "shard:1", "patroni-shard1-us-west-2.log"),
            Signal(ns(141.2), "suspected", "store:cache", "sentinel-us-east-1.log", "+sdown"),
            Signal(ns(183.0), "suspected", "region:us-west-2", "edge.log"),
            Signal(ns(199.2), "suspected", "shard:2", "patroni-shard2-ap-southeast-1.log"),
            Signal(ns(199.9), "promoted", "shard:2", "patroni-shard2-ap-southeast-1.log"),
        ),
        marks=(),
        sent=(Sent("customers", "w0", n, n, n, True, n),),
        edges=tuple(EdgeCount(region, n // 4) for region in REGIONS),
        bookings=to_frame(BOOKINGS.empty_table()),
        captures=to_frame(CAPTURES.empty_table()),
    )


def ns(at_s: float) -> int:
    """An instant of the run on the monotonic axis."""
    return ZERO_NS + int(at_s * 1e9)


def _operations(rate_per_s: float, span_s: float, seed: int, roaming: float) -> pa.Table:
    random = np.random.default_rng(seed)
    due = np.sort(random.uniform(0, span_s, random.poisson(rate_per_s * span_s)))
    n = len(due)
    kinds = random.choice(len(KINDS), n, p=[share for _, share in KINDS.values()])
    shard = random.choice(4, n, p=[0.34, 0.28, 0.22, 0.16])
    response_ms = np.array([median for median, _ in KINDS.values()])[kinds] * random.lognormal(0, 0.45, n)
    response_ms *= np.where(due < 6, 1 + 4 * np.exp(-due), 1.0)
    response_ms *= np.where((due > 140.2) & (due < 163) & (kinds < 2), 3.4, 1.0)
    good, status, error = np.ones(n, np.bool_), np.full(n, 200), np.full(n, None, object)
    outages = ((shard == 0) & (due > 95) & (due < 98.4), (shard == 1) & (due > 180) & (due < 201.3))
    for number, outage in enumerate(outages):
        timed_out = outage & (random.random(n) < 0.15)
        refused = outage & ~timed_out
        good[outage], status[timed_out], status[refused], error[timed_out], error[refused] = False, 0, 503, "timeout", "unavailable"
        response_ms[timed_out] = random.uniform(2_000, 5_000, timed_out.sum())
        response_ms[refused] = random.uniform(3, 40 + 400 * number, refused.sum())
    response_ms[(due > 180) & (due < 184) & (shard == 1)] += 1_200
    stray = (random.random(n) < 0.00008) & (due > 95)
    good[stray], status[stray], error[stray] = False, 500, "wrong_status"
    intended = np.array([ns(at) for at in due])
    ended = intended + (response_ms * 1e6).astype(np.int64)
    names = np.array(list(KINDS))[kinds]
    region = np.where(random.random(n) < roaming, random.integers(0, len(REGIONS), n), shard)
    plain = {
        "id": np.arange(n),
        "source": np.full(n, "customers"),
        "kind": names,
        "journey": np.where(names == "slots", "browse", "book"),
        "region": np.array(REGIONS)[region],
        "shard": shard + 1,
        "franchise": shard * 25_000 + random.integers(1, 25_001, n),
        "intended_ns": intended,
        "started_ns": intended + random.integers(10_000, 90_000, n),
        "ended_ns": ended,
        "outcome": np.where(good, "ok", np.where(np.isin(names, ("book", "cancel")), "info", "fail")),
        "good": good,
        "status": status,
        "error": error,
        "attempt": np.ones(n, np.int8),
        "bytes": random.integers(200, 900, n),
        "served_by": np.array(REGIONS)[shard],
        "cache": np.where(random.random(n) < 0.962, "hit", "miss"),
        "db_ms": (response_ms / 3).astype(np.float32),
        "cache_ms": np.full(n, 0.4, np.float32),
    }
    return pa.table({name: pa.array(plain[name]).cast(OPERATIONS.field(name).type) for name in OPERATIONS.names})


def _events() -> list[FaultEvent]:
    touched = {
        "shard-primary-killed": (TouchedProcess("shard1-us-east-1", 41233, "postgres"),),
        "cache-tier-lost": tuple(
            TouchedProcess(f"valkey-cache-{place}", pid) for place, pid in (("us-east-1", 41301), ("us-west-2", 41302))
        ),
        "us-west-2-lost": tuple(TouchedProcess(f"app-us-west-2-{at}", 41400 + at) for at in range(9)),
    }
    events = []
    for name, injected, observed, healed in FAULTS:
        events += [
            FaultEvent(name, "planned", ns(0)),
            FaultEvent(name, "injected", ns(injected), Injection(name, touched[name], ns(injected), None, ())),
            FaultEvent(name, "observed", ns(injected + observed), Sighting("TCP to port 21011", "ConnectionRefusedError")),
            FaultEvent(
                name, "healed", ns(healed), Healing(ns(healed), ns(healed + 2), tuple(f"started {each.name}" for each in touched[name]))
            ),
            FaultEvent(
                name, "verified-healed", ns(healed + 2.1), HealProof(("shard 1 accepts a write: at 0/1", "replicas stream: lag 0 bytes"))
            ),
        ]
    return events


def without_phases(made: History) -> History:
    """The same, as if the harness had died before it noted a phase."""
    return replace(made, manifest=replace(made.manifest, phases=()))
