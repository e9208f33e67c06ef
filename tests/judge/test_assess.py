"""The whole assessment: whether the evidence is complete, whether every judge gave a verdict, and the status of the run."""

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from closeshave.history import EdgeCount, Mark, Sent
from closeshave.judge import assess, exit_code
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.judge.verdict import Assessment, Status, worst
from closeshave.judge.verdicts import objectives
from closeshave.plan import Expected, Fault
from closeshave.target import Measure, Objective
from closeshave.vocabulary import Ending
from tests.judge.clean import REFUSED, shown
from tests.judge.histories import AVAILABILITY, EIGHT, INTEGRITY, KILL, LOSS, RECOVERY, Run

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def whole() -> Run:
    """Everything a good run has: calm customers, bookings with payments, a kill that was recovered from in 4 s."""
    run = Run((AVAILABILITY, RECOVERY, LOSS, INTEGRITY), (KILL,))
    run.life(dead_ns=run.history.manifest.phases[0].started_ns + 120 * 10**9)
    run.steady(1000)
    run.probes(100, 190, down=((120, 124),))
    for index in range(40):
        at = 100 + index if index < 20 else 106 + index
        run.book(at, 1000 + index, session=f"s{index}")
        run.act("capture", at + 0.3, booking=1000 + index)
        run.capture(1000 + index, at=at + 0.3)
        run.act("read", at + 0.6, booking=1000 + index, session=f"s{index}", version=1, read_values=shown(1000 + index))
    run.book(100.2, 1000, final=False, session="s0", attempt=2)
    run.book(150, None, final=False, session="rival", key="rival", starts_at=EIGHT + 3600 * 1000, **REFUSED)
    run.signal(121, "suspected")
    run.signal(123, "promoted")
    run.steady(30, 126, 190)
    return run


def test_a_good_run_passes() -> None:
    """Every verdict passes, there is nothing to say, and the exit code is 0."""
    assessment = whole().assess()
    assert [verdict for verdict in assessment.verdicts if verdict.gates and verdict.status is not PASS] == []
    assert (assessment.status, assessment.reasons, exit_code(assessment)) == (PASS, (), 0)
    ids = [verdict.id for verdict in assessment.verdicts]
    assert len(ids) == len(set(ids))
    assert {"availability/all", "recovery/kill", "loss/kill", "split-brain/kill", "integrity/lost", "healed/kill", "reconciled"} <= set(ids)


def test_every_verdict_except_a_pass_has_a_reason() -> None:
    """An empty run is inconclusive in every verdict, and each gives its reason."""
    assessment = Run((AVAILABILITY, RECOVERY, LOSS, INTEGRITY), (KILL,)).assess()
    assert assessment.status is INCONCLUSIVE
    assert all(verdict.reason for verdict in assessment.verdicts if verdict.status is not PASS)
    assert all(reason.partition(": ")[2] for reason in assessment.reasons)


def test_failures_are_named_before_doubts() -> None:
    """The worst comes first among the reasons."""
    run = whole()
    run.book(30, 5000, final=False)
    run.changes["edges"] = None
    assert [reason.partition(":")[0] for reason in run.assess().reasons] == ["integrity/lost", "reconciled/edges"]


# -- harness damage: each makes the run inconclusive and none makes it pass or fail -----------------------------------------------------------


def _resent(run: Run, **changes: Any) -> None:
    run.changes["sent"] = tuple(replace(sent, **changes) if sent.source == "customers" else sent for sent in run.sent())


def dropped_record(run: Run) -> None:
    """One row less than the sender recorded."""
    run.changes["operations"] = run.history.operations.iloc[:-1]


def unknown_rows(run: Run) -> None:
    """Rows of a source for which no sender answers."""
    run.changes["sent"] = tuple(sent for sent in run.sent() if sent.source != "canary")


def row_twice(run: Run) -> None:
    """An operation that is there twice, and is counted twice by its sender."""
    operation = run.op(50)
    run.operations.append(operation)


