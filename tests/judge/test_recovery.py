"""Recovery: KILL is injected at second 120, seen at 120.5, and healed by the harness at 150; canaries hold for 5 s."""

from dataclasses import replace
from typing import Any

import pytest

from closeshave.judge.verdict import FaultFigures, Status, Verdict
from closeshave.plan import Expected, Fault
from closeshave.target import Objective
from tests.judge.histories import KILL, RECOVERY, Run, ns

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


def figures(run: Run) -> FaultFigures:
    """The kill as the report tells it."""
    return run.assess().faults[0]


def test_recovery_is_the_first_window_that_holds() -> None:
    """Down from 120.2 to 124: the first good probe is due at 124.0, 4 s after the injection; the last bad one was at 123.9."""
    run = outage((120.2, 124.0))
    answer = verdict(run)
    assert (answer.status, answer.measured, answer.bound, answer.unit) == (PASS, 4.0, 20.0, "s")
    assert answer.confidence == pytest.approx((3.9, 4.0))
    assert figures(run).self_recovered is True


@pytest.mark.parametrize(
    ("back", "expected"),
    [(139.9, PASS), (140.0, PASS), (140.1, FAIL)],
)
def test_exactly_at_the_bound_is_in_time(back: float, expected: Status) -> None:
    """20 s are allowed."""
    answer = verdict(outage((120.0, back)))
    assert answer.status is expected
    assert answer.measured == pytest.approx(back - 120)
    assert bool(answer.witnesses) == (expected is FAIL)


