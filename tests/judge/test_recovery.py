"""Recovery: KILL is injected at second 120, seen at 120.5, and healed by the harness at 150; canaries hold for 5 s."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.history import Injection
from closeshave.judge.verdict import FaultFigures, Status, Verdict
from closeshave.plan import Expected, Fault
from closeshave.target import Objective
from tests.judge.histories import KILL, LOSS, RECOVERY, Run, ns, starving
from tests.tiers import examples

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def outage(*down: tuple[float, float], fault: Fault = KILL, objective: Objective | None = RECOVERY, **life: Any) -> Run:
    """Ten probes a second at shard 1 all along; those due inside ``down`` fail."""
    run = Run((objective,) if objective else (), (fault,))
    run.life(**life)
    run.probes(100, 190, down=down)
    return run


def verdict(run: Run) -> Verdict:
    """What is said of the recovery from the kill."""
    return run.verdict("recovery/kill")


def back_at(seconds: float) -> Any:
    """The middle between a failed probe 0.1 s before and the answer, 10 ms after it was sent, to the good one at this second after the injection."""
    return pytest.approx(seconds - 0.045, abs=1e-6)


def figures(run: Run) -> FaultFigures:
    """The figures of the kill, as in the report."""
    return run.assess(breaches=False).faults[0]


def test_recovery_is_an_interval_between_the_last_failed_and_the_first_good_probe() -> None:
    """Down from 120.2 to 124: the last bad probe was sent at 123.9, the first good one answered at 124.01; the middle is what is measured."""
    run = outage((120.2, 124.0))
    answer = verdict(run)
    assert (answer.status, answer.bound, answer.unit) == (PASS, 20.0, "s")
    assert answer.measured == back_at(4.0)
    assert answer.confidence == pytest.approx((3.9, 4.01))
    assert figures(run).self_recovered is True


@pytest.mark.parametrize(
    ("back", "expected"),
    [(139.9, PASS), (139.99, PASS), (140.0, INCONCLUSIVE), (140.1, INCONCLUSIVE), (140.2, FAIL)],
)
def test_a_bound_within_the_interval_is_neither_kept_nor_broken(back: float, expected: Status) -> None:
    """20 s are allowed; the interval begins 0.1 s before the good probe and ends with its answer, 10 ms after."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(round(back - 40, 6), back, down=((120, back),))
    run.probes(back, 190)
    answer = verdict(run)
    assert answer.status is expected
    assert answer.measured == back_at(back - 120)
    assert bool(answer.witnesses) == (expected is FAIL)


def test_answered_exactly_at_the_bound_is_in_time() -> None:
    """A nanosecond later it is unknown."""
    for extra_ns, expected in ((0, PASS), (1, INCONCLUSIVE)):
        run = Run((RECOVERY,), (KILL,))
        run.life()
        run.probes(100, 139.9, down=((120, 139.9),))
        run.canary(139.95, ended_ns=ns(140) + extra_ns)
        run.probes(140.05, 190)
        assert verdict(run).status is expected


def test_an_excess_within_the_clock_uncertainty_fails_nothing() -> None:
    """The clocks are uncertain by 0.2 s at either end of the interval."""
    for back, expected in ((140.2, INCONCLUSIVE), (140.4, FAIL), (139.9, INCONCLUSIVE), (139.7, PASS)):
        run = outage((120.0, back))
        run.uncertainty_ns = 200_000_000
        assert verdict(run).status is expected


@pytest.mark.parametrize(
    ("back", "by_itself"),
    [(144.9, True), (145.0, False), (147.0, False), (151.0, False)],
)
def test_recovery_that_needed_the_harness_does_not_count(back: float, by_itself: bool) -> None:
    """t_r + 5 s of hold must be before t_h = 150: at 145.0 they are equal, and the platform's work cannot be distinguished from the harness's."""
    slow = replace(RECOVERY, at_most=60.0)
    run = outage((120.0, back), objective=slow)
    answer = verdict(run)
    assert (answer.status is PASS) == by_itself
    assert figures(run).self_recovered == by_itself
    assert figures(run).recovery_s == back_at(back - 120)
    if not by_itself:
        assert answer.status is INCONCLUSIVE
        assert "given 30.0 s of the allowed 60 s" in answer.reason