def killed_worker(run: Run) -> None:
    """It never said that it was done."""
    _resent(run, finished=False)


def unsent(run: Run) -> None:
    """Due and never sent."""
    _resent(run, intended=10**6)


def unrecorded(run: Run) -> None:
    """Sent and not recorded."""
    _resent(run, sent=10**6, intended=10**6)


def silent_senders(run: Run) -> None:
    """No sender recorded its counts."""
    run.changes["sent"] = ()


def lost_effects(run: Run) -> None:
    """Acknowledged bookings without a record of what was booked."""
    run.changes["effects"] = run.history.effects.iloc[1:]


def stray_effect(run: Run) -> None:
    """An effect without an operation."""
    run.effects.append(replace(run.effects[-1], operation=10**9))


def edges_saw_less(run: Run) -> None:
    """Answers came that passed no edge."""
    run.changes["edges"] = (EdgeCount("east", 5),)


def edges_saw_more(run: Run) -> None:
    """The edges counted requests that no sender sent."""
    run.changes["edges"] = (EdgeCount("east", len(run.operations)), EdgeCount("west", 1))


def edges_are_mute(run: Run) -> None:
    """No counts."""
    run.changes["edges"] = None


def broken_file(run: Run) -> None:
    """A Parquet file was torn."""
    run.changes["damage"] = ("captures.parquet cannot be read: torn",)


def interrupted(run: Run) -> None:
    """The operator pressed Ctrl-C."""
    run.changes["manifest"] = replace(run.history.manifest, interrupted="stopped by SIGINT")


def missing_phase(run: Run) -> None:
    """A phase of the plan never ran."""
    run.changes["manifest"] = replace(run.history.manifest, phases=run.history.manifest.phases[1:])


def short_phase(run: Run) -> None:
    """The calm lasted 2 s less than planned."""
    warm, calm, rest = run.history.manifest.phases
    run.changes["manifest"] = replace(run.history.manifest, phases=(warm, replace(calm, ended_ns=calm.ended_ns - 2 * 10**9), rest))


def harness_error(run: Run) -> None:
    """A step of the harness raised."""
    run.marks.append(Mark(run.history.manifest.anchor.monotonic_ns, "harness-error", "signals: OSError: gone"))


def unseen_fault(run: Run) -> None:
    """No probe saw it take effect."""
    run.events = [event for event in run.events if event.edge != "observed"]


def unhealed_fault(run: Run) -> None:
    """Nothing proves the heal."""
    run.events = [event for event in run.events if event.edge != "verified-healed"]


def skipped_fault(run: Run) -> None:
    """The fault was not injected, because the one before it was not healed in time."""
    run.events = []
    run.marks.append(Mark(run.history.manifest.anchor.monotonic_ns, "fault-skipped", "kill"))


def late_canaries(run: Run) -> None:
    """The canaries' sender was late by more than a tenth of their bound."""
    for operation in [operation for operation in run.operations if operation.source == "canary"][-300:]:
        run.operations.remove(operation)
    run.probes(160, 190, late=0.2, took=0.21)


