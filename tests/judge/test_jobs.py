"""Jobs of workers: none lost, none done twice, none late, and what may explain a missing one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import JOBS, Job, frame
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.witnesses import JobWitness
from closeshave.target import Objective
from tests.judge.histories import INTEGRITY, KILL, LOSS, WALL_START_S, Run, ns, starving

READ_AT = 230.0
NAMES = ("jobs_lost", "jobs_twice", "jobs_late")


def job(booking: int, kind: str = "receipt", due: float = 60, done: float | None = 61, **fields: Any) -> Job:
    """A job of a booking on shard 1; times in seconds after the start, late 30 s after it is due."""
    at = {"due_at": WALL_START_S + due, "late_at": WALL_START_S + due + 30, "done_at": None if done is None else WALL_START_S + done}
    usual = {"job": booking * 10, "franchise": 1, "found_on": 1, "worker": None if done is None else "w", "read_at": WALL_START_S + READ_AT}
    return Job(**{"booking": booking, "kind": kind, **at, **usual, **fields})


def judged(name: str, *jobs: Job, objectives: tuple[Objective, ...] = (INTEGRITY,), **changes: Any) -> Verdict:
    """The verdict on these jobs, of a run in which both bookings were made."""
    made = Run(objectives, (KILL,))
    made.life(dead_ns=ns(120))
    made.book(60, 1)
    made.book(60, 2)
    manifest = replace(made.history.manifest, jobs=True)
    made.changes = {"manifest": manifest, "jobs": frame(jobs, JOBS), **changes}
    return made.verdict(f"integrity/{name}")


@pytest.mark.parametrize("name", NAMES)
def test_jobs_that_are_done_once_and_in_time_pass(name: str) -> None:
    """Of each booking a receipt and a reminder."""
    verdict = judged(name, job(1), job(1, "reminder", due=65, done=95), job(2), job(2, "reminder"))
    assert (verdict.status, verdict.n, verdict.measured) == (Status.PASS, 4, 0)


@pytest.mark.parametrize(
    ("name", "jobs", "count", "witness"),
    [
        ("jobs_lost", (job(1), job(2, done=None)), 1, "this receipt has no effect"),
        ("jobs_lost", (job(1), job(2, "reminder", done=None, job=None)), 1, "this reminder has no effect"),
        ("jobs_lost", (job(1, done=None), job(2, done=None), job(2, "reminder")), 2, "this receipt has no effect"),
        ("jobs_twice", (job(1), job(2, done=61), job(2, done=62)), 1, "done although it had been done before"),
        ("jobs_twice", (job(2, done=63), job(2, done=61), job(2, done=62)), 2, "done although it had been done before"),
        ("jobs_late", (job(1), job(2, done=90.01)), 1, "done when its time was over"),
    ],
)
def test_what_workers_did_wrong_fails_with_the_job_as_witness(name: str, jobs: tuple[Job, ...], count: int, witness: str) -> None:
    """And nothing else fails."""
    verdict = judged(name, *jobs)
    assert (verdict.status, verdict.measured) == (Status.FAIL, count)
    assert all(isinstance(each, JobWitness) and witness in each.why for each in verdict.witnesses)
    assert {other: judged(other, *jobs).status for other in NAMES if other != name} == dict.fromkeys({*NAMES} - {name}, Status.PASS)


def test_the_second_effect_is_the_breach_and_names_the_first() -> None:
    """Whatever the order of the file."""
    for jobs in ((job(2, done=61), job(2, done=62)), (job(2, done=62), job(2, done=61))):
        [witness] = judged("jobs_twice", *jobs).witnesses
        assert isinstance(witness, JobWitness)
        assert (witness.job.done_at, [each.done_at for each in witness.others]) == (WALL_START_S + 62, [WALL_START_S + 61])


def test_a_job_of_another_kind_is_no_second_effect() -> None:
    """Nor is one of another booking, or of a booking with the same number on another shard."""
    jobs = (job(1), job(1, "reminder"), job(2), job(1, found_on=2, franchise=101))
    assert judged("jobs_twice", *jobs).status is Status.PASS


def test_a_job_that_was_open_and_not_late_when_it_was_read_is_not_decided() -> None:
    """It may have been done a moment later."""
    verdict = judged("jobs_lost", job(1), job(2, due=READ_AT - 1, done=None))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason == "1 job was open and not late yet when the final state was read"


def test_a_missing_effect_on_a_shard_that_lost_its_last_changes_is_unknown() -> None:
    """The record of it may have been among them; on the other shard nothing excuses it."""
    lost = job(1, done=None)
    verdict = judged("jobs_lost", lost, job(2), objectives=(INTEGRITY, LOSS))
    assert verdict.status is Status.INCONCLUSIVE
    assert "1 job has no effect on shards that lost their last changes" in verdict.reason
    elsewhere = judged("jobs_lost", replace(lost, found_on=2), job(2), objectives=(INTEGRITY, LOSS))
    assert elsewhere.status is Status.FAIL


def test_a_job_that_other_programs_delayed_is_not_called_late() -> None:
    """They had the machine between the instant at which it was due and its end."""
    late = (job(1), job(2, due=130, done=170))
    assert judged("jobs_late", *late).status is Status.FAIL
    verdict = judged("jobs_late", *late, resources=starving((140, 160)))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason == "1 job was late while other programs disturbed the machine"


@pytest.mark.parametrize("name", NAMES)
def test_jobs_that_could_not_be_read_are_unknown(name: str) -> None:
    """Workers ran, so they are asked for."""
    verdict = judged(name, jobs=None)
    assert (verdict.status, verdict.reason) == (Status.INCONCLUSIVE, "the final state of jobs is missing")


def test_without_workers_nothing_is_asked() -> None:
    """It is said once, and changes no result."""
    made = Run((INTEGRITY,), (KILL,))
    made.life(dead_ns=ns(120))
    made.book(60, 1)
    found = made.assess()
    assert not [verdict for verdict in found.verdicts if verdict.measure in NAMES]
    assert {each.id for each in found.not_asked} >= {*NAMES}


def test_workers_without_any_job_prove_nothing() -> None:
    """No booking, no chance to lose a job."""
    assert {judged(name).status for name in NAMES} == {Status.INCONCLUSIVE}
