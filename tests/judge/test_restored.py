"""Restores: what is missing, what is too much, and what nobody can know, against the writes that were acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.clock import Anchor
from closeshave.history import ACKNOWLEDGED, BOOKINGS, BY_HOOKS, LOSS_S, LOST, OLDEST_LOST, DrillStepped, Fact, frame
from closeshave.judge.evidence.writes import MUTATING, joined
from closeshave.judge.measures.restored import Instant, Restoration, compare
from closeshave.judge.verdict import Status
from closeshave.plan import Drill, DrillBounds
from tests.judge.drilled import CHOSEN, FAIL, INCONCLUSIVE, PASS, RESTORE, TARGET_S, booked, carried_out, events, ledger, restored
from tests.judge.histories import START_NS, WALL_START_S, Run, ns
from tests.tiers import examples


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


def test_a_restore_by_the_operators_hooks_has_no_rows_to_compare() -> None:
    """Nobody else can read what it restored: its end state is proven by the operator's own call, and no verdict on rows stays open."""
    run = carried_out(booked(), chosen={BY_HOOKS: True})
    verdicts = {verdict.id: verdict.status for verdict in run.assess(breaches=False).verdicts if verdict.scope == "drill:restore"}
    assert "drill-rows/restore" not in verdicts
    assert (verdicts["drill/restore"], verdicts["drill-loss/restore"]) == (PASS, PASS)


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


@pytest.mark.parametrize(
    ("kind", "window_s", "lost", "bound_s", "expected", "reason"),
    [
        ("cache.reshard", 0.0, 0, 0.0, PASS, ""),
        ("cache.reshard", 0.25, 1, 0.0, FAIL, "1 acknowledged key is missing, the oldest from 0.250 s before; the bound is 0 s"),
        ("cache.replace-node", 0.25, 12, 1.0, PASS, "12 acknowledged keys are missing, the oldest from 0.250 s before"),
        ("cache.replace-node", 1.25, 90, 1.0, FAIL, "90 acknowledged keys are missing, the oldest from 1.250 s before; the bound is 1 s"),
    ],
)
def test_the_loss_of_keys_is_that_of_the_oldest_acknowledged_one(
    kind: str, window_s: float, lost: int, bound_s: float, expected: Status, reason: str
) -> None:
    """As of files."""
    told: dict[str, Fact] = {ACKNOWLEDGED: 900, LOST: lost, LOSS_S: window_s, OLDEST_LOST: "closeshave:moved:1" if lost else None}
    drill = replace(BACK, id="keys", kind=kind, scope={"tier": "sessions"}, expected=DrillBounds(10, 0.1, bound_s))
    verdict = of_files(booked(drill), told).verdict("drill-loss/keys")
    assert verdict.status is expected
    assert verdict.reason.startswith(reason)


def test_keys_of_which_none_was_acknowledged_could_not_be_lost() -> None:
    """Such a drill shows nothing."""
    told: dict[str, Fact] = {ACKNOWLEDGED: 0, LOST: 0, LOSS_S: 0.0, OLDEST_LOST: None}
    drill = replace(BACK, id="keys", kind="cache.reshard", scope={"tier": "sessions"})
    verdict = of_files(booked(drill), told).verdict("drill-loss/keys")
    assert (verdict.status, verdict.reason) == (INCONCLUSIVE, "no key was acknowledged before it, so nothing could be lost")


def test_a_restore_of_files_that_found_nothing_out_is_inconclusive() -> None:
    """Not a loss of nothing."""
    verdict = of_files(booked(BACK), {}).verdict("drill-loss/files")
    assert verdict.status is INCONCLUSIVE
    assert "compared nothing with what was acknowledged" in verdict.reason