DAMAGES = {
    dropped_record: "reconciled", unknown_rows: "reconciled", row_twice: "reconciled", killed_worker: "reconciled", unsent: "reconciled",
    unrecorded: "reconciled", silent_senders: "reconciled", lost_effects: "reconciled/effects", stray_effect: "reconciled/effects",
    edges_saw_less: "reconciled/edges", edges_saw_more: "reconciled/edges", edges_are_mute: "reconciled/edges", broken_file: "evidence",
    interrupted: "complete", missing_phase: "complete", short_phase: "complete", harness_error: "complete", unseen_fault: "observed/kill",
    unhealed_fault: "healed/kill", skipped_fault: "observed/kill", late_canaries: "generator/canary",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "detail", "reason"),
    [
        ("note", "kill: unfit", "kill was injected, but no independent probe saw it in effect"),
        ("fault-not-observed", "kill", "kill was injected, but no independent probe saw it in effect"),
        ("fault-not-observed", "kill-2: not observed within 5 s", "kill was injected, but no independent probe saw it in effect"),
        (
            "fault-not-observed", "kill: not observed within 5 s; the probe last saw: the primary is still pg-1",
            "kill was injected, but not observed within 5 s; the probe last saw: the primary is still pg-1",
        ),
        ("fault-ended-early", "kill", "kill ended before the harness healed it: something else undid it at an unknown time"),
        (
            "fault-ended-early", "kill: not seen any more; the probe last saw: app-1 answers",
            "kill ended before the harness healed it: something else undid it at an unknown time (not seen any more; the probe last saw: app-1 answers)",
        ),
    ],
)  # fmt: skip
def test_a_fault_that_was_not_seen_says_what_its_probe_saw(kind: str, detail: str, reason: str) -> None:
    """The timeline knows; marks of older versions, and of other faults, say nothing of it."""
    run = whole()
    unseen_fault(run)
    run.marks.append(Mark(run.history.manifest.anchor.monotonic_ns, kind, detail))
    (found,) = [verdict for verdict in run.assess().verdicts if verdict.id == "observed/kill"]
    assert (found.status, found.reason) == (Status.INCONCLUSIVE, reason)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_harness_is_inconclusive(damage: Any) -> None:
    """With the reason on the verdict meant for it; never a pass, and never the platform's fault."""
    run = whole()
    damage(run)
    assessment = run.assess()
    assert assessment.status is INCONCLUSIVE
    assert {each.id: each.status for each in assessment.verdicts}[DAMAGES[damage]] is INCONCLUSIVE


def test_unanswered_requests_explain_a_difference_at_the_edges() -> None:
    """Every count between the number of answered requests and the number of sent requests is right."""
    run = whole()
    answered = len(run.operations)
    run.bad(50, status=0)
    for counted, expected in ((answered - 1, INCONCLUSIVE), (answered, PASS), (answered + 1, PASS), (answered + 2, INCONCLUSIVE)):
        run.changes["edges"] = (EdgeCount("east", counted),)
        assert run.verdict("reconciled/edges").status is expected


# -- judges that cannot judge ---------------------------------------------------------------------------------------------------------------


def _raises(*_: Any) -> Any:
    raise ZeroDivisionError("planted")


def test_a_judge_that_raises_is_inconclusive_and_the_others_still_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its verdict names the error; the others are given as usual."""
    monkeypatch.setattr(objectives, "judge", _raises)
    assessment = whole().assess()
    found = {verdict.id: verdict for verdict in assessment.verdicts}
    assert found["judge/availability"].status is INCONCLUSIVE
    assert "ZeroDivisionError: planted" in found["judge/availability"].reason
    assert "in _raises" in assessment.tracebacks["availability"]
    assert found["recovery/kill"].status is PASS
    assert assessment.status is INCONCLUSIVE


@mock.patch.dict(INVARIANTS, {"lost": replace(INVARIANTS["lost"], search=_raises)})
def test_a_search_that_raises_is_inconclusive() -> None:
    """Its own verdict and its figure are unknown; the other searches are not."""
    run = whole()
    assert run.verdict("integrity/lost").status is INCONCLUSIVE
    assert run.verdict("integrity/phantom").status is PASS
    assert run.assess().integrity.breaches["lost"] is None


def test_evidence_of_the_wrong_shape_raises_nowhere() -> None:
    """A history without columns is inconclusive in all verdicts."""
    run = whole()
    run.changes["operations"] = run.history.operations[["id"]]
    assert run.assess().status is INCONCLUSIVE


def test_a_target_without_objectives_is_never_a_pass_by_itself() -> None:
    """An empty history and no objective to judge."""
    run = Run()
    assert assess(run.history, run.plan, run.target).status is INCONCLUSIVE


# -- figures --------------------------------------------------------------------------------------------------------------------------------


def test_the_loads_figures() -> None:
    """1,000 requests in 100 s of calm, 10 ms each but one; totals are of the whole run."""
    run = Run()
    run.steady(999)
    run.op(60, 2.0)
    run.steady(50, 120, 130)
    load = run.assess(breaches=False).load
    assert (load.intended, load.sent, load.recorded, load.edge_count) == (1050, 1050, 1050, 1050)
    assert (load.rate_offered, load.rate_completed, load.send_lateness_p99_ms) == (10.0, 10.0, 0.0)
    assert load.response_ms == {"p50": 10.0, "p95": 10.0, "p99": 10.0, "p999": 10.0}


def test_a_full_outage_of_259_seconds_burns_four_nines() -> None:
    """4.32 min of outage are the month's budget of 99.99 %: 40 s of it burn 15.4 %, whatever the rate."""
    run = Run((replace(AVAILABILITY, at_least=0.9999),), (KILL,))
    run.life(healed=150, verified=160)
    run.steady(1100, 10, 120)
    for index in range(400):
        run.bad(120 + index / 10)
    run.steady(300, 160, 190)
    assert run.assess(breaches=False).faults[0].budget_burnt == pytest.approx(40 / 259.2)