@pytest.mark.parametrize(
    ("back", "bound", "expected", "says"),
    [
        (190.0, 20.0, FAIL, "did not recover by itself in the 30.0 s before the harness healed kill; the bound is 20 s"),
        (190.0, 29.5, FAIL, "the bound is 29.5 s"),
        (190.0, 30.0, INCONCLUSIVE, "had not held for 5 s"),
        (190.0, 300.0, INCONCLUSIVE, "given 30.0 s of the allowed 300 s"),
        (147.0, 20.0, FAIL, "the bound is 20 s"),
        (146.0, 27.0, INCONCLUSIVE, "it is unknown whether"),
    ],
)
def test_a_recovery_fails_only_if_it_was_given_its_bound(back: float, bound: float, expected: Status, says: str) -> None:
    """Healed at 150, after 30 s: a platform that still fails then has broken a bound of 20 s and not one of 300 s; one that was back 4 s before may
    have recovered.
    """
    answer = verdict(outage((120.0, back), objective=replace(RECOVERY, at_most=bound)))
    assert answer.status is expected
    assert says in answer.reason


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (190.0, FAIL),  # never, not even after the healing
        (150.0, FAIL),  # only by the healing
        (142.0, FAIL),  # by itself within the hold of 30 s, but after its bound
        (127.0, PASS),
    ],
)
def test_known_recoveries_with_a_bound_shorter_than_the_hold(back: float, expected: Status, share: float) -> None:
    """15 s are allowed of the 30 that the fault is held. Three of ten requests that fail are an outage as well as all of them."""
    luck = Random(5)
    run = Run((replace(RECOVERY, at_most=15.0),), (KILL,))
    run.life()
    run.canaries = replace(run.canaries, away_per_s=1.0)
    for per_s, region in ((10, "east"), (1, "west")):
        for index in range(90 * per_s):
            at = round(100.003 + index / per_s, 6)
            run.canary(at, region=region, ok=not (120 <= at < back and luck.random() < share))
    assert verdict(run).status is expected


def test_an_operators_step_may_be_part_of_a_restoration() -> None:
    """The same late recovery passes if the plan expects *restored* and it is within the time allowed."""
    restored = replace(KILL, expected=Expected.RESTORED)
    assert verdict(outage((120.0, 152.0), fault=restored, objective=replace(RECOVERY, at_most=60.0))).status is PASS
    assert verdict(outage((120.0, 152.0), fault=restored)).status is FAIL


def test_service_that_never_comes_back_fails() -> None:
    """No request is good again: there is no recovery time, and the verdict is a fail."""
    run = outage((120.0, 190.0))
    answer = verdict(run)
    assert (answer.status, answer.measured) == (FAIL, None)
    assert [witness.facts()["intended_ns"] for witness in answer.witnesses] == [ns(120), ns(189.9)]
    assert figures(run).recovery_s is None


def test_service_that_never_comes_back_and_was_never_healed_fails() -> None:
    """Without the edge *healed* the bound of 20 s has passed in any case."""
    assert verdict(outage((120.0, 190.0), healed=None, verified=None)).status is FAIL


def test_a_history_that_ends_too_soon_is_inconclusive() -> None:
    """Never healed, still failing when the load ends after 70 s, and 100 s are allowed."""
    run = outage((120.0, 190.0), healed=None, verified=None, objective=replace(RECOVERY, at_most=100.0))
    assert verdict(run).status is INCONCLUSIVE


def test_a_fault_that_is_tolerated_takes_no_time() -> None:
    """No probe failed: recovery time zero."""
    run = outage()
    assert (verdict(run).status, verdict(run).measured) == (PASS, 0.0)


def test_tolerates_means_no_probe_fails() -> None:
    """One failed probe is too many for a fault that must be tolerated; probes before the fault and after healing do not count."""
    tolerates = replace(KILL, expected=Expected.TOLERATES)
    assert verdict(outage(fault=tolerates)).status is PASS
    assert verdict(outage((119.9, 120.0), (151.0, 152.0), fault=tolerates)).status is PASS
    assert verdict(outage((130.0, 130.1), fault=tolerates)).status is FAIL
    assert verdict(outage((120.0, 120.1), fault=tolerates)).status is FAIL


def test_good_seconds_before_the_fault_takes_effect_are_no_recovery() -> None:
    """A primary that is cut off from its lease still serves for 8 s; the outage then lasts until 134."""
    assert verdict(outage((128.0, 134.0))).measured == back_at(14.0)


def test_a_short_good_interval_is_no_recovery() -> None:
    """Good from 122 to 126.9 is less than the hold of 5 s."""
    assert verdict(outage((120.0, 122.0), (126.9, 130.0))).measured == back_at(10.0)


def test_an_outage_caused_by_healing_does_not_count() -> None:
    """Healed at 134 by a switchback, which costs 3 s more. Between the two the canary with one probe per second saw only ten good answers."""
    run = outage((120.0, 124.0), (134.4, 137.4), healed=134.0)
    run.probes(100, 190, per_s=1, region="west", down=((120, 124), (134.4, 137.4)))
    answer = verdict(run)
    assert answer.status is PASS
    assert answer.measured == back_at(4.0)


