"""What canaries must have seen before a recovery is stated. KILL is injected at second 120; canaries hold for 5 s."""

from dataclasses import replace
from typing import Any

import pytest

from closeshave.plan import Expected, Fault
from tests.judge.histories import KILL, RECOVERY, Run
from tests.judge.outages import FAIL, INCONCLUSIVE, PASS, outage, verdict


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
