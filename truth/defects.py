"""The planted platform defects: the plan and the verdict that show each one, and what a right witness is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closeshave.judge.verdict import Witness
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
    return witness.get("franchise") in drawn.franchises


def _with(**fields: object) -> Right:
    return lambda witness, _drawn: all(witness.get(name) == value for name, value in fields.items())


def _by_weight(count: int, seed: int) -> Draw:
    return lambda plan, topology: drawing.by_weight(plan, topology, count, seed)


ONE_IN_A_THOUSAND = 100
SOME = 1000
MORE_NS = 300_000_000
"""The time that the planted slowness adds to every request, in nanoseconds."""

CASES = (
    Case("double-booking", "calm", ("integrity/double_booked",), lambda witness, _: "overlap_minutes" in witness),
    Case("early-acknowledgement", "calm", ("integrity/lost",), _with(outcome="ok")),
    Case("ignored-keys", "calm", ("integrity/idempotency",), lambda witness, _: len(witness.get("bookings", ())) > 1),
    Case("double-charge", "calm", ("integrity/duplicate_payments",), lambda witness, _: bool(witness.get("capture"))),
    Case("stale-slots", "calm", ("integrity/stale_offers",), _with(kind="slots")),
    Case("tenant-leak", "calm", ("integrity/leaked",), lambda witness, _: witness.get("kind") in {"read_booking", "canary_read"}),
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
    Case("slow-throughout", "calm", ("typical/all",), lambda witness, _: witness["ended_ns"] - witness["intended_ns"] >= MORE_NS),
    Case("connection-leak", "calm", ("availability/all",), _with(good=False)),
    Case("never-invalidated", "calm", ("integrity/stale_pages", "integrity/stale_cache"), _drawn, _by_weight(SOME, 2), ("change_shop",)),
    Case("fails-open", "failover", ("integrity/lost",), lambda witness, _: witness.get("shard") == 1 and witness.get("outcome") == "ok"),
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
    Case("retry-storm", "failover", ("leakage/primary-killed",), lambda witness, _: witness.get("shard") != 1),
    Case(
        "written-abroad",
        "europe",
        ("integrity/residency_breaches",),
        lambda witness, _: 50_001 <= witness["franchise"] <= 75_000,
    ),
    Case("lost-sessions", "region", ("integrity/lost_sessions",), _with(status=401)),
)