def test_one_nanosecond_past_the_bound_is_too_late() -> None:
    """The first good probe of a canary is due a nanosecond after the allowed 20 s."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, 140, down=((120, 140),))
    for index in range(500):
        run.canary(140 + index / 10, intended_ns=ns(140 + index / 10) + 1)
    assert verdict(run).status is FAIL


def test_clocks_that_may_be_further_apart_than_the_excess_convict_nobody() -> None:
    """0.1 s too late and 0.2 s of uncertainty, or 0.1 s in time: nobody knows. Exactly at the bound stays in time."""
    for back, expected in ((140.1, INCONCLUSIVE), (139.9, INCONCLUSIVE), (140.0, PASS), (135.0, PASS), (141.0, FAIL)):
        run = outage((120.0, back))
        run.uncertainty_ns = 200_000_000
        assert verdict(run).status is expected


@pytest.mark.parametrize(
    ("back", "by_itself"),
    [(144.9, True), (145.0, False), (147.0, False), (151.0, False)],
)
def test_recovery_that_needed_the_harness_is_none(back: float, by_itself: bool) -> None:
    """t_r + 5 s of hold must lie before t_h = 150: at 145.0 they are equal, and nothing tells the platform's work from the harness's."""
    slow = replace(RECOVERY, at_most=60.0)
    run = outage((120.0, back), objective=slow)
    answer = verdict(run)
    assert (answer.status is PASS) == by_itself
    assert figures(run).self_recovered == by_itself
    assert figures(run).recovery_s == pytest.approx(back - 120)
    if not by_itself:
        assert answer.status is FAIL
        assert "by itself" in answer.reason


def test_an_operators_step_may_be_part_of_a_restoration() -> None:
    """The same late recovery is fine where the plan expects *restored*, and within the time allowed."""
    restored = replace(KILL, expected=Expected.RESTORED)
    assert verdict(outage((120.0, 152.0), fault=restored, objective=replace(RECOVERY, at_most=60.0))).status is PASS
    assert verdict(outage((120.0, 152.0), fault=restored)).status is FAIL


def test_service_that_never_comes_back_fails() -> None:
    """Nothing is ever good again: there is no recovery time, and it is a failure all the same."""
    run = outage((120.0, 190.0))
    answer = verdict(run)
    assert (answer.status, answer.measured) == (FAIL, None)
    assert [witness["intended_ns"] for witness in answer.witnesses] == [ns(120), ns(189.9)]
    assert figures(run).recovery_s is None


def test_service_that_never_comes_back_and_was_never_healed_fails() -> None:
    """Without the edge *healed* the bound of 20 s still passed long ago."""
    assert verdict(outage((120.0, 190.0), healed=None, verified=None)).status is FAIL


def test_a_history_that_ends_too_soon_cannot_tell() -> None:
    """Never healed, still down when the load ends after 70 s, and 100 s are allowed: nobody knows."""
    run = outage((120.0, 190.0), healed=None, verified=None, objective=replace(RECOVERY, at_most=100.0))
    assert verdict(run).status is INCONCLUSIVE


def test_a_fault_that_is_tolerated_takes_no_time() -> None:
    """No probe failed: recovery time zero."""
    run = outage()
    assert (verdict(run).status, verdict(run).measured) == (PASS, 0.0)


def test_tolerates_means_no_probe_fails() -> None:
    """One failed probe is one too many for a fault that was to go unnoticed; before the fault and after healing nobody counts."""
    tolerates = replace(KILL, expected=Expected.TOLERATES)
    assert verdict(outage(fault=tolerates)).status is PASS
    assert verdict(outage((119.9, 120.0), (151.0, 152.0), fault=tolerates)).status is PASS
    assert verdict(outage((130.0, 130.1), fault=tolerates)).status is FAIL
    assert verdict(outage((120.0, 120.1), fault=tolerates)).status is FAIL


def test_good_seconds_before_the_fault_bites_are_no_recovery() -> None:
    """A primary cut off from its lease serves for 8 s more; the outage then lasts until 134."""
    assert verdict(outage((128.0, 134.0))).measured == pytest.approx(14.0)


def test_a_short_relief_is_no_recovery() -> None:
    """Good from 122 to 126.9 is less than the hold of 5 s."""
    assert verdict(outage((120.0, 122.0), (126.9, 130.0))).measured == pytest.approx(10.0)


def test_a_second_outage_undoes_the_first_recovery() -> None:
    """Good for ten seconds, then down again for one: service is back at 133."""
    assert verdict(outage((120.0, 122.0), (132.0, 133.0))).measured == pytest.approx(13.0)


def test_a_single_failure_after_a_full_hold_is_no_outage() -> None:
    """One probe at 140 fails alone: the recovery at 122 stands."""
    assert verdict(outage((120.0, 122.0), (140.0, 140.1))).measured == pytest.approx(2.0)


def test_a_slow_answer_counts_as_down() -> None:
    """Good answers after 1.000000001 s are not service; after exactly 1 s they are."""
    for took, measured in ((1.0, 2.0), (1.000000001, 6.0)):
        run = Run((RECOVERY,), (KILL,))
        run.life()
        run.probes(100, 122, down=((120, 122),))
        run.probes(122, 126, took=took)
        run.probes(126, 190)
        assert verdict(run).measured == pytest.approx(measured)


def test_probes_count_by_when_they_were_due() -> None:
    """Due during the outage and answered well after it, in 3 s: a customer waited, so it was down then."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, 120)
    run.probes(120, 123, took=3.5)
    run.probes(123, 190)
    assert verdict(run).measured == pytest.approx(3.0)


def test_recovery_by_an_answer_in_flight_is_none() -> None:
    """A write sent before the injection and acknowledged during the outage does not count as working again."""
    run = outage((120.0, 124.0))
    run.book(119.9, 1, took=1.5)
    run.book(124.5, 2)
    run.signal(121.0)
    told = figures(run)
    assert (told.detect_s, told.fail_over_s) == pytest.approx((1.0, 3.5))


def test_the_split_adds_up() -> None:
    """Noticed at 121, first write at 123.5, all well at 124: 1 + 2.5 + 0.5 = 4."""
    run = outage((120.0, 124.0))
    run.signal(121.0, "suspected")
    run.signal(123.0, "promoted")
    run.book(123.5, 1)
    told = figures(run)
    assert (told.detect_s, told.fail_over_s, told.restore_s, told.recovery_s) == pytest.approx((1.0, 2.5, 0.5, 4.0))
    assert (told.injected_at_s, told.observed_at_s, told.healed_at_s, told.healed_verified) == (120.0, 120.5, 150.0, True)


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


def test_signals_of_elsewhere_and_of_before_detect_nothing() -> None:
    """Another shard's alarm and one from before the fault are not this fault's detection."""
    run = outage((120.0, 124.0))
    run.signal(121.0, "suspected", "shard:2")
    run.signal(119.9, "suspected", "shard:1")
    run.signal(150.0, "promoted", "shard:1")  # the harness has begun to heal
    assert figures(run).detect_s is None


