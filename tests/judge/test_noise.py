"""A noisy machine may cost a pass; it never makes a fail. The effects of other programs are distinguished from the platform's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.judge.evidence.backlog import TAIL_NS_LEAST
from closeshave.judge.evidence.host import disturbances
from closeshave.judge.verdict import Status
from closeshave.target import Measure, Objective
from tests.judge import test_containment as containment
from tests.judge.histories import AVAILABILITY, EIGHT, INTEGRITY, KILL, LATENCY, LOSS, Run, ns
from tests.judge.machines import GIB, old, record
from tests.tiers import examples

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE

BUILD = {"others": 1.45, "delay": 0.01}
"""A build at niceness 19: it takes all that is idle, and nobody waits for it."""
ONE_CORE = {"others": 1.0, "delay": 0.4}
BOTH_CORES = {"others": 1.4, "own": 0.55, "delay": 1.9}
SELF = {"own": 1.97, "others": 0.02, "delay": 12.0}
"""Work for many more processors than there are, all of it the platform's own."""
SELF_BESIDE_BUILD = {"own": 1.94, "others": 0.05, "delay": 12.0}
"""Niceness 19 is a weight of 15 against 1,024."""
MEMORY = {"memory_stall": 0.5, "others_memory": 20 * GIB, "available": GIB / 4, "faults": 300}
OWN_MEMORY = {"memory_stall": 0.5, "own_memory": 20 * GIB, "others_memory": GIB, "available": GIB / 4, "faults": 300}
THEIR_LIMIT = {"memory_stall": 0.9, "others_memory": 3 * GIB}
"""A neighbour at the limit of its own control group: only it stands still."""
DISK = {"io_stall": 0.8, "others_bytes": 400e6}
OWN_DISK = {"io_stall": 0.8, "own_bytes": 400e6}
BUSY = range(40, 60)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, ""),
        (BUILD, ""),
        (ONE_CORE, "delayed the platform by 0.27 s of run-queue time per second"),
        (BOTH_CORES, "delayed the platform"),
        ({"others": 0.4, "delay": 0.3, "own": 0.5}, "delayed the platform"),
        ({"others": 1.0, "senders": 0.5}, "delayed the senders"),
        (SELF, ""),
        (SELF_BESIDE_BUILD, ""),
        ({"steal": 0.3}, "the hypervisor took"),
        (SELF | {"own": 1.6, "steal": 0.38}, "the hypervisor took"),
        (MEMORY, "used most of the memory"),
        (OWN_MEMORY, ""),
        (THEIR_LIMIT, ""),
        (DISK, "kept the storage busy"),
        (OWN_DISK, ""),
        (DISK | {"own_bytes": 0}, "kept the storage busy"),  # what was written before waits too
        ({"stopped_senders": 1}, "stopped senders"),
        ({"stopped_parts": 1}, "stopped parts of the platform"),
        ({"stopped_helpers": 1}, "stopped helpers of the harness"),
        ({"interval": 4.0}, "could not run for 4.0 s"),
        (SELF | {"interval": 4.0}, ""),
    ],
    ids=["quiet", "polite build", "one core", "both cores", "a burst of 0.2 s", "only the senders", "starves itself", "starves itself beside a build",
         "steal", "starves itself, and steal", "memory", "own memory", "a neighbour at its own limit", "disk", "own disk", "disk, nothing written now",
         "stopped sender", "stopped part", "stopped helper", "late sampler", "late by its own work"],
)  # fmt: skip
def test_the_cause_of_a_delay_is_named(change: dict[str, float], cause: str) -> None:
    """Twenty seconds with this cause in an otherwise quiet record: one stretch that begins with the first of them, or none."""
    found = disturbances(record((BUSY, change)))
    assert len(found) == bool(cause)
    for one in found:
        assert cause in one.cause
        assert one.started_ns == ns(40)
        assert ns(60) <= one.ended_ns <= ns(61)


@pytest.mark.parametrize("length", [1, 2, 5, 20])
def test_bursts_are_separate_stretches(length: int) -> None:
    """Between bursts of the neighbour nothing is doubtful except the time until the backlog is gone."""
    found = disturbances(record((range(30, 30 + length), BOTH_CORES), (range(80, 80 + length), BOTH_CORES)))
    assert [(one.started_ns, one.ended_ns) for one in found] == [(ns(30), ns(30 + length)), (ns(80), ns(80 + length))]


