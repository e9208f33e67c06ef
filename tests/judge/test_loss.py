"""Loss: KILL is injected at second 120 and the old primary of shard 1 is proven dead at 120.0 unless a test says otherwise; 5 s may be lost."""

from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import Diverged, TouchedProcess
from closeshave.judge.verdict import Status
from closeshave.plan import Fault
from tests.judge.histories import INTEGRITY, KILL, LOSS, Run, ns

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def killed(missing_from: float | None = None, *, dead: float | None = 120.0, fault: Fault = KILL, until: float = 120.0) -> Run:
    """A write a half second from 100 on, acknowledged 10 ms after it was sent; those due from ``missing_from`` up to the kill are gone."""
    run = Run((LOSS, INTEGRITY), (fault,))
    if dead is None:
        run.life(fault.id)
    else:
        run.life(fault.id, dead_ns=ns(dead), touched=(TouchedProcess("shard1-east", 7, "postgres"),))
    for index in range(round((until - 100) * 2)):
        at = 100 + index / 2
        run.book(at, 1000 + index, final=missing_from is None or at < missing_from)
    for index in range(20):
        run.book(126 + index, 2000 + index)
    return run


def test_nothing_missing_is_no_loss() -> None:
    """A window of zero, with the resolution of half a second between acknowledgements."""
    run = killed()
    answer, told = run.verdict("loss/kill"), run.assess(breaches=False).faults[0]
    assert (answer.status, answer.measured, answer.n) == (PASS, 0.0, 10)
    assert (told.loss_window_s, told.lost_writes, told.loss_resolution_s) == (0.0, 0, 0.5)
    assert told.touched == ("postgres shard1-east pid 7",)


def test_the_window_reaches_back_to_the_oldest_missing_acknowledgement() -> None:
    """The writes of 119 and 119.5 are gone; the older one was acknowledged at 119.01, 0.99 s before the primary's death."""
    run = killed(119.0)
    answer, told = run.verdict("loss/kill"), run.assess(breaches=False).faults[0]
    assert (answer.status, answer.measured) == (PASS, 0.99)
    assert (told.loss_window_s, told.lost_writes) == (0.99, 2)
    assert "2 acknowledged writes" in answer.reason


@pytest.mark.parametrize(("oldest", "expected"), [(115.0, PASS), (114.5, FAIL)])
def test_more_than_the_allowed_window_fails(oldest: float, expected: Status) -> None:
    """5 s are allowed: 4.99 s are within, 5.49 s are not; witnesses are the oldest and the newest."""
    answer = killed(oldest).verdict("loss/kill")
    assert answer.status is expected
    if expected is FAIL:
        assert [witness.facts()["intended_ns"] for witness in answer.witnesses] == [ns(114.5), ns(119.5)]
        assert answer.witnesses[0].facts()["effect"]["booking"] == 1029


@pytest.mark.parametrize(("extra_ns", "expected"), [(0, PASS), (1, FAIL)])
def test_exactly_at_the_bound_is_allowed_and_a_nanosecond_more_is_not(extra_ns: int, expected: Status) -> None:
    """Acknowledged exactly 5 s before the primary's death."""
    run = killed()
    last = [operation for operation in run.operations if operation.intended_ns < ns(115.0)]
    run.operations = [operation for operation in run.operations if operation in last or operation.intended_ns > ns(120)]
    kept = {operation.id for operation in run.operations}
    run.effects = [effect for effect in run.effects if effect.operation in kept]
    run.book(114.99, 5000, final=False, ended_ns=ns(115) - extra_ns)
    assert run.verdict("loss/kill").status is expected


NOTHING = replace(LOSS, at_most=0.0)


@pytest.mark.parametrize(
    ("missing_from", "until", "expected", "said"),
    [
        (None, 120.0, PASS, "no acknowledged write is missing; for at most 0.500 s of the last second none was acknowledged"),
        (119.5, 120.0, FAIL, "1 acknowledged write is missing"),
        (None, 118.5, INCONCLUSIVE, "no write was acknowledged in the 1 s before the fault"),
    ],
)
def test_a_bound_of_zero_asks_whether_any_acknowledged_write_is_missing(
    missing_from: float | None, until: float, expected: Status, said: str
) -> None:
    """No gap between writes is narrower than 0 s, so such a bound could once fail and never pass."""
    answer = replace(killed(missing_from, until=until), objectives=(NOTHING, INTEGRITY)).verdict("loss/kill")
    assert answer.status is expected
    assert said in answer.reason