def test_a_second_outage_undoes_the_first_recovery() -> None:
    """Good for ten seconds, then down again for one: service is back at 133."""
    assert verdict(outage((120.0, 122.0), (132.0, 133.0))).measured == back_at(13.0)


def test_a_single_failure_after_a_full_hold_is_no_outage() -> None:
    """One probe at 140 fails alone: the recovery at 122 stands."""
    assert verdict(outage((120.0, 122.0), (140.0, 140.1))).measured == back_at(2.0)


def test_a_slow_answer_counts_as_down() -> None:
    """Good answers after 1.000000001 s are not service; after exactly 1 s they are, and the first of them came at 123."""
    for took, interval in ((1.0, (1.9, 3.0)), (1.000000001, (5.9, 6.01))):
        run = Run((RECOVERY,), (KILL,))
        run.life()
        run.probes(100, 122, down=((120, 122),))
        run.probes(122, 126, took=took)
        run.probes(126, 190)
        assert verdict(run).confidence == pytest.approx(interval)


@pytest.mark.parametrize(("until", "bound", "expected"), [(128.43, 8.0, FAIL), (128.43, 8.5, INCONCLUSIVE), (128.43, 9.0, PASS)])
def test_requests_held_in_a_hang_were_not_served_before_its_end(until: float, bound: float, expected: Status) -> None:
    """Everything hangs from 120 to 128.43 and is answered then: requests that were due in the last second of it were answered within the canaries'
    latency.
    """
    run = Run((replace(RECOVERY, at_most=bound),), (KILL,))
    run.life()
    run.probes(100, 120)
    for index in range(42):
        at = 120 + index / 5
        run.canary(at, took=min(2.0, until + 0.004 - at), ok=until - at < 2.0)
    run.probes(128.5, 190)
    answer = verdict(run)
    assert answer.status is expected
    assert answer.confidence is not None
    assert answer.confidence[0] <= until - 120 <= answer.confidence[1]
    assert answer.confidence[1] - answer.confidence[0] < 0.4
    # What was stuck tells the end itself: it was answered 4 ms after it.
    assert answer.measured == pytest.approx(until + 0.004 - 120)


def test_a_slow_platform_does_not_hang() -> None:
    """After an outage each answer takes 0.6 s: within the canaries' latency that is service."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, 122, down=((120, 122),))
    run.probes(122, 130, took=0.6)
    run.probes(130, 190)
    assert verdict(run).confidence == pytest.approx((1.9, 2.6))


def test_a_hang_within_the_latency_is_no_outage() -> None:
    """0.8 s, and everything was answered within 1 s: the fault was tolerated, as it should be."""
    run = Run((RECOVERY,), (replace(KILL, expected=Expected.TOLERATES),))
    run.life()
    run.probes(100, 120)
    for index in range(4):
        run.canary(120 + index / 5, took=0.8 - index / 5)
    run.probes(120.8, 190)
    assert verdict(run).status is PASS


@pytest.mark.parametrize("kind", ["canary_cancel", "canary_refresh"])
def test_cleaning_up_is_no_probe(kind: str) -> None:
    """The cancel of a booking that the fault lost is refused five seconds later; neither this answer nor a good one is evidence about service."""
    run = outage((120.0, 121.8))
    run.canary(125.0, ok=False, kind=kind, status=404)
    run.canary(120.5, kind=kind)
    assert verdict(run).confidence == pytest.approx((1.7, 1.81))
    tolerates = outage(fault=replace(KILL, expected=Expected.TOLERATES))
    tolerates.canary(125.0, ok=False, kind=kind, status=404)
    assert verdict(tolerates).status is PASS


@pytest.mark.parametrize(("acknowledged", "final", "probe"), [(True, False, False), (False, True, False), (True, True, True)])
def test_the_read_of_a_missing_write_is_no_evidence(acknowledged: bool, final: bool, probe: bool) -> None:
    """The write was lost with its primary, or never acknowledged. A booking that exists and cannot be read is no service."""
    run = Run((RECOVERY, LOSS), (replace(KILL, expected=Expected.TOLERATES),))
    run.life(dead_ns=ns(125))
    run.probes(100, 190)
    fields = {"source": "canary", "journey": "canary"}
    answers = {} if acknowledged else {"outcome": "info", "error": "wrong_body"}
    run.book(124.95, 5000, final=final, kind="canary_write", **fields, **answers)
    run.canary(124.96, took=0.3, ok=False, kind="canary_read", status=404)
    assert (verdict(run).status is FAIL) is probe


def test_partial_faults_do_not_end_earlier_because_of_lucky_probes() -> None:
    """Every third request fails until 130: the last failed one was due at 129.9, and the next ones may have succeeded by chance."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    for index in range(900):
        at = 100 + index / 10
        run.canary(at, ok=not (120 <= at < 130 and index % 3 == 2))
    low, high = verdict(run).confidence or (0, 0)
    assert low == pytest.approx(9.9)
    assert 10.5 < high < 11.5