def test_a_part_that_a_fault_stopped_is_not_disturbed_by_others() -> None:
    """A part that is stopped by the plan's fault was not disturbed by a neighbour; a stopped sender always was."""
    run = Run((LATENCY,), (KILL,))
    run.life()
    run.steady(1000)
    run.changes["resources"] = record((range(125, 145), {"stopped_parts": 2}))
    assert [*run.evidence.doubtful] == []
    run.changes["resources"] = record((range(125, 145), {"stopped_senders": 1}))
    assert [one.cause for one in run.evidence.doubtful] == ["another program stopped senders"]


def test_what_was_not_recorded_is_doubtful() -> None:
    """A sampler that recorded nothing for half a minute is no evidence of quiet; older records, which have other fields, are not held to that."""
    whole = record()
    gap = whole[(whole["at_ns"] <= ns(50)) | (whole["at_ns"] > ns(80))]
    [found] = disturbances(gap)
    assert (found.started_ns, found.ended_ns, found.cause) == (ns(50), ns(80), "the use of the machine was not recorded")
    assert disturbances(old(gap)) == ()


@pytest.mark.parametrize(("change", "expected"), [({}, 0), (BOTH_CORES, 1), (SELF, 0), (BUILD, 1)])
def test_an_old_record_is_judged_by_the_old_rule(change: dict[str, float], expected: int) -> None:
    """No idle time, and other programs used much: an old record cannot show a build at low priority, so too much is doubtful rather than too little."""
    found = disturbances(old(record((BUSY, change))))
    assert len(found) == expected
    assert all("hardly any idle" in one.cause for one in found)


# -- a generator that others held up ----------------------------------------------------------------------------------------------------------------

STOLEN = {"steal": 0.3}


def _held_up(until: float, *, late: float = 0.05, **changes: Any) -> Run:
    """A request each 10 ms from second 10 to 110; those from second 20 on are sent ``late``, and answered 10 ms after that."""
    run = Run((replace(LATENCY, at_most=0.1, percentile=0.95), replace(AVAILABILITY, at_least=0.99)))
    run.steady(1000, 10, 20)
    run.steady(round((until - 20) * 100), 20, until, late=late, took=late + 0.01)
    run.steady(round((110 - until) * 100), until, 110)
    run.changes |= changes
    return run


@pytest.mark.parametrize(
    ("until", "disturbed", "expected"),
    [
        (21, {20: STOLEN}, PASS),
        (21, {20: BOTH_CORES}, PASS),
        (21, {}, INCONCLUSIVE),  # it was late by itself
        (21, {20: SELF}, INCONCLUSIVE),  # the platform took all processors
        (21, {25: STOLEN}, INCONCLUSIVE),  # others came later
        (30, dict.fromkeys(range(20, 30), STOLEN), PASS),  # all of one window of ten
        (28, {24: STOLEN}, INCONCLUSIVE),  # it was late before they came
        (31, dict.fromkeys(range(20, 31), STOLEN), INCONCLUSIVE),  # the platform did not get the planned load in a fifth of the time
    ],
)
def test_few_windows_in_which_others_held_the_generator_up_cost_no_pass(until: float, disturbed: dict[int, Any], expected: Status) -> None:
    """The promises are kept with these requests, whose times include the lateness, and without them."""
    run = _held_up(until, resources=record(*(([second], what) for second, what in disturbed.items())))
    said = run.assess(breaches=False)
    found = {verdict.id: verdict for verdict in said.verdicts}
    assert said.load.generator_limited_windows == (2 if until > 30 else 1)
    for name in ("latency/all", "availability/all", "generator/customers"):
        assert found[name].status is expected, (name, found[name].reason)
    assert ("held it up" in found["generator/customers"].reason) == (expected is PASS)


def test_a_window_that_was_held_up_passes_nothing_that_the_others_do_not() -> None:
    """Without its requests the rest is too small, or not good enough; and if they are what breaks the promise, that proves nothing."""
    stolen = record((range(20, 30), STOLEN))
    few = _held_up(30, resources=stolen)
    few.objectives = (few.objectives[0], replace(AVAILABILITY, at_least=0.9997))
    assert few.verdict("availability/all").status is INCONCLUSIVE
    slow = _held_up(30, late=0.2, resources=stolen)
    assert slow.verdict("latency/all").status is INCONCLUSIVE