def test_with_a_bound_of_zero_a_write_that_was_under_way_when_the_primary_died_may_not_be_missing_either() -> None:
    """Its window is zero, and its customer was told that it is booked."""
    run = killed()
    run.book(119.999, 5000, took=0.005, final=False)
    answer = replace(run, objectives=(NOTHING, INTEGRITY)).verdict("loss/kill")
    assert (answer.status, answer.measured) == (FAIL, 0.0)
    assert answer.witnesses


def test_lost_writes_of_a_fault_are_no_breach_of_integrity() -> None:
    """They are judged only by the fault's own bound, together with the orphan payments that they cause."""
    run = killed(119.0)
    run.act("capture", 119.7, booking=1038)
    run.capture(1038, at=119.7)
    assert run.verdict("integrity/lost").status is PASS
    assert run.verdict("integrity/orphan_payments").status is PASS


def test_without_a_loss_objective_missing_writes_are_breaches() -> None:
    """No other verdict would judge them."""
    run = replace(killed(119.0), objectives=(INTEGRITY,))
    assert (run.verdict("integrity/lost").status, run.verdict("integrity/lost").measured) == (FAIL, 2.0)


def test_an_older_missing_write_than_one_that_survived_was_not_lost_by_the_failover() -> None:
    """The write of 105 is missing and those of 105.5 to 119.5 are there: replication loses the end of a log, never its middle."""
    run = killed()
    run.book(105.2, 5000, final=False)
    assert (run.verdict("loss/kill").status, run.verdict("loss/kill").measured) == (PASS, 0.0)
    lost = run.verdict("integrity/lost")
    assert (lost.status, lost.measured) == (FAIL, 1.0)
    assert lost.witnesses[0].facts()["effect"]["booking"] == 5000


def test_writes_in_flight_together_prove_nothing_about_their_order() -> None:
    """A surviving write that started before the answer to the missing one may have been committed before it."""
    run = killed(119.5)
    run.book(119.4, 5000, took=0.4)  # there; acknowledged at 119.8, started before the missing one of 119.5
    assert run.verdict("integrity/lost").status is PASS
    assert run.assess(breaches=False).faults[0].lost_writes == 1


def test_a_write_sent_before_and_answered_after_the_death_proves_nothing_about_the_old_log() -> None:
    """The new primary may have carried it out: writes that were acknowledged before it can still be lost."""
    run = killed(119.0)
    run.book(119.9, 5000, took=4.0)
    assert run.assess(breaches=False).faults[0].lost_writes == 2
    assert run.verdict("integrity/lost").status is PASS


def test_an_acknowledgement_on_its_way_when_the_primary_died_is_lost_with_a_window_of_zero() -> None:
    """Sent at 119.999, acknowledged at 120.004, dead at 120: the fault caused the loss, and the window is zero."""
    run = killed()
    run.book(119.999, 5000, took=0.005, final=False)
    told = run.assess(breaches=False).faults[0]
    assert (told.lost_writes, told.loss_window_s) == (1, 0.0)


def test_a_write_that_began_after_the_death_is_not_lost_by_the_fault() -> None:
    """The next primary acknowledged it, and it is missing: a breach."""
    run = killed()
    run.book(123.0, 5000, final=False)
    assert run.assess(breaches=False).faults[0].lost_writes == 0
    assert run.verdict("integrity/lost").status is FAIL


@pytest.mark.parametrize(("started", "expected"), [(122.9, PASS), (123.0, PASS), (123.1, FAIL)])
def test_a_write_acknowledged_on_the_old_timeline_is_split_brain(started: float, expected: Status) -> None:
    """Promoted at 123: a write that began after it, was acknowledged and is missing was accepted by the old primary."""
    run = killed()
    run.signal(123.0)
    run.book(started, 5000, final=False)
    answer = run.verdict("split-brain/kill")
    assert (answer.status, run.assess(breaches=False).faults[0].split_brain_writes) == (expected, int(expected is FAIL))
    assert run.verdict("integrity/lost").status is FAIL


def test_within_the_clocks_uncertainty_it_is_not_split_brain() -> None:
    """The instant of the promotion was read from a log, in wall-clock time."""
    run = killed()
    run.uncertainty_ns = 200_000_000
    run.signal(123.0)
    run.book(123.1, 5000, final=False)
    assert run.verdict("split-brain/kill").status is PASS


def test_the_platforms_own_demotion_ends_the_old_primary() -> None:
    """No death in the evidence: the old primary stepped down at 121, so the loss reaches back from there."""
    run = killed(119.0, dead=None)
    run.signal(121.0, "demoted")
    run.signal(123.0, "promoted")
    assert run.verdict("loss/kill").measured == pytest.approx(1.99)


