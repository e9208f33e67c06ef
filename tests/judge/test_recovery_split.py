"""The parts of a recovery: detect, fail over, restore. KILL is injected at second 120."""

from dataclasses import replace
from typing import Any

import pytest

from closeshave.plan import Expected, Fault
from tests.judge.histories import RECOVERY, Run, starving
from tests.judge.outages import figures, outage


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