# -- until the backlog is gone ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slow_until", "ends"),
    [(40, 41), (44, 44), (45.6, 46), (55, 51)],
    ids=["nothing was left", "four seconds of queue", "to the half second", "the longest tail"],
)
def test_a_stretch_lasts_until_requests_are_as_usual(slow_until: float, ends: float) -> None:
    """A second of a neighbour at second 40; requests take 0.5 s instead of 0.02 s until the queue is gone."""
    run = Run((LATENCY,))
    for index in range(4000):
        at = 10 + index / 40
        run.op(at, 0.5 if 40 <= at < slow_until else 0.02)
    run.changes["resources"] = record((range(40, 41), BOTH_CORES))
    [found] = run.evidence.doubtful
    assert found.started_ns == ns(40)
    assert found.ended_ns == pytest.approx(ns(ends), abs=500_000_000)


def test_a_platform_that_is_always_slow_leaves_no_backlog() -> None:
    """Its usual response time is the one without disturbance."""
    run = Run((LATENCY,))
    run.steady(4000, took=0.5)
    run.changes["resources"] = record((range(40, 41), BOTH_CORES))
    assert run.evidence.doubtful[0].ended_ns <= ns(41.5)


def test_without_undisturbed_time_the_end_is_unknown() -> None:
    """So the longest possible backlog is assumed."""
    run = Run((LATENCY,))
    run.steady(20, 30, 40)
    run.changes["resources"] = record((range(40, 41), BOTH_CORES))
    assert run.evidence.doubtful[0].ended_ns == ns(41) + TAIL_NS_LEAST


# -- verdicts -------------------------------------------------------------------------------------------------------------------------------------


def disturbed(run: Run, *seconds: range, change: dict[str, float] = BOTH_CORES) -> Run:
    """The same run with a neighbour in these seconds."""
    resources = record(*((each, change) for each in seconds))
    return replace(run, changes={**run.changes, "resources": resources})


def promise(measure: str, **fields: Any) -> Objective:
    """An objective named after its measure."""
    return Objective(measure, ("C1",), Measure(measure), **fields)


def slow_while(busy: Iterable[int], objectives: tuple[Objective, ...], took: float = 0.6, **how: Any) -> Run:
    """Forty requests a second, slow (or whatever is said) exactly in these seconds."""
    seconds, run = set(busy), Run(objectives)
    for index in range(4000):
        at = 10 + index / 40
        run.op(at, **({"took": took, **how} if int(at) in seconds else {"took": 0.02}))
    return run


FAILING = {"took": 0.02, "outcome": "info", "good": False, "status": 503}


@pytest.mark.parametrize(
    ("objective", "how"),
    [
        (LATENCY, {"took": 0.6}),
        (replace(LATENCY, sliding=10.0), {"took": 0.6}),
        (AVAILABILITY, FAILING),
        (replace(AVAILABILITY, sliding=10.0), FAILING),
        (promise("error_rate", at_most=0.01), FAILING),
        (promise("burn_rate", at_most=5, sliding=24.0), FAILING),
        (promise("throughput", at_least=38), FAILING),
        (promise("cache_hit_ratio", at_least=0.9), {"took": 0.02, "cache": "miss"}),
        (promise("database_time", percentile=0.95, at_most=0.05), {"took": 0.02, "db_ms": 400.0}),
    ],
    ids=lambda value: getattr(value, "id", ""),
)
def test_what_only_a_neighbour_caused_fails_nothing(objective: Objective, how: dict[str, Any]) -> None:
    """The same requests fail on a quiet machine, and are inconclusive where other programs delayed the platform; the reason names the cause."""
    run = slow_while(BUSY, (AVAILABILITY, objective), **how)
    run.operations = [replace(each, cache=each.cache or "hit") for each in run.operations]
    name = f"{objective.id}/all"
    assert run.verdict(name).status is FAIL
    found = disturbed(run, BUSY).verdict(name)
    assert found.status is INCONCLUSIVE
    assert "delayed the platform" in found.reason
    assert not found.witnesses
    # Somewhere else it excuses nothing, and a build that delays nobody neither.
    assert disturbed(run, range(80, 90)).verdict(name).status is FAIL
    assert disturbed(run, BUSY, change=BUILD).verdict(name).status is FAIL
    assert disturbed(run, BUSY, change=SELF).verdict(name).status is FAIL


