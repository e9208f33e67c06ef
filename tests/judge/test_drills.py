"""Drills: what their verdicts say of known histories. A restore of shard 1 to second 130 begins at 135 and has ended at 140."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.clock import Anchor
from closeshave.history import (
    ACKNOWLEDGED,
    BOOKINGS,
    BY_HOOKS,
    LOSS_S,
    LOST,
    OLDEST_LOST,
    STOPPED_AT,
    TIMED,
    Booking,
    DrillEnded,
    DrillEvent,
    DrillProven,
    DrillStepped,
    Fact,
    FaultEvent,
    Mark,
    frame,
)
from closeshave.judge.evidence.writes import MUTATING, joined
from closeshave.judge.measures.restored import Instant, Restoration, compare
from closeshave.judge.verdict import Status
from closeshave.plan import Drill, DrillBounds
from tests.judge.histories import INTEGRITY, START_NS, WALL_START_S, Run, ns, starving
from tests.tiers import examples

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


def test_a_restore_to_the_second_passes_with_its_figures() -> None:
    """All that was acknowledged before 130 is there, nothing of what was requested after it; the split and the cost are told."""
    run = carried_out(booked())
    assessment = run.assess()
    found = {verdict.id: verdict for verdict in assessment.verdicts if verdict.scope == "drill:restore"}
    assert {name: verdict.status for name, verdict in found.items()} == dict.fromkeys(
        (
            "drill/restore",
            "drill-rows/restore",
            "drill-duration/restore",
            "drill-failed-requests/restore",
            "drill-loss/restore",
            "healed/restore",
        ),
        PASS,
    )
    assert found["drill-rows/restore"].n == 20 + 29
    assert "the last one before it 0.490 s before and the first one after it 0.500 s after" in found["drill-rows/restore"].reason
    assert found["drill/restore"].claims == ("C1",)
    (figures,) = assessment.drills
    assert (figures.duration_s, figures.put_back_s, [(step.name, step.duration_s) for step in figures.steps]) == (
        5.0,
        2.0,
        [("choose", 0.5), ("act", 3.5)],
    )
    assert (figures.requests, figures.not_good, figures.loss_window_s, figures.lost_writes) == (15, 0, 0.0, 0)
    assert assessment.not_run == ()


@pytest.mark.parametrize(
    ("until", "why", "bookings"),
    [
        (129.0, "acknowledged before the target, but not in the restored database", {1018, 1019}),
        (131.0, "requested only after the target, but in the restored database", {1021}),
    ],
)
def test_a_restore_that_stops_a_second_early_or_late_fails_with_its_witness(until: float, why: str, bookings: set[int]) -> None:
    """The bookings of 129.0 and 129.5 are missing; or that of 130.5 is there. The one of 130.0 was under way at the target: either is right."""
    run = booked()
    verdict = carried_out(run, restored(run, until)).verdict("drill-rows/restore")
    assert verdict.status is FAIL
    assert {witness.why for witness in verdict.witnesses} == {why}
    assert {witness.facts()["effect"]["booking"] for witness in verdict.witnesses} == bookings


def test_a_write_that_was_under_way_at_the_target_decides_nothing() -> None:
    """Sent at 129.9, answered at 130.1: with its row and without it the restore is right."""
    for there in (True, False):
        run = booked()
        run.book(129.9, 2000, took=0.2)
        rows = [*restored(run), *([row for row in run.bookings or () if row.booking == 2000] if there else [])]
        assert carried_out(run, rows).verdict("drill-rows/restore").status is PASS


@pytest.mark.parametrize(
    ("cancelled", "status", "expected"), [(125, "scheduled", FAIL), (125, "cancelled", PASS), (134, "cancelled", FAIL)]
)
def test_a_cancel_is_a_write_too(cancelled: float, status: str, expected: Status) -> None:
    """One from before the target must be seen, one from after it must not."""
    run = booked()
    run.act("cancel", cancelled, booking=1000)
    rows = [replace(row, status=status) if row.booking == 1000 else row for row in restored(run)]
    run.bookings = [replace(row, status="cancelled") if row.booking == 1000 else row for row in run.bookings or ()]
    assert carried_out(run, rows).verdict("drill-rows/restore").status is expected


@pytest.mark.parametrize(("moved", "version", "expected"), [(125, 1, FAIL), (125, 2, PASS), (134, 2, FAIL), (134, 1, PASS)])
def test_a_move_is_a_write_too(moved: float, version: int, expected: Status) -> None:
    """By its version."""
    run = booked()
    run.act("reschedule", moved, booking=1000, version=2)
    run.bookings = [replace(row, version=2) if row.booking == 1000 else row for row in run.bookings or ()]
    rows = [replace(row, version=version) if row.booking == 1000 else row for row in restored(run)]
    assert carried_out(run, rows).verdict("drill-rows/restore").status is expected


def test_a_row_that_differs_from_the_same_version_fails() -> None:
    """A damaged page may still hold rows."""
    run = booked()
    rows = restored(run, change=lambda row: replace(row, minutes=45) if row.booking == 1007 else row)
    verdict = carried_out(run, rows).verdict("drill-rows/restore")
    assert (verdict.status, verdict.measured) == (FAIL, 1.0)
    assert "minutes is 45, not 30" in verdict.witnesses[0].why


def test_without_a_write_after_the_target_a_restore_too_far_could_not_be_seen() -> None:
    """Nor one too early without one before it."""
    early, late = booked(), booked()
    for run, kept in ((early, lambda at: at < ns(130)), (late, lambda at: at > ns(130))):
        pairs = [(one, effect) for one, effect in zip(run.operations, run.effects, strict=True) if kept(one.intended_ns)]
        run.operations, run.effects = [one for one, _ in pairs], [effect for _, effect in pairs]
        made = {effect.booking for effect in run.effects}
        run.bookings = [row for row in run.bookings or () if row.booking in made]
    assert "goes too far could not be seen" in (told := carried_out(early).verdict("drill-rows/restore")).reason
    assert told.status is INCONCLUSIVE
    assert "nothing could be missing" in (told := carried_out(late).verdict("drill-rows/restore")).reason
    assert told.status is INCONCLUSIVE


def test_what_was_written_while_it_was_restored_to_the_end_may_be_there() -> None:
    """The log may reach further than the instant at which the drill began."""
    run = booked(replace(RESTORE, kind="restore.latest"))
    run = carried_out(run, restored(run, 137.0), chosen={**CHOSEN, "exact": False, "target_wall_ns": CHOSEN["wall_ns"]})
    assert run.verdict("drill-rows/restore").status is PASS
    assert run.verdict("drill-loss/restore").measured == 0.0


def test_what_a_restore_to_the_end_lacks_is_its_loss() -> None:
    """The drill begins at 135; the log reached 133: the bookings of 133 to 134.5 are lost, 1.99 s of them."""
    for bound, expected in ((5.0, PASS), (1.0, FAIL)):
        run = booked(replace(RESTORE, kind="restore.latest", expected=DrillBounds(loss=bound)))
        chosen = {**CHOSEN, "exact": False, "target_wall_ns": CHOSEN["wall_ns"]}
        run = carried_out(run, restored(run, 133.0), chosen=chosen)
        assert run.verdict("drill-rows/restore").status is PASS
        loss = run.verdict("drill-loss/restore")
        assert (loss.status, loss.measured) == (expected, 1.99)
        assert run.assess(breaches=False).drills[0].lost_writes == 4


@pytest.mark.parametrize(
    ("told", "expected", "reason"),
    [
        ({"how": "failed", "why": "recover: FATAL: recovery ended before configured recovery target was reached"}, FAIL, "recover: FATAL"),
        (
            {"how": "disturbed", "why": "check the backup: the disk is full"},
            INCONCLUSIVE,
            "restore was disturbed: check the backup: the disk is full",
        ),
        ({"holds": False}, FAIL, "its end state is not as it must be: it accepts a write: refused"),
        ({"put_back": False}, PASS, ""),
    ],
)
def test_how_a_drill_ended_decides_its_verdict(told: dict[str, Any], expected: Status, reason: str) -> None:
    """What the drill tests fails it, with a witness; what it does not test makes it inconclusive."""
    verdict = carried_out(booked(), **told).verdict("drill/restore")
    assert (verdict.status, bool(verdict.witnesses)) == (expected, expected is FAIL)
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("how", "starved", "expected"),
    [("overdue", (), FAIL), ("overdue", ((136, 138),), INCONCLUSIVE), ("overdue", ((110, 112),), FAIL), ("failed", ((136, 138),), FAIL)],
)
def test_a_step_that_was_late_on_a_machine_that_others_used_is_inconclusive(
    how: str, starved: tuple[tuple[int, int], ...], expected: Status
) -> None:
    """Only time can excuse it, and only while the drill was carried out: a backup that is damaged is damaged on any machine."""
    run = booked()
    run.changes["resources"] = starving(*starved)
    verdict = carried_out(run, how=how, why="recover: it does not accept writes").verdict("drill/restore")
    assert verdict.status is expected
    assert verdict.reason.startswith("recover: it does not accept writes")
    assert ("but meanwhile" in verdict.reason) == (expected is INCONCLUSIVE)


def test_a_drill_that_was_disturbed_fails_nothing() -> None:
    """Every verdict on it is inconclusive, with the reason."""
    run = carried_out(booked(), [], how="disturbed", why="the backup server does not run")
    found = [
        verdict
        for verdict in run.assess(breaches=False).verdicts
        if verdict.scope == "drill:restore" and verdict.measure.startswith("drill")
    ]
    assert {verdict.status for verdict in found} == {INCONCLUSIVE}
    assert all("the backup server does not run" in verdict.reason for verdict in found)


def test_a_drill_that_never_began_is_inconclusive_and_says_why() -> None:
    """Skipped, or its process died."""
    run = booked()
    assert "was never begun: its process ended" in run.verdict("drill/restore").reason
    run.marks.append(Mark(ns(135), "fault-skipped", "restore"))
    assert "an earlier fault or drill was not over in time" in run.verdict("drill/restore").reason
    assert run.verdict("healed/restore").status is PASS


def test_what_is_not_proven_to_be_put_back_is_a_precondition_that_is_not_met() -> None:
    """The run is inconclusive, whatever else passed."""
    assert carried_out(booked(), put_back=False).verdict("healed/restore").status is INCONCLUSIVE


def test_a_restore_by_the_operators_hooks_has_no_rows_to_compare() -> None:
    """Nobody else can read what it restored: its end state is proven by the operator's own call, and no verdict on rows stays open."""
    run = carried_out(booked(), chosen={BY_HOOKS: True})
    verdicts = {verdict.id: verdict.status for verdict in run.assess(breaches=False).verdicts if verdict.scope == "drill:restore"}
    assert "drill-rows/restore" not in verdicts
    assert (verdicts["drill/restore"], verdicts["drill-loss/restore"]) == (PASS, PASS)