@pytest.mark.parametrize(("every", "restored"), [(15, True), (4, False)])
def test_the_share_at_which_service_counts_as_restored_is_the_plans(every: int, restored: bool) -> None:
    """After the outage every 15th request fails, or every 4th: at 90 % the first is service, and the second is not."""
    run = outage()
    run.canaries = replace(run.canaries, restored_share=0.9)
    run.operations = [each for each in run.operations if each.intended_ns < ns(120)]
    for index in range(700):
        run.canary(120 + index / 10, ok=not (index < 40 or index % every == 1))
    found = verdict(run)
    assert (found.status is PASS) is restored
    if restored:
        assert found.confidence is not None
        assert 3.7 < found.confidence[0] < 4.0 < found.confidence[1] < 4.3


def test_a_single_failure_soon_after_the_end_is_not_the_end() -> None:
    """An outage from 120 to 124, and one probe at 126 that fails alone."""
    assert verdict(outage((120.0, 124.0), (126.0, 126.1))).confidence == pytest.approx((3.9, 4.01))


@pytest.mark.parametrize(
    ("starved", "expected", "low"),
    [
        ((), FAIL, 21.9),
        (((135, 145),), INCONCLUSIVE, 14.9),
        (((110, 190),), INCONCLUSIVE, 0.0),
        (((141, 145),), FAIL, 20.9),
        (((150, 160),), FAIL, 21.9),
    ],
)
def test_failures_while_other_programs_disturb_fail_nothing(starved: Any, expected: Status, low: float) -> None:
    """An outage until 142, 20 s are allowed: only undisturbed failures can fail it."""
    run = outage((120.0, 142.0))
    run.changes["resources"] = starving(*starved)
    answer = verdict(run)
    assert answer.status is expected
    assert answer.confidence == pytest.approx((low, 22.01))


def test_a_fault_to_be_tolerated_is_not_refuted_by_failures_while_other_programs_disturb() -> None:
    """Other programs took the machine during the one probe that failed."""
    run = outage((130.0, 130.1), fault=replace(KILL, expected=Expected.TOLERATES))
    run.changes["resources"] = starving((129, 132))
    assert verdict(run).status is INCONCLUSIVE


@settings(max_examples=examples(15), deadline=None)
@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.4, 19.0),
    st.sampled_from([5.0, 15.0, 22.0]),
    st.sampled_from([1.0, 1.0, 0.5, 0.3]),
    st.randoms(use_true_random=False),
)
def test_the_phases_of_canaries_never_turn_a_pass_into_a_fail(
    one: float, two: float, lasts: float, bound: float, share: float, luck: Random
) -> None:
    """For all instants of their probes: for a bound outside of both intervals there is never a pass with one and a fail with the other; and both
    contain the true end.
    """
    answers = [verdict(probed(phase, lasts, bound, share, luck)) for phase in (one, two)]
    assert {answer.status for answer in answers} != {PASS, FAIL}
    for answer in answers:
        assert answer.confidence is not None
        low, high = answer.confidence
        # A share of luck goes beyond any interval in 5 of 100 cases; these are not to be told from errors.
        slack = 0.0 if share == 1.0 else 2.0
        assert low <= lasts + 0.001 <= high + slack
        if answer.status is not INCONCLUSIVE:
            assert (answer.status is PASS) == (lasts <= bound)


def probed(phase: float, lasts: float, bound: float, share: float, luck: Random) -> Run:
    """An outage of this length as two canaries with these phases see it, in pairs of a write and its read."""
    run = Run((replace(RECOVERY, at_most=bound),), (KILL,))
    run.life(healed=160, verified=165)
    run.canaries = replace(run.canaries, away_per_s=1.0)
    for per_s, region in ((5.0, "east"), (0.5, "west")):
        for index in range(int(90 * per_s)):
            at = round(100 + (index + phase) / per_s, 6)
            for due, kind in ((at, "canary_write"), (at + 0.01, "canary_read")):
                ok = not (120 <= due < 120 + lasts and luck.random() < share)
                run.canary(due, ok=ok, kind=kind, region=region)
                if not ok:
                    break
    return run