def test_without_an_availability_objective_there_is_no_budget() -> None:
    """Unknown, not zero."""
    run = whole()
    run.objectives = (RECOVERY,)
    assert run.assess(breaches=False).faults[0].budget_burnt is None


def test_a_fault_that_was_never_injected_has_no_figures() -> None:
    """None of its instants is known, and none is invented."""
    told = Run((RECOVERY, LOSS), (KILL,)).assess(breaches=False).faults[0]
    assert (told.injected_at_s, told.recovery_s, told.self_recovered, told.loss_window_s, told.healed_verified) == (
        None,
        None,
        None,
        None,
        False,
    )


def test_two_objectives_may_cover_one_fault() -> None:
    """Each gives its own verdict, with its own claims."""
    run = whole()
    run.objectives = (RECOVERY, Objective("failover", ("C1",), Measure.RECOVERY, at_most=3.0, faults=("shard.*",)))
    assert (run.verdict("recovery/kill").status, run.verdict("failover/kill").status) == (PASS, FAIL)


def test_figures_that_are_shown_only_do_not_gate() -> None:
    """A verdict with ``gates`` false counts neither for the status nor among the reasons."""
    assert worst(verdict.status for verdict in whole().assess().verdicts if verdict.gates) is PASS


# -- exit codes -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "ending", "code"),
    [
        (PASS, None, 0),
        (FAIL, None, 1),
        (INCONCLUSIVE, None, 3),
        (PASS, Ending.ENVIRONMENT, 4),
        (FAIL, Ending.ENVIRONMENT, 4),
        (FAIL, Ending.SAFETY, 5),
        (FAIL, Ending.INTERRUPTED, 130),
    ],
)
def test_the_exit_code_states_the_most_severe_cause(status: Status, ending: Ending | None, code: int) -> None:
    """The reason why a run ended early has precedence over its verdicts."""
    assessment: Assessment = replace(whole().assess(), status=status)
    assert exit_code(assessment, ending) == code


def test_senders_of_canaries_are_reconciled_too() -> None:
    """A canary's worker that did not finish is as bad as a customers' one."""
    run = whole()
    run.changes["sent"] = (*run.sent(), Sent("canary", "2", 0, 0, 0, finished=False))
    assert "canary 2 did not finish" in run.verdict("reconciled").reason


def test_a_degraded_platform_recovers_as_one_that_recovers() -> None:
    """Losing the cache tier for good: after 3 s the database answers, and goes on doing so until the harness heals."""
    lost = Fault("kill", "cache.tier-lost", "break", 10, 30, Expected.DEGRADES, {"tier": "cache"})
    run = Run((replace(RECOVERY, faults=("cache.*",)),), (lost,))
    run.life()
    run.probes(100, 190, down=((120, 123),))
    run.probes(100, 190, region="west", shard=2, franchise=101)
    assert run.verdict("recovery/kill").status is PASS
    run.probes(100, 190, region="west", down=((120, 149),))
    assert run.verdict("recovery/kill").status is FAIL