def test_a_slow_platform_fails_by_the_time_between_bursts_of_the_neighbour() -> None:
    """300 ms too slow throughout, next to bursts of 20 s in half of the time."""
    run = disturbed(slow_while(range(10, 110), (LATENCY,), took=0.35), range(20, 40), range(60, 80), range(100, 110))
    found = run.verdict("latency/all")
    assert found.status is FAIL
    assert "the undisturbed ones alone break the promise" in found.reason
    assert not [
        one
        for witness in found.witnesses
        for one in run.evidence.doubtful
        if one.started_ns <= witness.facts()["intended_ns"] < one.ended_ns
    ]


def test_a_pass_in_spite_of_a_neighbour_is_a_pass() -> None:
    """An objective that holds under disturbance holds."""
    assert disturbed(slow_while((), (LATENCY,)), range(10, 110)).verdict("latency/all").status is PASS


def test_a_request_that_was_too_late_before_the_neighbour_started_is_the_platforms() -> None:
    """Due at second 39, promised within 0.1 s, answered at second 41: it was already too late when the neighbour started at second 40."""
    run = Run((replace(LATENCY, percentile=0.9),))
    for index in range(1000):
        run.op(10 + index / 40, 0.02)
    for index in range(600):
        run.op(38.5 + index / 600, 3.0)
    assert disturbed(run, range(40, 42)).verdict("latency/all").status is FAIL


def test_double_booking_fails_next_to_any_neighbour() -> None:
    """Integrity is absolute."""
    run = Run((INTEGRITY,))
    run.book(50, 1, starts_at=EIGHT)
    run.book(51, 2, starts_at=EIGHT)
    assert disturbed(run, range(10, 190)).verdict("integrity/double_booked").status is FAIL


def stale_list() -> Run:
    """A list of free times offers what was booked ten seconds before."""
    run = Run((INTEGRITY,))
    run.book(40, 1, starts_at=EIGHT, session="a")
    run.act("offer", 50, kind="slots", barber=1, session="b", read_values=f"[{EIGHT}]")
    return run


def test_an_outdated_list_is_doubtful_where_a_replica_may_have_been_delayed() -> None:
    """Its permitted age is a matter of time."""
    run = stale_list()
    assert run.verdict("integrity/stale_offers").status is FAIL
    assert disturbed(run, range(45, 52)).verdict("integrity/stale_offers").status is INCONCLUSIVE
    assert disturbed(run, range(120, 125)).verdict("integrity/stale_offers").status is FAIL


def test_a_loss_is_doubtful_where_the_standby_may_have_been_delayed() -> None:
    """Seven seconds of bookings are missing where five are allowed, and before the end of the primary other programs took the machine."""
    run = Run((LOSS,), (KILL,))
    run.life()
    for number in range(160):
        at = 104 + number / 10
        run.book(at, number + 1, final=at < 113)
    run.signal(121)
    assert run.verdict("loss/kill").status is FAIL
    assert disturbed(run, range(112, 119)).verdict("loss/kill").status is INCONCLUSIVE
    assert disturbed(run, range(40, 50)).verdict("loss/kill").status is FAIL


def test_a_leak_is_doubtful_where_other_programs_disturbed_the_affected() -> None:
    """With a neighbour during the fault it is unknown what caused the leak; without one it is known."""
    made = containment.run()
    containment.two_neighbours(made)
    assert made.verdict("containment/kill").status is FAIL
    found = disturbed(made, range(118, 152)).verdict("containment/kill")
    assert found.status is INCONCLUSIVE
    assert "delayed the platform" in found.reason
    assert disturbed(made, range(160, 170)).verdict("containment/kill").status is FAIL
    assert disturbed(made, range(121, 123)).verdict("containment/kill").status is FAIL