def test_probes_count_by_when_they_were_due() -> None:
    """Due during the outage and answered long after it, in 3 s: a customer waited, so there was no service then."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, 120)
    run.probes(120, 123, took=3.5)
    run.probes(123, 190)
    assert verdict(run).measured == back_at(3.0)


def test_an_answer_in_flight_is_no_recovery() -> None:
    """A write sent before the injection and acknowledged during the outage does not count as working again."""
    run = outage((120.0, 124.0))
    run.book(119.9, 1, took=1.5)
    run.book(124.5, 2)
    run.signal(121.0)
    told = figures(run)
    assert (told.detect_s, told.fail_over_s) == pytest.approx((1.0, 3.5))


def test_the_split_adds_up() -> None:
    """Noticed at 121, first write at 123.5, all well at 124: 1 + 2.5 + 0.455 = 3.955."""
    run = outage((120.0, 124.0))
    run.signal(121.0, "suspected")
    run.signal(123.0, "promoted")
    run.book(123.5, 1)
    told = figures(run)
    assert (told.detect_s, told.fail_over_s, told.restore_s, told.recovery_s) == pytest.approx((1.0, 2.5, 0.455, 3.955))
    assert (told.injected_at_s, told.observed_at_s, told.healed_at_s, told.healed_verified) == (120.0, 120.5, 150.0, True)


@pytest.mark.parametrize(
    ("starved", "expected"),
    [
        ((), (1.0, 2.5, 0.455)),
        (((115, 117),), (1.0, 2.5, 0.455)),
        (((120, 121),), (None, None, None)),
        (((122, 123),), (1.0, None, None)),
        (((110, 190),), (None, None, None)),
    ],
)
def test_parts_that_a_doubtful_stretch_touches_are_not_stated(starved: Any, expected: tuple[float | None, ...]) -> None:
    """Noticed at 121, first write at 123.5, service at 124; other programs had the machine in these seconds, with a backlog until the end."""
    run = outage((120.0, 124.0))
    run.signal(121.0, "suspected")
    run.book(123.5, 1)
    run.changes["resources"] = starving(*starved)
    told = figures(run)
    assert (told.detect_s, told.fail_over_s, told.restore_s) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("wrote", "noticed", "restore"), [(137.0, True, 0.0), (137.0, False, None), (141.0, True, None), (134.0, False, 2.955)]
)
def test_a_restoration_of_zero_is_stated_only_where_the_failover_took_the_whole_time(
    wrote: float, noticed: bool, restore: float | None
) -> None:
    """Away for 17 s. The first write at its end: all of it was failing over, where that is known. A write after its end splits nothing."""
    run = outage((120.0, 137.0))
    if noticed:
        run.signal(121.0, "suspected")
    run.book(wrote, 1)
    assert figures(run).restore_s == pytest.approx(restore)


def test_a_lost_region_works_when_its_own_shard_does() -> None:
    """Its edge leads to other shards after a second; its own shard takes no write before 127."""
    lost = Fault("kill", "region.lost", "break", 10, 30, Expected.RECOVERS, {"region": "west"})
    run = Run((replace(RECOVERY, faults=("region.*",)),), (lost,))
    run.life()
    run.probes(100, 190, per_s=1, region="west", down=((120, 121),))
    run.probes(100, 190, region="west", shard=2, franchise=101, down=((120, 127),))
    run.signal(120.5, "suspected", "region:west")
    run.book(121.0, 1, region="west")
    run.book(127.5, 2, region="west", shard=2, franchise=101)
    assert figures(run).fail_over_s == pytest.approx(7.0)


def test_a_tolerated_fault_may_be_noticed() -> None:
    """The platform says so; nothing failed over and nothing was restored."""
    run = outage()
    run.signal(121.0)
    told = figures(run)
    assert (told.detect_s, told.fail_over_s, told.restore_s) == (1.0, None, None)


def test_signals_of_other_scopes_and_earlier_ones_detect_nothing() -> None:
    """Another shard's alarm and one from before the fault are not this fault's detection."""
    run = outage((120.0, 124.0))
    run.signal(121.0, "suspected", "shard:2")
    run.signal(119.9, "suspected", "shard:1")
    run.signal(150.0, "promoted", "shard:1")  # the harness has begun to heal
    assert figures(run).detect_s is None


def test_a_fault_that_was_not_seen_in_effect_proves_nothing() -> None:
    """Injected, never observed: there was nothing to recover from."""
    assert verdict(outage((120.0, 124.0), observed=None)).status is INCONCLUSIVE


def test_a_fault_that_was_never_injected_proves_nothing() -> None:
    """The plan asks for it and the history does not know it."""
    run = Run((RECOVERY,), (KILL,))
    run.probes(100, 190)
    assert verdict(run).status is INCONCLUSIVE
    assert run.verdict("observed/kill").status is INCONCLUSIVE
    assert run.verdict("healed/kill").status is INCONCLUSIVE


def test_an_unproven_heal_is_never_a_pass() -> None:
    """Healed, but the proof of healing failed."""
    run = outage((120.0, 124.0), verified=None)
    assert run.verdict("healed/kill").status is INCONCLUSIVE
    assert figures(run).healed_verified is False


def test_without_canaries_it_is_unknown() -> None:
    """Customers alone do not measure recovery."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.steady(1000)
    assert verdict(run).status is INCONCLUSIVE


