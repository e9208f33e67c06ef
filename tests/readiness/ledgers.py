"""Targets, runs and verdicts for ledgers, as short as a test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from closeshave.judge.verdict import Status, Verdict
from closeshave.readiness.deciding import ledger
from closeshave.readiness.evidence import PartVerdicts, RunEvidence, part_of, texts
from closeshave.readiness.standing import Policy
from closeshave.readiness.values import LedgerRow, ReadinessLedger
from closeshave.report.anchors import anchors
from closeshave.target import Claim, Measure, Objective, Target

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
POLICY = Policy("0.1.0")
LATENCY = Objective("latency", ("P1",), Measure.LATENCY, at_most=0.1, percentile=0.95)
RECOVERY = Objective("recovery", ("P2",), Measure.RECOVERY, at_most=60.0, faults=("shard.*",))
TARGET = Target(
    "shop",
    "A shop",
    (
        Claim("P1", "answers quickly", ("load",)),
        Claim("P2", "recovers by itself", ("fault",)),
        Claim("P3", "is audited", ("attest",), "finance"),
    ),
    (LATENCY, RECOVERY),
)
GOOD, BAD, UNCLEAR = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def verdict(objective: Objective, status: Status = GOOD, name: str = "all", **other: Any) -> Verdict:
    """On an objective."""
    told: dict[str, Any] = {
        "id": f"{objective.id}/{name}",
        "claims": objective.claims,
        "status": status,
        "measure": objective.measure.value,
        "scope": "all",
        "measured": 0.041,
        "bound": objective.bound,
        "unit": "s",
        "confidence": (0.04, 0.043),
        "n": 5_000,
        "reason": "" if status is GOOD else "so it is",
    }
    return Verdict(**{**told, **other})


def says(objective: Objective, *verdicts: Verdict) -> tuple[PartVerdicts, ...]:
    """What a run says of an objective, for each of its promises."""
    return tuple(PartVerdicts(claim, part_of(objective), verdicts) for claim in objective.claims)


def run(name: str = "r1", *parts: Sequence[PartVerdicts], days: float = 1.0, **other: Any) -> RunEvidence:
    """A whole run that verified something, some days ago."""
    ended = NOW - timedelta(days=days)
    found = tuple(one for several in parts for one in several)
    told: dict[str, Any] = {
        "path": f"/runs/{name}",
        "id": name,
        "plan": "nightly",
        "environment": "production",
        "target": "shop",
        "started": ended - timedelta(minutes=6),
        "ended": ended,
        "grade": "verified",
        "version": "0.1.0",
        "build": "release 7",
        "asked": frozenset(one.claim for one in found),
        "texts": texts(TARGET),
        "ways": frozenset({"load", "fault"}),
        "scale": "at 300 requests/s on 4 regions and 4 shards, 8 processes",
        "parts": found,
        "report": f"/runs/{name}/report.html",
        "anchors": anchors("verdict", (one.id for part in found for one in part.verdicts)),
    }
    return RunEvidence(**{**told, **other})


QUICK = says(LATENCY, verdict(LATENCY))
RECOVERED = says(RECOVERY, verdict(RECOVERY, name="kill", scope="fault:kill", measured=4.0, confidence=(3.9, 4.1)))


def judged(*runs: RunEvidence, target: Target = TARGET, policy: Policy = POLICY, now: datetime = NOW) -> ReadinessLedger:
    """The ledger of these runs."""
    return ledger(target, runs, now, policy)


def row(name: str, *runs: RunEvidence, target: Target = TARGET, **other: Any) -> LedgerRow:
    """One row of it."""
    return next(one for one in judged(*runs, target=target, **other).rows if one.id == name)


def promising(*claims: Claim, objectives: Sequence[Objective] = (), **other: Any) -> Target:
    """A target of the same name with other promises."""
    return replace(TARGET, claims=claims, objectives=tuple(objectives), **other)