def test_a_fault_that_was_not_seen_to_bite_proves_nothing() -> None:
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
    """Healed, but nothing proved it."""
    run = outage((120.0, 124.0), verified=None)
    assert run.verdict("healed/kill").status is INCONCLUSIVE
    assert figures(run).healed_verified is False


def test_without_canaries_nobody_can_tell() -> None:
    """Customers alone do not measure recovery."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.steady(1000)
    assert verdict(run).status is INCONCLUSIVE


@pytest.mark.parametrize("silent", [(120.0, 130.0), (125.0, 128.0), (180.0, 190.0)])
def test_canaries_that_fall_silent_are_blind(silent: tuple[float, float]) -> None:
    """No probe for seconds on end, during the fault or at the end: whatever happened then, nobody saw it."""
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
def test_probes_that_their_sender_held_up_acquit_and_convict_nobody(until: float) -> None:
    """Well before and well after; in between nobody asked. Whether that is shorter or longer than the allowed 20 s, the recovery is unknown."""
    run = Run((RECOVERY,), (KILL,))
    run.life(healed=170, verified=175)
    run.probes(100, 119)
    held_up(run, 119, until, until=until)
    run.probes(until, 190)
    assert verdict(run).status is INCONCLUSIVE
    assert "nobody could see the recovery" in verdict(run).reason


def test_a_few_probes_held_up_are_no_outage() -> None:
    """Three tenths of a second of the sender's own: a fault that was to be tolerated was."""
    run = Run((RECOVERY,), (replace(KILL, expected=Expected.TOLERATES),))
    run.life()
    run.probes(100, 130)
    held_up(run, 130, 130.3, until=131.4)
    run.probes(130.3, 190)
    assert verdict(run).status is PASS


@pytest.mark.parametrize("fields", [{"ok": False}, {"late": 1.05, "took": 2.2}, {"late": 0.05, "took": 1.02}])
def test_a_late_probe_that_failed_or_was_slow_by_itself_counts(fields: dict[str, Any]) -> None:
    """An error, a second and more after it was sent, or lateness of no account: the platform's own doing."""
    run = Run((RECOVERY,), (replace(KILL, expected=Expected.TOLERATES),))
    run.life()
    run.probes(100, 190)
    run.canary(130.05, **{"late": 1.05, "took": 1.2, **fields})
    assert verdict(run).status is FAIL


def test_canaries_that_probe_too_thinly_are_blind() -> None:
    """Ten a second are planned; two a second would find the recovery, but miss most of what happens."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(100, 120)
    run.probes(120, 190, per_s=2)
    assert verdict(run).status is INCONCLUSIVE


def test_a_planned_canary_that_never_probed_is_blind() -> None:
    """The plan wants one from the other region too: nobody knows what it would have seen."""
    run = outage((120.0, 124.0))
    run.canaries = replace(run.canaries, away_per_s=1.0)
    assert "from west to shard 1 did not probe" in verdict(run).reason
    run.probes(100, 190, per_s=1, region="west")
    assert verdict(run).status is PASS


def test_canaries_that_failed_before_the_fault_are_blind() -> None:
    """A canary that never worked cannot tell that service is down, nor that it is back."""
    assert verdict(outage((100.0, 190.0))).status is INCONCLUSIVE


def test_every_canary_of_the_scope_must_hold() -> None:
    """The canary from the other region sees the shard again only at 129; a second one, of another shard, does not matter."""
    run = outage((120.0, 124.0))
    run.probes(100, 190, per_s=1, region="west", down=((120, 129),))
    run.probes(100, 190, per_s=10, region="west", shard=2, franchise=101, down=((120, 190),))
    assert verdict(run).measured == pytest.approx(9.0)


def test_a_slow_canary_is_back_only_with_its_own_next_probe() -> None:
    """The one that probes once a second fails at 128 and is next due at 129; what fails at 128.5 elsewhere and is well at 128.6 is not last."""
    run = outage((120.0, 128.6))
    run.probes(100, 190, per_s=1, region="west", down=((120, 128.5),))
    assert verdict(run).measured == pytest.approx(9.0)


def test_a_regions_scope_is_its_door_and_its_shards() -> None:
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
    assert verdict(run).measured == pytest.approx(7.0)
    assert figures(run).detect_s == pytest.approx(1.0)


def test_a_tiers_scope_is_everyone() -> None:
    """A lost cache tier is felt everywhere, and its groups speak under their own names."""
    lost = Fault("kill", "cache.tier-lost", "break", 10, 30, Expected.DEGRADES, {"tier": "cache"})
    run = Run((replace(RECOVERY, faults=("cache.*",)),), (lost,))
    run.life()
    run.probes(100, 190)
    run.probes(100, 190, region="west", shard=2, franchise=101, down=((120, 123),))
    run.signal(121, "promoted", "store:cache-eu")
    run.signal(120.5, "promoted", "store:sessions")
    assert verdict(run).measured == pytest.approx(3.0)
    assert figures(run).detect_s == pytest.approx(1.0)


def test_a_fault_answers_only_until_the_next_one_begins() -> None:
    """The second kill comes at 160: the outage after it is not the first one's relapse."""
    second = replace(KILL, id="again", at=50)
    run = Run((RECOVERY,), (KILL, second))
    run.life()
    run.life("again", injected=160, observed=160.1, healed=180, verified=185)
    run.probes(100, 190, down=((120, 124), (160, 163)))
    assert run.verdict("recovery/kill").measured == pytest.approx(4.0)
    assert run.verdict("recovery/again").measured == pytest.approx(3.0)