@pytest.mark.parametrize("silent", [(120.0, 130.0), (125.0, 128.0), (180.0, 190.0)])
def test_canaries_that_stop_probing_are_blind(silent: tuple[float, float]) -> None:
    """No probe for seconds, during the fault or at the end: what happened then was not observed."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, silent[0])
    run.probes(silent[1], 190)
    assert verdict(run).status is INCONCLUSIVE


def held_up(run: Run, start: float, end: float, *, until: float, **fields: Any) -> None:
    """Probes due in a stretch, all sent at ``until`` by a sender that had stood still, and answered 10 ms later."""
    for index in range(round((end - start) * 10)):
        at = round(start + index / 10, 6)
        run.canary(at, took=until - at + 0.01, late=until - at, **fields)


@pytest.mark.parametrize("until", [130.0, 141.0, 160.0])
def test_probes_that_their_sender_delayed_neither_pass_nor_fail(until: float) -> None:
    """Good before and good after, and no probe between. Whether the gap is shorter or longer than the allowed 20 s, the recovery is unknown."""
    run = Run((RECOVERY,), (KILL,))
    run.life(healed=170, verified=175)
    run.probes(100, 119)
    held_up(run, 119, until, until=until)
    run.probes(until, 190)
    assert verdict(run).status is INCONCLUSIVE
    assert "the recovery could not be measured" in verdict(run).reason


def test_a_few_probes_delayed_by_their_sender_are_no_outage() -> None:
    """For three tenths of a second: the fault was tolerated, as it should be."""
    run = Run((RECOVERY,), (replace(KILL, expected=Expected.TOLERATES),))
    run.life()
    run.probes(100, 130)
    held_up(run, 130, 130.3, until=131.4)
    run.probes(130.3, 190)
    assert verdict(run).status is PASS


@pytest.mark.parametrize("fields", [{"ok": False}, {"late": 1.05, "took": 2.2}, {"late": 0.05, "took": 1.02}])
def test_a_late_probe_that_failed_or_was_slow_by_itself_counts(fields: dict[str, Any]) -> None:
    """An error more than a second after it was sent, or a lateness that does not matter: the platform was the cause."""
    run = Run((RECOVERY,), (replace(KILL, expected=Expected.TOLERATES),))
    run.life()
    run.probes(100, 190)
    run.canary(130.05, **{"late": 1.05, "took": 1.2, **fields})
    assert verdict(run).status is FAIL


def test_canaries_that_probe_too_rarely_are_blind() -> None:
    """Ten a second are planned; two a second would find the recovery, but miss most of what happens."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, 120)
    run.probes(120, 190, per_s=2)
    assert verdict(run).status is INCONCLUSIVE


def test_a_planned_canary_that_never_probed_is_blind() -> None:
    """The plan wants one from the other region too: its observations are unknown."""
    run = outage((120.0, 124.0))
    run.canaries = replace(run.canaries, away_per_s=1.0)
    assert "from west to shard 1 did not probe" in verdict(run).reason
    run.probes(100, 190, per_s=1, region="west")
    assert verdict(run).status is PASS


def test_canaries_that_failed_before_the_fault_are_blind() -> None:
    """A canary that never worked cannot show that service is lost, nor that it is back."""
    assert verdict(outage((100.0, 190.0))).status is INCONCLUSIVE


