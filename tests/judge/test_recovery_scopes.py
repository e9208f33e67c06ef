"""Whose recovery it is: scopes of faults, and faults after one another. KILL is injected at second 120."""

from dataclasses import replace

import pytest

from closeshave.history import Injection
from closeshave.plan import Expected, Fault
from tests.judge.histories import KILL, RECOVERY, Run, ns
from tests.judge.outages import INCONCLUSIVE, PASS, back_at, figures, outage, verdict


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