def test_a_fault_that_is_overtaken_by_the_next_cannot_be_told() -> None:
    """Still down when the second fault of the same scope begins, before the bound is over: whose outage is it?"""
    second = replace(KILL, id="again", at=20)
    run = Run((replace(RECOVERY, at_most=60.0),), (KILL, second))
    run.life(healed=160, verified=161)
    run.life("again", injected=130, observed=130.1, healed=165, verified=170)
    run.probes(100, 190, down=((120, 140),))
    assert run.verdict("recovery/kill").status is INCONCLUSIVE


def test_faults_of_different_shards_do_not_disturb_each_other() -> None:
    """A fault on shard 2 does not end the story of shard 1."""
    other = replace(KILL, id="other", at=12, scope={"shard": 2})
    run = Run((RECOVERY,), (KILL, other))
    run.life()
    run.life("other", injected=122, observed=122.1)
    run.probes(100, 190, down=((120, 126),))
    run.probes(100, 190, region="west", shard=2, franchise=101, down=((122, 124),))
    assert run.verdict("recovery/kill").measured == pytest.approx(6.0)
    assert run.verdict("recovery/other").measured == pytest.approx(2.0)


def test_a_fault_at_the_edge_of_the_run_cannot_be_told() -> None:
    """Injected 3 s before the load ends: there is no hold to see."""
    late = replace(KILL, at=70, hold=5)
    run = Run((RECOVERY,), (late,))
    run.life(injected=187, observed=187.1, healed=None, verified=None)
    run.probes(100, 190, down=((187, 188),))
    assert verdict(run).status is INCONCLUSIVE


def test_what_the_plan_expects_is_judged_without_an_objective_too() -> None:
    """No recovery objective covers the fault: whether it recovered by itself is answered all the same, without a bound."""
    answer = verdict(outage((120.0, 144.0), objective=None))
    assert (answer.status, answer.bound) == (PASS, None)
    assert verdict(outage((120.0, 149.0), objective=None)).status is FAIL


def test_the_injection_begins_with_its_first_signal_sent() -> None:
    """The evidence's ``began_ns`` is t0 where the event was written later; healing counts from its own beginning too."""
    run = outage((120.0, 124.0), injected=121)
    run.events[0] = replace(run.events[0], evidence={"began_ns": ns(120)})
    assert verdict(run).measured == pytest.approx(4.0)


def test_the_order_of_rows_does_not_matter() -> None:
    """Whatever order files hold their rows in, the answer is the same."""
    run = outage((120.0, 124.0), (132.0, 133.0))
    run.probes(100, 190, per_s=1, region="west", down=((120, 129),))
    assert run.shuffled(7).assess() == run.assess()


def test_a_fault_that_the_plan_does_not_know_is_named() -> None:
    """Somebody broke something else: the run is not this plan's."""
    run = outage((120.0, 124.0))
    run.life("stranger", injected=130)
    assert run.verdict("unplanned/stranger").status is INCONCLUSIVE
