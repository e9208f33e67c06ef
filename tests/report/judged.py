"""Made-up assessments of the made-up run: a pass, a failure with witnesses, one that is inconclusive."""

from dataclasses import replace
from typing import Any

from closeshave.history import Effect, Operation
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.judge.verdict import Assessment, Exposure, FaultFigures, IntegrityFigures, LoadFigures, NotRun, Status, Verdict
from closeshave.judge.witnesses import OperationWitness, OverlapWitness
from tests.report.synthetic import REGIONS, ns

BREACHES = (
    "lost",
    "phantom",
    "double_booked",
    "duplicate_payments",
    "orphan_payments",
    "misplaced",
    "stale_sessions",
    "unresolved",
)


def fault(id: str, kind: str, scope: str, at: float, **figures: Any) -> FaultFigures:
    """A fault that was observed after 0.3 s and recovered in three steps, unless told otherwise."""
    plain = FaultFigures(
        id=id,
        kind=kind,
        scope=scope,
        expected="recovers",
        injected_at_s=at,
        observed_at_s=at + 0.3,
        healed_at_s=at + 15,
        healed_verified=True,
        detect_s=1.1,
        fail_over_s=0.9,
        restore_s=1.4,
        recovery_s=3.4,
        self_recovered=True,
        loss_window_s=0.0,
        lost_writes=0,
        loss_resolution_s=0.11,
        split_brain_writes=0,
        leakage=0.0,
        budget_burnt=0.004,
        touched=("shard1-us-east-1 postmaster (process 41233)",),
    )
    return replace(plain, **figures)


FAULTS = (
    fault("shard-primary-killed", "shard.primary-killed", "shard:1", 95.0),
    fault(
        "cache-tier-lost", "cache.tier-lost", "tier:cache", 140.0, healed_at_s=160.0, expected="degrades", detect_s=1.2, fail_over_s=None,
        restore_s=None, recovery_s=22.9, self_recovered=False, loss_window_s=None, lost_writes=None, loss_resolution_s=None,
        touched=("valkey-cache-us-east-1 (process 41301)", "valkey-cache-us-west-2 (process 41302)"),
    ),
    fault(
        "us-west-2-lost", "region.lost", "region:us-west-2", 180.0, observed_at_s=180.6, healed_at_s=220.0, detect_s=3.0, fail_over_s=16.9,
        restore_s=1.4, recovery_s=21.3, loss_window_s=0.24, lost_writes=2, leakage=0.013, budget_burnt=0.035,
        touched=tuple(f"app-us-west-2-{at} (process {41400 + at})" for at in range(9)),
    ),
)  # fmt: skip

LOAD = LoadFigures(
    intended=62_411,
    sent=62_411,
    recorded=62_411,
    rate_offered=259.8,
    rate_completed=259.8,
    send_lateness_p99_ms=0.31,
    response_ms={"p50": 8.4, "p95": 44.1, "p99": 131.0, "p999": 260.0},
    generator_limited_windows=0,
    edge_count=62_411,
)

INTEGRITY = IntegrityFigures(2_218, 640, {name: 3 if each.doubt else 0 for name, each in INVARIANTS.items() if each.summarised})


def counted(**breaches: int | None) -> IntegrityFigures:
    """The figures of the clean run, but for these counts."""
    return replace(INTEGRITY, breaches={**INTEGRITY.breaches, **breaches})


EXPOSURES = {"double_booked": Exposure(412, "contests for a slot"), "lost": Exposure(2_218, "acknowledged writes that were read back")}
NOT_RUN = (NotRun("E17", "A region's data survives an earthquake", "no fault of this plan is of a kind that it covers"),)
NOT_ASKED = (NotRun("stale_pages", "stale pages", "no journey of this scenario changes a page"),)


def verdict(id: str, measure: str, scope: str, measured: float | None, bound: float | None, unit: str, **more: Any) -> Verdict:
    """A pass, unless told otherwise."""
    return replace(Verdict(id, (), Status.PASS, measure, scope, measured, bound, unit), **more)