@pytest.mark.parametrize(
    ("said", "window"),
    [
        ([(121.4, "stopped", "old.log"), (122.5, "demoted", "old.log")], 2.39),  # done is said long after the last session has ended
        ([(121.4, "demoted", "old.log")], 2.39),  # nobody tells of sessions: the end of it is late enough
        ([(121.4, "stopped", "new.log"), (122.0, "demoted", "new.log")], 1.99),  # another member's word is not the old primary's
        ([(120.5, "stopped", "old.log")], 1.99),  # a server that had stopped before is another incarnation
        ([(124.0, "stopped", "old.log"), (124.0, "demoted", "old.log")], 1.99),  # after the promotion it is not of the old one
    ],
)
def test_the_end_of_the_last_session_counts_and_not_the_decision(said: list[tuple[float, str, str]], window: float) -> None:
    """The decision was at 121: while its sessions are being ended, a primary still acknowledges. The other member was promoted at 123."""
    run = killed(119.0, dead=None)
    run.signal(121.0, "demoted", source="old.log")
    for at, kind, source in said:
        run.signal(at, kind, source=source)
    run.signal(123.0, "promoted", source="new.log")
    assert run.verdict("loss/kill").measured == pytest.approx(window)


def test_writes_that_a_cut_off_primary_acknowledged_until_it_stepped_down_are_lost_by_the_fault() -> None:
    """Cut off at 120, stepped down at 124, replaced at 125.5: those of 120 to 123.5 were lost with it, the oldest 3.99 s before its end."""
    run = killed(dead=None)
    for index in range(8):
        run.book(120 + index / 2, 5000 + index, final=False)
    run.signal(124.0, "demoted", source="old.log")
    run.signal(125.5, "promoted", source="new.log")
    told = run.assess(breaches=False).faults[0]
    assert told.lost_writes == 8
    assert told.loss_window_s == pytest.approx(3.99)
    assert (run.verdict("integrity/lost").status, run.verdict("split-brain/kill").status) == (PASS, PASS)


@pytest.mark.parametrize(
    ("started", "judge", "says"),
    [
        (119.8, "loss/kill", "2 acknowledged writes are missing, 1 of them was read on the old primary before it was rewound, the oldest"),
        (123.5, "split-brain/kill", "acknowledged and is missing; 1 of them was read on the old primary before it was rewound"),
    ],
)
def test_rows_of_the_old_primary_alone_are_stated_with_the_missing_writes(started: float, judge: str, says: str) -> None:
    """Read before the sides were joined: they show who accepted a write that is missing now. Rows that the run did not write do not count."""
    run = killed(119.5)
    run.signal(123.0)
    run.book(started, 5000, final=False)
    run.diverged = [
        Diverged("shard1-east", 1, franchise, booking, f"key-{booking}", "scheduled", 1, 1_800_000_000.0 + started)
        for franchise, booking in ((1, 5000), (2, 5000), (1, 7000))
    ]
    assert says in run.verdict(judge).reason


def test_a_booking_that_the_old_primary_took_and_cancelled_after_the_promotion_is_split_brain_too() -> None:
    """A canary cancels its booking at once. Other cancelled rows are kept, so its absence shows which primary accepted both."""
    run = killed()
    run.signal(123.0)
    run.book(110.0, 4000, final=False)
    run.act("cancel", 110.2, booking=4000)
    run.row(4000, status="cancelled", version=2)
    run.book(123.2, 5000, final=False)
    run.act("cancel", 123.4, booking=5000)
    assert (run.verdict("split-brain/kill").status, run.assess(breaches=False).faults[0].split_brain_writes) == (FAIL, 1)


def test_the_promotion_bounds_an_unobserved_end() -> None:
    """Neither death nor demotion is known: at the promotion at 123 the old primary had lost its lease."""
    run = killed(119.0, dead=None)
    run.signal(123.0, "promoted")
    assert run.verdict("loss/kill").measured == pytest.approx(3.99)


def test_missing_writes_and_no_end_of_the_primary_are_breaches() -> None:
    """No evidence says that a primary ended: the fault does not explain the missing writes."""
    run = killed(119.0, dead=None)
    assert run.verdict("integrity/lost").status is FAIL


def test_too_few_acknowledgements_cannot_show_a_loss() -> None:
    """Nothing was acknowledged for 6 s before the fault, and 5 s may be lost."""
    run = killed(until=114.0)
    answer = run.verdict("loss/kill")
    assert (answer.status, answer.measured) == (INCONCLUSIVE, 0.0)
    assert "no write" in answer.reason