@pytest.mark.parametrize(
    ("per_s", "down", "blind"),
    [
        (0.4, (119.0, 120.0), False),  # one of the two probes in the hold
        (0.4, (116.0, 120.0), False),  # both: a write and its read
        (0.4, (110.0, 120.0), True),  # four in a row
        (0.4, (75.0, 120.0), True),
        (0.2, (115.0, 120.0), False),  # the only one in the hold
        (1.0, (118.0, 120.0), False),  # two of five
        (1.0, (116.0, 120.0), True),  # four of five
        (1.0, (100.0, 114.0), True),  # most of what tells, though well at last
        (1.0, (100.0, 106.0), False),
    ],
)
def test_a_single_failure_of_a_slow_canary_is_distinguished_from_an_outage(per_s: float, down: tuple[float, float], blind: bool) -> None:
    """Only the canary from the other region fails in these seconds before the fault; then everything works."""
    run = outage((120.0, 124.0))
    run.canaries = replace(run.canaries, away_per_s=per_s)
    for index in range(round(150 * per_s)):
        at = round(40.001 + index / per_s, 6)
        run.canary(at, region="west", ok=not (down[0] <= at < down[1] or 120 <= at < 124))
    answer = verdict(run)
    assert ("the canary from west to shard 1 was failing before the fault" in answer.reason) is blind
    assert (answer.status is PASS) is not blind


def test_a_canary_that_an_earlier_fault_affected_is_not_blind() -> None:
    """A fault of another shard's region affected the slow canary until 112.5; 7 s of success are enough."""
    other = Fault("other", "shard.primary-killed", "break", 0, 5, Expected.RECOVERS, {"shard": 2})
    run = Run((RECOVERY,), (other, KILL))
    run.canaries = replace(run.canaries, away_per_s=1.0)
    run.life("other", injected=92, observed=92.5, healed=109, verified=113)
    run.life()
    run.probes(60, 190, down=((120, 124),))
    run.probes(60, 190, per_s=1, region="west", down=((96, 112.5), (120, 124)))
    assert verdict(run).status is PASS


def test_every_canary_of_the_scope_must_hold() -> None:
    """The canary from the other region sees the shard again only at 129; a second one, of another shard, does not matter."""
    run = outage((120.0, 124.0))
    run.probes(100, 190, per_s=1, region="west", down=((120, 129),))
    run.probes(100, 190, per_s=10, region="west", shard=2, franchise=101, down=((120, 190),))
    assert verdict(run).confidence == pytest.approx((8.0, 9.01))


def test_canaries_whose_intervals_overlap_saw_the_same_recovery() -> None:
    """The canary with one probe per second failed at 128, and the other at 128.5: that the first one probes again only at 129 widens no interval."""
    run = outage((120.0, 128.6))
    run.probes(100, 190, per_s=1, region="west", down=((120, 128.5),))
    assert verdict(run).confidence == pytest.approx((8.5, 8.61))


def test_a_slow_canary_that_failed_last_makes_the_interval_narrower() -> None:
    """Its probe failed at 123.95, between the last failed probe and the first good one of the other."""
    run = outage((120.0, 124.0))
    for index in range(90):
        run.canary(100.95 + index, region="west", ok=not 120 <= 100.95 + index < 124)
    assert verdict(run).confidence == pytest.approx((3.95, 4.01))


@pytest.mark.parametrize(("failed", "interval"), [(123.95, (3.95, 4.21)), (126.95, (3.9, 4.01))])
def test_one_failure_of_a_slow_canary_is_no_outage_of_its_own(failed: float, interval: tuple[float, float]) -> None:
    """Before the other canary was served again it belongs to that outage, which is then partial; after it, it is one failure among good answers."""
    run = outage((120.0, 124.0))
    for index in range(90):
        at = round(100.95 + index, 6)
        run.canary(at, region="west", ok=at != failed)
    assert verdict(run).confidence == pytest.approx(interval)


def test_one_failure_after_the_first_canary_was_served_is_no_part_of_the_outage() -> None:
    """Two canaries failed, the slow one until its probe at 124.45. A third failed once, at 124.2, when the fast one was already served."""
    run = outage((120.0, 124.0))
    for index in range(90):
        west, north = round(100.45 + index, 6), round(100.2 + index, 6)
        run.canary(west, region="west", ok=not 120 <= west < 124)
        run.canary(north, region="north", ok=north != 124.2)
    assert verdict(run).confidence == pytest.approx((3.9, 4.01))


def test_a_regions_scope_is_its_edge_and_its_shards() -> None:
    """Lost region west: the canary that enters there, and the one of its shard that enters in the east."""
    lost = Fault("kill", "region.lost", "break", 10, 30, Expected.RECOVERS, {"region": "west"})
    run = Run((replace(RECOVERY, faults=("region.*",)),), (lost,))
    run.life()
    run.probes(100, 190, down=((120, 140),))  # east to shard 1: none of its business
    run.probes(100, 190, per_s=1, region="west", down=((120, 122),))
    run.probes(100, 190, per_s=1, region="east", shard=2, franchise=101, down=((120, 127),))
    run.probes(100, 190, region="west", shard=2, franchise=101, down=((120, 125),))
    run.signal(121, "suspected", "region:west")
    run.signal(123, "promoted", "shard:2")
    assert verdict(run).confidence == pytest.approx((6.0, 7.01))
    assert figures(run).detect_s == pytest.approx(1.0)


