"""Histories with a drill: a restore of shard 1 to second 130 begins at 135 and has ended at 140."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from closeshave.history import BOOKINGS, TIMED, Booking, DrillEnded, DrillEvent, DrillProven, DrillStepped, Fact, FaultEvent, frame
from closeshave.judge.verdict import Status
from closeshave.plan import Drill, DrillBounds
from tests.judge.histories import INTEGRITY, WALL_START_S, Run, ns

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
TARGET_S = 130
RESTORE = Drill("restore", "restore.point-in-time", "break", 25, 30, {"shard": 1}, expected=DrillBounds(10, 0.1, 0), claims=("C1",))
MOVE = Drill("move", "database.switchover", "break", 25, 30, {"shard": 1}, expected=DrillBounds(10, 0.1, 0))
CHOSEN: Mapping[str, Fact] = {
    "target_wall_ns": (WALL_START_S + TARGET_S) * 10**9,
    "exact": True,
    "monotonic_ns": ns(135),
    "wall_ns": (WALL_START_S + 135) * 10**9,
    "uncertainty_ns": 1_000,
}
"""What the step *choose* of a restore found."""


def events(
    drill: str, *, how: str = "carried-out", why: str = "", holds: bool = True, chosen: Mapping[str, Fact] = CHOSEN, timed: bool = False
) -> tuple[DrillEvent, ...]:
    """The timeline of a drill of two steps, one proof, five seconds."""
    return (
        DrillStepped(drill, "choose", ns(135), ns(135.5), chosen),
        DrillStepped(drill, "act", ns(135.5), ns(139), {TIMED: True} if timed else {}, done=how == "carried-out"),
        DrillProven(drill, ns(139.9), "it accepts a write", holds, "accepted" if holds else "refused"),
        DrillEnded(drill, ns(135), ns(140), how, why),
    )


def ledger(drill: str, *, put_back: bool = True) -> list[FaultEvent]:
    """Its edges: in the ledger at 135, put back at 142."""
    edges = [("planned", 135.0), ("healed", 140.1), *([("verified-healed", 142.0)] if put_back else [])]
    return [FaultEvent(drill, edge, ns(at)) for edge, at in edges]


def restored(run: Run, until: float = TARGET_S, change: Callable[[Booking], Booking] = lambda row: row) -> list[Booking]:
    """What a database that was restored to a second holds of the run's final state."""
    made = {
        effect.booking: operation.ended_ns
        for operation, effect in zip(run.operations, run.effects, strict=False)
        if effect.action == "create"
    }
    assert run.bookings is not None
    return [change(row) for row in run.bookings if made[row.booking] <= ns(until)]


def booked(drill: Drill = RESTORE) -> Run:
    """A booking every half second from 120 on to 145."""
    run = Run((INTEGRITY,), drills=(drill,))
    for index in range(50):
        run.book(120 + index / 2, 1000 + index)
    return run


def carried_out(run: Run, rows: list[Booking] | None = None, **told: Any) -> Run:
    """The run with its drill's history; ``rows`` are what was restored."""
    (drill,) = run.drills
    run.events += ledger(drill.id, put_back=told.pop("put_back", True))
    run.changes["drills"] = events(drill.id, **told)
    if drill is RESTORE or drill.kind.startswith("restore"):
        run.changes["restored"] = {drill.id: frame(restored(run) if rows is None else rows, BOOKINGS)}
    return run