def test_the_gap_up_to_the_fault_counts() -> None:
    """Writes until 116.01, then none: the gap of 3.99 s resolves less than the bound and more than the half second between writes."""
    assert killed(until=116.5).assess(breaches=False).faults[0].loss_resolution_s == pytest.approx(3.99)


def test_without_a_final_state_nothing_is_known() -> None:
    """No loss figure, and no pass."""
    run = killed()
    run.bookings = None
    assert run.verdict("loss/kill").status is INCONCLUSIVE
    assert run.assess(breaches=False).faults[0].loss_window_s is None


def test_ambiguous_writes_are_no_loss() -> None:
    """A write without an answer may or may not be there; it was not acknowledged."""
    run = killed()
    run.book(119.8, None, final=False, key="doubt-1", outcome="info", good=False, status=0)
    run.book(119.9, None, final=False, key="doubt-2", outcome="info", good=False, status=0)
    run.row(9000, key="doubt-2")
    assert run.assess(breaches=False).faults[0].lost_writes == 0
    for name in ("lost", "phantom", "unresolved"):
        assert run.verdict(f"integrity/{name}").status is PASS


def test_other_shards_lose_nothing_by_this_fault() -> None:
    """A missing booking of shard 2 is a breach, also if a primary of shard 1 was killed."""
    run = killed()
    run.book(119.9, 5000, final=False, shard=2, franchise=150)
    assert run.assess(breaches=False).faults[0].lost_writes == 0
    assert run.verdict("integrity/lost").status is FAIL


def test_each_fault_loses_its_own() -> None:
    """Two kills of the same shard, at 120 and 160: the writes of 119.5 are the first one's, those of 159.5 the second one's."""
    second = replace(KILL, id="again", at=50)
    run = replace(killed(119.5), faults=(KILL, second))
    run.life("again", injected=160, observed=160.1, healed=180, verified=185, dead_ns=ns(160))
    for index in range(30):
        run.book(145 + index / 2, 3000 + index, final=index < 29)
    first, again = run.assess(breaches=False).faults
    assert (first.lost_writes, again.lost_writes) == (1, 1)
    assert (first.loss_window_s, again.loss_window_s) == pytest.approx((0.49, 0.49))
    assert run.verdict("integrity/lost").status is PASS


def test_a_lost_cancel_is_a_lost_write() -> None:
    """The cancel of 119.8 was acknowledged, and the booking stands in the final state."""
    run = killed()
    run.act("cancel", 119.8, booking=1001, version=2)
    assert run.assess(breaches=False).faults[0].lost_writes == 1


def test_a_canarys_cancelled_bookings_still_show_a_loss() -> None:
    """Booked at 119.6, its cancel unanswered, its row gone; elsewhere cancelled rows are kept, so its absence is evidence."""
    run = killed()
    run.book(110.0, 4000, final=False)
    run.act("cancel", 110.2, booking=4000)
    run.row(4000, status="cancelled", version=2)
    run.book(119.6, 5000, final=False)
    run.act("cancel", 120.1, booking=5000, outcome="info", good=False, status=0)
    assert run.assess(breaches=False).faults[0].lost_writes == 1
    assert run.verdict("integrity/lost").status is PASS


def test_a_lost_slot_may_be_booked_again() -> None:
    """The slot of a lost booking is booked by another customer after the failover: the loss explains it, so it is no double booking."""
    run = killed(119.5)
    lost = run.effects[39]
    run.book(130.0, 6000, starts_at=lost.starts_at)
    assert run.verdict("integrity/double_booked").status is PASS


@pytest.mark.parametrize(("seen", "again", "expected"), [(119.8, 130.0, PASS), (110.0, 112.0, FAIL)])
def test_an_unacknowledged_version_may_be_lost_with_its_primary(seen: float, again: float, expected: Status) -> None:
    """A move without an answer was read back and is missing now: a failover explains that; without one nothing does."""
    run = killed()
    run.book(105.2, 5000, session="s")
    run.act("reschedule", seen - 0.3, booking=5000, session="s", outcome="info", good=False, status=0)
    run.act("read", seen, booking=5000, session="s", version=2)
    run.act("read", again, booking=5000, session="s", version=1)
    assert run.verdict("integrity/stale_sessions").status is expected


def test_a_tier_has_no_data_to_lose() -> None:
    """A cache may lose its entries; the loss objective says so instead of passing."""
    tier = replace(KILL, kind="cache.tier-lost", scope={"tier": "cache"})
    run = replace(killed(), faults=(tier,), objectives=(replace(LOSS, faults=("cache.*",)),))
    assert run.verdict("loss/kill").status is INCONCLUSIVE