def test_a_heal_check_that_said_yes_in_the_middle_of_a_drill_proves_nothing() -> None:
    """It could not tell a platform that was left half switched."""
    run = carried_out(booked())
    run.marks.append(Mark(ns(136), "heal-check-worthless", "restore: heal_check exit code 0 while the drill was under way"))
    verdict = run.verdict("healed/restore")
    assert verdict.status is INCONCLUSIVE
    assert verdict.reason == "heal_check exit code 0 while the drill was under way"


@pytest.mark.parametrize(("bound", "expected"), [(5.0, PASS), (4.9, FAIL)])
def test_the_duration_counts_until_the_end_state_is_proven(bound: float, expected: Status) -> None:
    """Five seconds, with the split."""
    run = carried_out(booked(replace(RESTORE, expected=DrillBounds(duration=bound))))
    verdict = run.verdict("drill-duration/restore")
    assert (verdict.status, verdict.measured) == (expected, 5.0)
    assert "choose 0.5 s, act 3.5 s" in verdict.reason


@pytest.mark.parametrize(("failed", "expected"), [(1, PASS), (2, FAIL)])
def test_requests_not_good_count_from_its_begin_until_it_is_put_back(failed: int, expected: Status) -> None:
    """A tenth may fail of 15 and these; one that is due later is not its doing, nor one of the other shard."""
    run = booked(MOVE)
    for index in range(failed):
        run.bad(141 + index / 10)
    run.bad(142.5)
    run.bad(136, shard=2, franchise=150)
    verdict = carried_out(run).verdict("drill-failed-requests/move")
    assert (verdict.status, verdict.n) == (expected, 15 + failed)
    assert bool(verdict.witnesses) == (expected is FAIL)


