"""Drills: what their verdicts say of known histories, from the steps, proofs and figures of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import STOPPED_AT, Mark
from closeshave.judge.verdict import Status
from closeshave.plan import Drill, DrillBounds
from tests.judge.drilled import FAIL, INCONCLUSIVE, MOVE, PASS, RESTORE, booked, carried_out
from tests.judge.histories import START_NS, Run, ns, starving


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


@pytest.mark.parametrize(("failed", "expected"), [(29, PASS), (30, FAIL)])
def test_a_share_of_just_the_bound_is_within_it(failed: int, expected: Status) -> None:
    """29 of 100 are 29 %, although 0.29 x 100 is 28.999999999999996 in a computer."""
    run = booked(replace(MOVE, expected=DrillBounds(failed_requests=0.29)))
    for index in range(85):
        (run.bad if index < failed else run.op)(136 + index / 20)
    verdict = carried_out(run).verdict("drill-failed-requests/move")
    assert (verdict.status, verdict.n) == (expected, 100)


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


def test_a_shard_that_was_not_read_back_may_have_lost_writes() -> None:
    """Nothing that is missing was looked for there; what is proven to be missing elsewhere still fails."""
    run = carried_out(booked(MOVE))
    run.marks.append(Mark(START_NS, "part-missing", "final state of shard 1: its primary could not be reached"))
    verdict = run.verdict("drill-loss/move")
    assert verdict.status is INCONCLUSIVE
    assert "only partly read: shard 1: its primary could not be reached" in verdict.reason
    assert [drill.lost_writes for drill in run.assess(breaches=False).drills] == [None]


def test_a_loss_within_its_bound_is_no_pass_where_not_everything_was_read() -> None:
    """What was not looked for may be older than what is known to be missing; beyond the bound it fails all the same."""
    allowed = replace(MOVE, expected=replace(MOVE.expected, loss=30.0))
    for unread, bound_s, status in ((False, 30.0, PASS), (True, 30.0, INCONCLUSIVE), (True, 1.0, FAIL)):
        run = booked(replace(allowed, expected=replace(allowed.expected, loss=bound_s)))
        run.book(136, 3000, final=False)
        run.book(136.5, 3001, client="7")
        if unread:
            run.marks.append(Mark(START_NS, "part-missing", "final state of client 7: it could not log in"))
        assert carried_out(run).verdict("drill-loss/move").status is status


def test_a_drill_is_not_an_unplanned_fault() -> None:
    """Though it stands in the ledger."""
    assert [verdict.id for verdict in carried_out(booked()).assess(breaches=False).verdicts if verdict.id.startswith("unplanned")] == []


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