def test_a_tiers_scope_is_all_franchises() -> None:
    """A lost cache tier affects all of them, and its groups signal under their own names."""
    lost = Fault("kill", "cache.tier-lost", "break", 10, 30, Expected.DEGRADES, {"tier": "cache"})
    run = Run((replace(RECOVERY, faults=("cache.*",)),), (lost,))
    run.life()
    run.probes(100, 190)
    run.probes(100, 190, region="west", shard=2, franchise=101, down=((120, 123),))
    run.signal(121, "promoted", "store:cache-eu")
    run.signal(120.5, "promoted", "store:sessions")
    assert verdict(run).measured == back_at(3.0)
    assert figures(run).detect_s == pytest.approx(1.0)


def test_a_fault_is_judged_only_until_the_next_one_begins() -> None:
    """The second kill comes at 160: the outage after it does not count against the first one's recovery."""
    second = replace(KILL, id="again", at=50)
    run = Run((RECOVERY,), (KILL, second))
    run.life()
    run.life("again", injected=160, observed=160.1, healed=180, verified=185)
    run.probes(100, 190, down=((120, 124), (160, 163)))
    assert run.verdict("recovery/kill").measured == back_at(4.0)
    assert run.verdict("recovery/again").measured == back_at(3.0)


def test_a_fault_that_lasts_into_the_next_is_inconclusive() -> None:
    """Still failing when the second fault of the same scope begins, before the bound has passed: the cause of the rest is unknown."""
    second = replace(KILL, id="again", at=20)
    run = Run((replace(RECOVERY, at_most=60.0),), (KILL, second))
    run.life(healed=160, verified=161)
    run.life("again", injected=130, observed=130.1, healed=165, verified=170)
    run.probes(100, 190, down=((120, 140),))
    assert run.verdict("recovery/kill").status is INCONCLUSIVE


def test_faults_of_different_shards_do_not_disturb_each_other() -> None:
    """A fault on shard 2 does not end the recovery of shard 1."""
    other = replace(KILL, id="other", at=12, scope={"shard": 2})
    run = Run((RECOVERY,), (KILL, other))
    run.life()
    run.life("other", injected=122, observed=122.1)
    run.probes(100, 190, down=((120, 126),))
    run.probes(100, 190, region="west", shard=2, franchise=101, down=((122, 124),))
    assert run.verdict("recovery/kill").measured == back_at(6.0)
    assert run.verdict("recovery/other").measured == back_at(2.0)


def test_a_fault_at_the_end_of_the_run_is_inconclusive() -> None:
    """Injected 3 s before the load ends: there is no time for the hold."""
    late = replace(KILL, at=70, hold=5)
    run = Run((RECOVERY,), (late,))
    run.life(injected=187, observed=187.1, healed=None, verified=None)
    run.probes(100, 190, down=((187, 188),))
    assert verdict(run).status is INCONCLUSIVE


def test_what_the_plan_expects_is_judged_without_an_objective_too() -> None:
    """No recovery objective covers the fault: whether it recovered is stated in any case, and fails nothing."""
    answer = verdict(outage((120.0, 144.0), objective=None))
    assert (answer.status, answer.bound) == (PASS, None)
    unbounded = verdict(outage((120.0, 149.0), objective=None))
    assert unbounded.status is INCONCLUSIVE
    assert "no objective says how long it may take" in unbounded.reason


def test_the_injection_begins_with_its_first_signal_sent() -> None:
    """If the event was written later, ``began_ns`` of the evidence is t0; healing also counts from its beginning."""
    run = outage((120.0, 124.0), injected=121)
    run.events[0] = replace(run.events[0], evidence=Injection("shard:1", (), ns(120), None, ()))
    assert verdict(run).measured == back_at(4.0)


def test_the_order_of_rows_does_not_matter() -> None:
    """The result is the same for every order of rows in the files."""
    run = outage((120.0, 124.0), (132.0, 133.0))
    run.probes(100, 190, per_s=1, region="west", down=((120, 129),))
    assert run.shuffled(7).assess() == run.assess()


def test_a_fault_that_the_plan_does_not_know_is_named() -> None:
    """Another cause broke something: the run did not follow this plan."""
    run = outage((120.0, 124.0))
    run.life("stranger", injected=130)
    assert run.verdict("unplanned/stranger").status is INCONCLUSIVE