def test_a_platform_that_fails_in_calm_too_says_nothing_about_the_drill() -> None:
    """A fifth of its requests is not good without any drill: more than the bound."""
    run = booked(MOVE)
    for index in range(100):
        (run.bad if index % 5 == 0 else run.op)(20 + index / 2)
    for index in range(20):
        run.bad(138 + index / 10)
    verdict = carried_out(run).verdict("drill-failed-requests/move")
    assert verdict.status is INCONCLUSIVE
    assert "in calm, without the drill, 20.000% were not good either" in verdict.reason


DEPLOY = Drill("deploy", "deploy.rolling", "break", 25, 30, {}, expected=DrillBounds(10, 0.0, 0))


def test_a_drill_of_the_whole_environment_concerns_every_customer() -> None:
    """A request that fails at any shard is one that it cost."""
    run = carried_out(booked(DEPLOY))
    assert run.verdict("drill-failed-requests/deploy").status is PASS
    run.bad(136, shard=2, franchise=150)
    verdict = run.verdict("drill-failed-requests/deploy")
    assert verdict.status is FAIL
    assert verdict.reason.startswith("1 of ")


def test_a_duration_counts_from_the_first_step_that_is_timed() -> None:
    """A rollback needs a release to go back from: the deploy before it, half a second, is none of its duration."""
    run = carried_out(booked(DEPLOY), timed=True)
    assert run.verdict("drill-duration/deploy").measured == 4.5