def verdicts() -> tuple[Verdict, ...]:
    """What the objectives of the made-up target give when all is well."""
    return (
        verdict("availability/all", "availability", "all", 1.0, 0.9999, "ratio", claims=("E05",), confidence=(0.99984, 1.0), n=18_222),
        *(
            verdict(
                f"response-p95/{region}", "latency", f"region:{region}", 0.041 + at * 0.013, 0.1, "s",
                claims=("E06",), confidence=(0.04 + at * 0.013, 0.043 + at * 0.013), n=4_500 - at * 600,
            )
            for at, region in enumerate(REGIONS)
        ),
        verdict("cache-hits/all", "cache_hit_ratio", "all", 0.962, 0.95, "ratio", claims=("E18",), confidence=(0.9589, 0.9650), n=9_310),
        verdict("throughput/all", "throughput", "all", 259.8, 200, "1/s", n=18_222),
        *(verdict(f"integrity/{name}", name, "all", 0, 0, "count", claims=("E20",), n=2_218, exposure=EXPOSURES.get(name)) for name in BREACHES),
        *(verdict(f"recovery/{one.id}", "recovery", f"fault:{one.id}", one.recovery_s, 300, "s", claims=("E21",), n=210) for one in FAULTS),
        verdict("loss/shard-primary-killed", "loss", "fault:shard-primary-killed", 0.0, 30, "s", claims=("E22",), n=212),
        verdict("complete", "completeness", "all", 0, 0, "count"),
        verdict("generator/customers", "generator_health", "all", 0, 0, "count", n=62_411),
        verdict("reconciled/edges", "reconciliation", "all", 0, 0, "count", n=62_411),
        *(verdict(f"healed/{one.id}", "healed", f"fault:{one.id}", 1, 1, "count", n=1) for one in FAULTS),
        verdict("loss/us-west-2-lost", "loss", "fault:us-west-2-lost", 0.24, 30, "s", claims=("E22",), n=188),
    )  # fmt: skip


def passed() -> Assessment:
    """Everything held."""
    return Assessment(Status.PASS, (), LOAD, verdicts(), FAULTS, INTEGRITY, not_run=NOT_RUN, not_asked=NOT_ASKED)


def failed() -> Assessment:
    """Two customers were sold one slot, and one region was slow."""
    sold_twice = "barber 120418 was sold twice: 2026-11-25 14:00 for 45 min and 14:30 for 30 min, both acknowledged"
    slow = Operation(
        30_211, "customers", "slots", "browse", "ap-southeast-1", 4, 88_001, ns(41.218), ns(41.219), ns(41.902), "ok", good=True, status=200
    )
    witnesses = (
        _overlap(sold_twice, 120_418, 12_007, (88_121, 1_795_615_200, 45, 30_211), (88_124, 1_795_617_000, 30, 30_219)),
        _overlap(
            sold_twice.replace("120418", "99011"), 99_011, 9_911, (90_002, 1_795_622_400, 30, 41_007), (90_003, 1_795_622_400, 30, 41_008)
        ),
    )
    changed: dict[str, dict[str, Any]] = {
        "integrity/double_booked": {"status": Status.FAIL, "measured": 3, "reason": sold_twice, "witnesses": witnesses},
        "response-p95/ap-southeast-1": {
            "status": Status.FAIL, "measured": 0.118, "confidence": (0.1121, 0.1243),
            "reason": "the p95 of 2,700 requests is 118.0 ms; the promise is at most 100 ms",
            "witnesses": (
                OperationWitness("first of the 171 that were slower than 100 ms", slow),
                OperationWitness("worst of them", replace(slow, ended_ns=ns(44.0))),
            ),
        },
    }  # fmt: skip
    found = tuple(replace(one, **changed.get(one.id, {})) for one in verdicts())
    return replace(
        passed(),
        status=Status.FAIL,
        reasons=(sold_twice, "the p95 of 2,700 requests is 118.0 ms; the promise is at most 100 ms"),
        verdicts=found,
        integrity=counted(double_booked=3),
    )


def _overlap(why: str, barber: int, franchise: int, *bookings: tuple[int, int, int, int]) -> OverlapWitness:
    """Of two bookings: ID, start of the slot, minutes, operation."""
    one, two = (
        Effect(operation, "create", franchise, 1, f"book_{booking}", booking, barber, starts_at, minutes)
        for booking, starts_at, minutes, operation in bookings
    )
    return OverlapWitness(why, two, "2026-11-25T14:30:00+00:00", 15.0, one)


def inconclusive() -> Assessment:
    """The generator was late, one fault was never seen to take effect, and part of the evidence is missing."""
    late = "the load generator was late in the windows of 22 % of these requests, so their times include its own delay"
    unseen = "the loss of the cache tier was never observed by a probe"
    found = tuple(
        replace(one, status=Status.INCONCLUSIVE, reason=late)
        if one.measure == "latency"
        else replace(one, status=Status.INCONCLUSIVE, measured=None, reason=unseen)
        if one.scope == "fault:cache-tier-lost"
        else one
        for one in verdicts()
    )
    unknown = replace(
        FAULTS[1], observed_at_s=None, healed_at_s=None, healed_verified=False, recovery_s=None, detect_s=None, self_recovered=None
    )
    return Assessment(
        Status.INCONCLUSIVE,
        (unseen, late),
        replace(LOAD, generator_limited_windows=4, edge_count=None, send_lateness_p99_ms=31.0),
        found,
        (FAULTS[0], unknown, FAULTS[2]),
        counted(lost=None, orphan_payments=None, unresolved=None),
    )