# -- when an operator's call ended the primary -----------------------------------------------------------------------------------------------


def called(
    bites: float, missing_from: float, *, returned: float = 120.02, observed: float | None = None, bound: float = 5.0, **evidence: Any
) -> Run:
    """An operator's call of 120: the primary dies at ``takes effect`` and takes what was acknowledged since ``missing_from``; back at 130."""
    run = Run((replace(LOSS, at_most=bound), INTEGRITY), (KILL,))
    run.life(observed=bites + 1.0 if observed is None else observed, returned_ns=ns(returned), **evidence)
    for index in range(300):
        at = 100 + index / 10
        if at < bites:
            run.book(at, 1000 + index, final=at < missing_from)
        elif at < 130:
            run.canary(at, took=0.005, ok=False)
    for index in range(20):
        run.book(131 + index, 2000 + index)
    return run


@pytest.mark.parametrize(("bites", "returned"), [(120.05, 120.02), (122.05, 120.02), (121.05, 128.0), (123.05, 140.0)])
def test_the_instant_at_which_a_calls_fault_takes_effect_is_observed_and_not_its_return(bites: float, returned: float) -> None:
    """Late, or before the call returned: t_f lies between the last acknowledgement and the first refusal, and the lost writes are the fault's."""
    run = called(bites, bites - 1.0, returned=returned)
    answer, told = run.verdict("loss/kill"), run.assess(breaches=False).faults[0]
    assert (answer.status, told.lost_writes) == (PASS, 10)
    assert answer.confidence is not None
    assert answer.confidence[0] <= 0.94 <= answer.confidence[1]
    assert told.loss_window_s == pytest.approx(0.94, abs=0.1)
    assert run.verdict("integrity/lost").status is PASS


@pytest.mark.parametrize(("bound", "expected"), [(0.8, FAIL), (0.95, INCONCLUSIVE), (1.2, PASS)])
def test_a_bound_within_the_loss_windows_interval_is_neither_kept_nor_broken(bound: float, expected: Status) -> None:
    """The primary ended between 121.91 (acknowledged) and 122.005 (refused); the oldest lost write was acknowledged at 121.01."""
    assert called(122.0, 121.0, bound=bound).verdict("loss/kill").status is expected


def test_one_failure_while_others_are_acknowledged_is_no_sign_of_death() -> None:
    """A customer's error at 120.5, long before it takes effect."""
    run = called(122.05, 121.0)
    run.bad(120.5)
    assert run.assess(breaches=False).faults[0].lost_writes == 11
    assert run.verdict("integrity/lost").status is PASS


def test_in_a_partial_fault_it_is_unknown_which_primary_accepted_the_other_writes() -> None:
    """Every third request fails from 120.05, the rest are acknowledged, and what was acknowledged since 119.5 is gone: the fault's, within an interval."""
    run = Run((LOSS, INTEGRITY), (KILL,))
    run.life(observed=120.4, returned_ns=ns(120.02))
    for index in range(300):
        at = 100 + index / 10
        if at > 120.05 and index % 3 == 0:
            run.canary(at, took=0.005, ok=False)
        else:
            run.book(at, 1000 + index, final=not 119.5 <= at < 120.05)
    answer, told = run.verdict("loss/kill"), run.assess(breaches=False).faults[0]
    assert told.lost_writes == 6
    assert answer.confidence is not None
    assert answer.confidence[0] <= 0.54 <= answer.confidence[1]
    assert run.verdict("integrity/lost").status is PASS


@pytest.mark.parametrize("ended", [(119.9, 120.1), (121.9, 122.05)])
def test_a_hook_may_say_when_the_primary_ends(ended: tuple[float, float]) -> None:
    """Its statement has precedence over observations: a missing write that was acknowledged after it is a breach."""
    run = called(122.05, 119.0, ended_ns=tuple(ns(each) for each in ended))
    assert (run.verdict("integrity/lost").status is PASS) is (ended[1] > 122)


def test_a_call_without_an_observed_effect_explains_nothing() -> None:
    """No refusal, no observation, no promotion: what is missing is a breach."""
    run = called(130.0, 119.0)
    run.events = [event for event in run.events if event.edge != "observed"]
    run.operations = [each for each in run.operations if each.good]
    assert run.verdict("integrity/lost").status is FAIL


def test_the_order_of_rows_does_not_matter() -> None:
    """The result is the same for every order of rows in the files."""
    run = killed(119.0)
    run.signal(123.0)
    run.book(123.5, 5000, final=False)
    assert run.shuffled(3).assess() == run.assess()