def test_a_switchover_loses_no_acknowledged_write() -> None:
    """One that is missing fails it, with the request."""
    assert carried_out(booked(MOVE)).verdict("drill-loss/move").status is PASS
    run = booked(MOVE)
    run.book(136, 3000, final=False)
    verdict = carried_out(run).verdict("drill-loss/move")
    assert verdict.status is FAIL
    assert verdict.measured == pytest.approx(3.99)
    assert verdict.witnesses[0].facts()["effect"]["booking"] == 3000


def test_the_longest_refusal_of_writes_lies_between_two_acknowledgements() -> None:
    """A create is refused at 137.2 and 137.7; the last acknowledgement before them is of 137.01, the next of 138.01."""
    run = Run((INTEGRITY,), drills=(MOVE,))
    for index in range(50):
        if not 137 < 120 + index / 2 < 138:
            run.book(120 + index / 2, 1000 + index)
    run.act("create", 137.2, outcome="info", good=False, status=503, key="a")
    run.act("create", 137.7, outcome="info", good=False, status=503, key="b")
    (figures,) = carried_out(run).assess(breaches=False).drills
    assert figures.writes_refused_s == pytest.approx(1.0)


RANGE = Drill("range", "shard.migrate-range", "break", 25, 30, {"shard": 1}, expected=DrillBounds(refusal=2))


def fenced(until: float = 137.3) -> Run:
    """Franchises 1 to 10 are fenced from 137 to an instant. Each has a booking every half second, and so has franchise 50, which does not move."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    for index in range(50):
        at = 120 + index / 2
        run.book(at, 1000 + index, took=until + 0.02 - at if 137 <= at < until else 0.01)
        run.book(at, 2000 + index, franchise=50, barber=2)
    return begun(run, until)


def begun(run: Run, until: float) -> Run:
    """The run with a drill that fenced franchises 1 to 10 from 137 to an instant."""
    carried_out(run)
    begin, act, proof, end = run.changes["drills"]
    facts = {"first": 1, "last": 10, "fenced_ns": ns(137), "opened_ns": ns(until)}
    run.changes["drills"] = (replace(begin, facts=facts), act, proof, end)
    return run


@pytest.mark.parametrize(
    ("until", "status", "measured", "met"),
    [(137.3, PASS, 0.32, 1), (138.9, PASS, 1.92, 4), (139.4, FAIL, 2.42, 5)],
)
def test_a_fence_refuses_for_as_long_as_a_customer_of_the_range_waits(until: float, status: Status, measured: float, met: int) -> None:
    """From when the write was due; customers of other franchises waited for nothing."""
    run = fenced(until)
    verdict = run.verdict("drill-refusal/range")
    assert verdict.status is status
    assert verdict.measured == pytest.approx(measured)
    assert f"{met} write{'' if met == 1 else 's'} met the fence" in verdict.reason
    assert run.assess(breaches=False).drills[0].writes_refused_s == verdict.measured
    if status is FAIL:
        (witness,) = verdict.witnesses
        assert "waited for the move of its franchise" in str(witness.facts())


def test_a_write_that_was_refused_waits_for_the_next_one_that_is_accepted() -> None:
    """503 at 137.1; the next booking of the range is accepted at 138.21 only. That of franchise 50 in between is of another shard's business."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    for number, (at, franchise) in enumerate(((136, 1), (137.4, 50), (138.2, 10), (138.4, 1))):
        run.book(at, 1000 + number, franchise=franchise)
    run.act("create", 137.1, outcome="info", good=False, status=503, key="a")
    begun(run, 137.3)
    verdict = run.verdict("drill-refusal/range")
    assert verdict.status is PASS
    assert verdict.measured == pytest.approx(138.21 - 137.1)