def test_a_franchise_left_behind_next_to_a_neighbour_is_inconclusive() -> None:
    """A franchise has no service after the recovery, and in that time other programs took the machine."""
    run = Run((), (KILL,))
    run.life()
    run.probes(100, 190, down=((120, 125),))
    for index in range(8):
        run.bad(140 + index, franchise=7)
        run.op(140 + index, franchise=8)
    assert run.verdict("left-behind/kill").status is FAIL
    assert disturbed(run, range(132, 150)).verdict("left-behind/kill").status is INCONCLUSIVE


def test_a_franchise_that_was_disturbed_is_no_witness_against_the_platform() -> None:
    """Two franchises without service, one of them next to other programs only: the other one alone is counted and shown."""
    run = Run((), (KILL,))
    run.life()
    run.probes(100, 190, down=((120, 125),))
    for index in range(8):
        run.bad(132 + index, franchise=7)
        run.bad(146 + index, franchise=9)
        run.op(132 + index, franchise=8)
        run.op(146 + index, franchise=8)
    assert run.verdict("left-behind/kill").measured == 2
    verdict = disturbed(run, range(130, 141)).verdict("left-behind/kill")
    assert (verdict.status, verdict.measured) == (FAIL, 1)
    assert {witness.facts()["franchise"] for witness in verdict.witnesses} == {9}


def test_the_host_verdict_names_the_disturbance() -> None:
    """It is shown and not judged: with the cause, so that the operator can remove it."""
    found = disturbed(slow_while((), (LATENCY,)), BUSY).verdict("host")
    assert (found.status, found.gates) == (INCONCLUSIVE, False)
    assert "other programs disturbed the machine for 20 s of 180 s: other programs delayed the platform" in found.reason


# -- properties -----------------------------------------------------------------------------------------------------------------------------------

stretches = st.lists(st.tuples(st.integers(10, 105), st.integers(1, 25)), max_size=4)
PROMISES = (
    AVAILABILITY,
    LATENCY,
    replace(LATENCY, id="sliding", sliding=20.0),
    promise("burn_rate", at_most=5, sliding=24.0),
    promise("throughput", at_least=9.5),
)


def history(troubles: list[tuple[int, int]], share: int) -> Run:
    """Ten requests a second in calm; in the stretches of ``troubles`` one of ``share`` fails and one is slow, all by the platform's own doing."""
    bad = {second for start, length in troubles for second in range(start, start + length)}
    run = Run(PROMISES)
    for index in range(1000):
        at = 10 + index / 10
        trouble = int(at) in bad
        if trouble and index % share == 0:
            run.bad(at)
        else:
            run.op(at, 0.4 if trouble and index % share == 1 else 0.02)
    return run


def statuses(run: Run) -> dict[str, Status]:
    """Of the promises."""
    names = {each.id for each in PROMISES}
    return {verdict.id: verdict.status for verdict in run.assess(breaches=False).verdicts if verdict.id.split("/")[0] in names}


@settings(max_examples=examples(25), deadline=None)
@given(stretches, st.integers(2, 8), stretches, st.floats(0.2, 3.0))
def test_a_neighbour_never_makes_a_fail(troubles: list[tuple[int, int]], share: int, his: list[tuple[int, int]], took: float) -> None:
    """For every behaviour of the platform, and every request that a neighbour delays or fails: a pass or an inconclusive verdict never becomes a
    fail.
    """
    before = history(troubles, share)
    quiet = statuses(replace(before, changes={"resources": record()}))
    there = [range(start, start + length) for start, length in his]
    hit = {second for each in there for second in each}
    after = replace(before, operations=[
        replace(each, ended_ns=each.ended_ns + round(took * 1e9), good=each.good and each.id % 2 == 0)
        if (each.intended_ns - ns(0)) // 10**9 in hit else each
        for each in before.operations
    ])  # fmt: skip
    beside = statuses(disturbed(after, *there))
    assert not [name for name, status in beside.items() if status is FAIL and quiet[name] is not FAIL]


@settings(max_examples=examples(25), deadline=None)
@given(stretches, st.integers(2, 4), st.integers(112, 180), st.integers(1, 8))
def test_what_undisturbed_evidence_fails_stays_failed(troubles: list[tuple[int, int]], share: int, start: int, length: int) -> None:
    """A neighbour that runs while none of the judged requests is in progress changes nothing."""
    run = history(troubles, share)
    assert statuses(disturbed(run, range(start, start + length))) == statuses(replace(run, changes={"resources": record()}))
