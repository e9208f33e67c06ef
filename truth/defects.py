"""The planted platform defects: the plan and the verdict that show each one, and what a right witness is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closeshave.judge.witnesses import (
    ChargeWitness,
    KeyWitness,
    OverlapWitness,
    Witness,
    answered,
    franchise_of,
    operation_of,
)
from closeshave.plan import Plan
from closeshave.topology import Topology
from truth import drawing
from truth.drawing import NOBODY, Drawn

Right = Callable[[Witness, Drawn], bool]
"""Whether a witness proves the defect."""
Draw = Callable[[Plan, Topology], Drawn]


@dataclass(frozen=True, slots=True)
class Case:
    """A defect of the platform. ``verdicts`` are IDs; if there are several, at least one of them must fail."""

    defect: str
    plan: str
    verdicts: tuple[str, ...]
    right: Right
    draw: Draw = lambda _plan, _topology: NOBODY
    shown_by: tuple[str, ...] = ()
    """Kinds of customers' operations that can show a defect of drawn franchises."""


def _drawn(witness: Witness, drawn: Drawn) -> bool:
    return franchise_of(witness) in drawn.franchises


def _with(**fields: object) -> Right:
    """A request with these values."""

    def right(witness: Witness, _drawn: Drawn) -> bool:
        operation = operation_of(witness)
        return operation is not None and all(getattr(operation, name) == value for name, value in fields.items())

    return right


def _slow(witness: Witness, _drawn: Drawn) -> bool:
    operation = operation_of(witness)
    return operation is not None and answered(operation) and operation.ended_ns - operation.intended_ns >= MORE_NS


def _abroad(witness: Witness, _drawn: Drawn) -> bool:
    franchise = franchise_of(witness)
    return franchise is not None and 50_001 <= franchise <= 75_000


def _by_weight(count: int, seed: int) -> Draw:
    return lambda plan, topology: drawing.by_weight(plan, topology, count, seed)


ONE_IN_A_THOUSAND = 100
SOME = 1000
MORE_NS = 300_000_000
"""The time that the planted slowness adds to every request, in nanoseconds."""

CASES = (
    Case("double-booking", "calm", ("integrity/double_booked",), lambda witness, _: isinstance(witness, OverlapWitness)),
    Case("early-acknowledgement", "calm", ("integrity/lost",), _with(outcome="ok")),
    Case(
        "ignored-keys", "calm", ("integrity/idempotency",), lambda witness, _: isinstance(witness, KeyWitness) and len(witness.bookings) > 1
    ),
    Case("double-charge", "calm", ("integrity/duplicate_payments",), lambda witness, _: isinstance(witness, ChargeWitness)),
    Case("stale-slots", "calm", ("integrity/stale_offers",), _with(kind="slots")),
    Case(
        "tenant-leak", "calm", ("integrity/leaked",), lambda *told: any(_with(kind=kind)(*told) for kind in ("read_booking", "canary_read"))
    ),
    Case("wrong-shard", "calm", ("integrity/misplaced",), _drawn, _by_weight(ONE_IN_A_THOUSAND, 1), ("book",)),
    Case("error-in-200", "calm", ("availability/all",), _with(good=False)),
    Case("slow-region", "calm", ("tail/ap-southeast-1",), _with(region="ap-southeast-1")),
    Case(
        "slow-hottest",
        "calm",
        ("hottest/decile-1",),
        _drawn,
        lambda plan, topology: drawing.hottest(plan, topology, 0.15),
        ("slots", "franchise", "barbers", "services", "book"),
    ),
    Case("slow-throughout", "calm", ("typical/all",), _slow),
    Case("connection-leak", "calm", ("availability/all",), _with(good=False)),
    Case("never-invalidated", "calm", ("integrity/stale_pages", "integrity/stale_cache"), _drawn, _by_weight(SOME, 2), ("change_shop",)),
    Case("fails-open", "failover", ("integrity/lost",), _with(shard=1, outcome="ok")),
    Case(
        "stuck-franchises",
        "failover",
        ("left-behind/primary-killed",),
        _drawn,
        _by_weight(SOME, 3),
        ("slots", "franchise", "barbers", "services", "book"),
    ),
    Case("slow-recovery", "failover", ("recovery/primary-killed",), _with(source="canary", shard=1)),
    Case("dropped-tail", "failover", ("loss/primary-killed",), _with(outcome="ok", shard=1)),
    Case("always-ready", "failover", ("recovery/primary-killed",), _with(source="canary")),
    Case("retry-storm", "failover", ("leakage/primary-killed",), lambda *told: not _with(shard=1)(*told)),
    Case("written-abroad", "europe", ("integrity/residency_breaches",), _abroad),
    Case("lost-sessions", "region", ("integrity/lost_sessions",), _with(status=401)),
)