def test_a_range_that_nobody_wrote_to_was_refused_for_as_long_as_the_fence_stood() -> None:
    """It is known from the drill itself."""
    run = Run((INTEGRITY,), drills=(RANGE,))
    run.book(130, 1000, franchise=50)
    begun(run, 137.25)
    verdict = run.verdict("drill-refusal/range")
    assert verdict.status is PASS
    assert verdict.measured == 0.25
    assert "0 writes met the fence" in verdict.reason


def test_a_move_that_was_given_up_says_nothing_of_its_refusal() -> None:
    """It failed already."""
    run = carried_out(booked(RANGE), how="failed", why="compare both shards: bookings 7 is on shard 1 and not on shard 5")
    assert run.verdict("drill/range").status is FAIL
    assert run.verdict("drill-refusal/range").status is INCONCLUSIVE


def test_another_drill_is_bound_by_the_gap_between_acknowledged_writes() -> None:
    """Half a second without one, in which one was refused."""
    run = carried_out(booked(replace(MOVE, expected=DrillBounds(refusal=0.4))))
    assert run.verdict("drill-refusal/move").status is PASS
    run.act("create", 137.2, outcome="info", good=False, status=503, key="a")
    assert run.verdict("drill-refusal/move").status is FAIL


def test_a_drill_is_not_an_unplanned_fault() -> None:
    """Though it stands in the ledger."""
    assert [verdict.id for verdict in carried_out(booked()).assess(breaches=False).verdicts if verdict.id.startswith("unplanned")] == []


@pytest.fixture(scope="module")
def rightly_restored() -> Callable[[Instant], Restoration]:
    """A right restore, compared with the run for any instant."""
    run = booked()
    rows, final = frame(restored(run), BOOKINGS), frame(run.bookings or (), BOOKINGS)
    evidence = run.evidence
    writes = joined(evidence, MUTATING)
    return lambda instant: compare(writes, evidence.operations, rows, final, instant)


@settings(max_examples=examples(30))
@given(unsure_ns=st.integers(0, 400_000_000), drift_ns=st.integers(-400_000_000, 400_000_000))
def test_the_uncertainty_of_the_clocks_only_excuses(
    rightly_restored: Callable[[Instant], Restoration], unsure_ns: int, drift_ns: int
) -> None:
    """A right restore stays right however uncertain the clocks are; the uncertainty holds what they drifted apart."""
    first = Anchor(START_NS, WALL_START_S * 10**9, 0)
    near = Anchor(ns(135), (WALL_START_S + 135) * 10**9 + drift_ns, unsure_ns)
    instant = Instant.of((WALL_START_S + TARGET_S) * 10**9 + drift_ns, near, first)
    assert instant.at_ns == ns(TARGET_S)
    assert instant.unsure_ns >= unsure_ns + abs(drift_ns)
    found = rightly_restored(instant)
    assert (found.missing_count, found.beyond_count, found.different_count) == (0, 0, 0)
    assert found.before + found.after + found.between == 50


CANARY = Drill("canary", "deploy.canary", "break", 25, 30, claims=("C1",))
BAD = "the release bad was bad and was stopped at 10%; 14 of the 85 requests that it got were hurt"


def stopped(run: Run, at: float | None = 0.1, *, holds: bool = True) -> Run:
    """The run with a deploy that stopped its release at this share; ``None``: it was rolled out."""
    how, why = ("carried-out", "") if at is None else ("stopped", BAD)
    carried_out(run, how=how, why=why, holds=holds)
    begin, act, proof, end = run.changes["drills"]
    run.changes["drills"] = (begin, replace(act, facts={} if at is None else {STOPPED_AT: at}, done=True), proof, end)
    return run


@pytest.mark.parametrize(
    ("expected", "at", "holds", "status", "reason"),
    [
        (None, None, True, PASS, ""),
        (None, 0.1, True, FAIL, BAD),
        (0.1, 0.1, True, PASS, BAD),
        (1.0, 1.0, True, PASS, BAD),
        (0.1, 0.5, True, FAIL, "the release was stopped only at 50%, not at 10%: "),
        (0.1, None, True, FAIL, "the release was rolled out to its end; the plan expects it to be stopped at 10%"),
        (0.1, 0.1, False, FAIL, "its end state is not as it must be"),
        (None, 0.1, False, FAIL, "its end state is not as it must be"),
    ],
)
def test_a_deploy_that_stops_is_judged_by_what_the_plan_expects_of_its_release(
    expected: float | None, at: float | None, holds: bool, status: Status, reason: str
) -> None:
    """A good one must get through, a bad one must be stopped, in time; and after a stop all must be as before."""
    verdict = stopped(booked(replace(CANARY, expected=DrillBounds(stopped=expected))), at, holds=holds).verdict("drill/canary")
    assert verdict.status is status
    assert verdict.reason.startswith(reason)
    assert bool(verdict.witnesses) is (status is FAIL)


@pytest.mark.parametrize(
    ("expected", "at", "status"), [(None, 0.1, INCONCLUSIVE), (0.1, None, INCONCLUSIVE), (0.1, 0.1, PASS), (None, None, PASS)]
)
def test_a_noisy_machine_makes_no_release_bad(expected: float | None, at: float | None, status: Status) -> None:
    """Nor is a bad one let through by the deploy's fault."""
    run = stopped(booked(replace(CANARY, expected=DrillBounds(stopped=expected))), at)
    run.changes["resources"] = starving((136, 139))
    verdict = run.verdict("drill/canary")
    assert verdict.status is status
    assert ("but meanwhile" in verdict.reason) is (status is INCONCLUSIVE)


def test_a_stop_has_a_duration() -> None:
    """Until the release from before was proven to serve."""
    run = stopped(booked(replace(CANARY, expected=DrillBounds(duration=10, stopped=0.1))))
    assert run.verdict("drill-duration/canary").status is PASS
    assert run.assess(breaches=False).drills[0].ended == "stopped"


BACK = Drill("files", "restore.files", "break", 25, 30, {}, expected=DrillBounds(10, 0.1, 5.0))


def of_files(run: Run, told: Mapping[str, Fact], **more: Any) -> Run:
    """The run with a restore of files whose last step found this."""
    (drill,) = run.drills
    run.events += ledger(drill.id)
    first, act, *rest = events(drill.id, **more)
    assert isinstance(act, DrillStepped)
    run.changes["drills"] = (first, replace(act, facts=told), *rest)
    return run


@pytest.mark.parametrize(
    ("window_s", "lost", "acknowledged", "bound_s", "expected", "reason"),
    [
        (4.5, 45, 900, 5.0, PASS, "45 acknowledged files are missing, the oldest from 4.500 s before"),
        (0.0, 0, 900, 5.0, PASS, ""),
        (5.5, 55, 900, 5.0, FAIL, "55 acknowledged files are missing, the oldest from 5.500 s before; the bound is 5 s"),
        (0.0, 1, 900, 0.0, FAIL, "1 acknowledged file is missing"),
        (0.0, 0, 0, 5.0, INCONCLUSIVE, "no file was acknowledged before it, so nothing could be lost"),
    ],
)
def test_the_loss_of_files_is_that_of_the_oldest_acknowledged_one(
    window_s: float, lost: int, acknowledged: int, bound_s: float, expected: Status, reason: str
) -> None:
    """As the drill itself found it; one that fails names that file. No row of a database is asked for."""
    told: dict[str, Fact] = {ACKNOWLEDGED: acknowledged, LOST: lost, LOSS_S: window_s, OLDEST_LOST: "uploads/1" if lost else None}
    run = of_files(booked(replace(BACK, expected=DrillBounds(10, 0.1, bound_s))), told)
    verdict = run.verdict("drill-loss/files")
    assert verdict.status is expected
    assert verdict.reason.startswith(reason)
    assert [witness.facts()["saw"].partition(";")[0] for witness in verdict.witnesses] == (["uploads/1"] if expected is FAIL else [])
    assert not [each for each in run.assess(breaches=False).verdicts if each.measure == "drill_rows"]
    (figures,) = run.assess(breaches=False).drills
    assert (figures.loss_window_s, figures.lost_writes) == (window_s, lost)


def test_a_restore_of_files_that_found_nothing_out_is_inconclusive() -> None:
    """Not a loss of nothing."""
    verdict = of_files(booked(BACK), {}).verdict("drill-loss/files")
    assert verdict.status is INCONCLUSIVE
    assert "restored nothing that could be compared" in verdict.reason
