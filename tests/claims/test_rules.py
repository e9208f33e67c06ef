"""Every rule finds what it is about, and is silent when the figure is another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.claims.finding import Planned, Severity
from closeshave.plan import read_plan
from closeshave.target import Measure, Objective, Target
from closeshave.topology import Shard, Topology
from tests.claims.made import findings, target

CONTRADICTION, REMARK = Severity.CONTRADICTION, Severity.REMARK
FOUR: dict[str, Any] = {"users": 1_000_000}
CACHE: dict[str, Any] = {"hit": {"hit_ratio": 0.95}, "ttl": {"ttl": 3600.0}, "many": {"franchises": 100_000}}
RESIDENT: dict[str, Any] = {"lost": {"failover": "region"}, "there": {"regions": ("eu", "us")}}


def bound(measure: Measure, **figures: Any) -> Objective:
    """An objective that tests the promise a."""
    return Objective("it", ("a",), measure, **figures)


CASES: dict[str, tuple[str, Severity, Target, Target | None]] = {
    "an outage longer than the budget": (
        "budget-and-recovery", CONTRADICTION, target(a={"availability": 0.9999}, b={"rto": 300.0}), target(a={"availability": 0.9999}, b={"rto": 259.0}),
    ),
    "the budget of a shorter time": (
        "budget-and-recovery", CONTRADICTION, target(a={"availability": 0.999, "over": 7 * 86400.0}, b={"rto": 900.0}),
        target(a={"availability": 0.999, "over": 30 * 86400.0}, b={"rto": 900.0}),
    ),
    "no budget at all": (
        "budget-and-recovery", CONTRADICTION, target(a={"availability": 1.0}, b={"rto": 1.0}), target(a={"availability": 0.999999}, b={"rto": 1.0}),
    ),
    "the tightest of two budgets": (
        "budget-and-recovery", CONTRADICTION, target(a={"availability": 0.99}, a2={"availability": 0.9999}, b={"rto": 300.0}),
        target(a={"availability": 0.99}, a2={"availability": 0.9999}, b={"rto": 259.0}),
    ),
    "a failover longer than the shortest of two recoveries": (
        "failover-and-recovery", CONTRADICTION, target(a={"rto": 900.0}, a2={"rto": 60.0}, b={"failover": "zone", "rto": 61.0}),
        target(a={"rto": 900.0}, a2={"rto": 60.0}, b={"failover": "zone", "rto": 60.0}),
    ),
    "the longest of two rebuildings": (
        "rebuild-and-recovery", REMARK, target(a={"rto": 60.0}, b={"rebuilt_within": 9.0}, c={"rebuilt_within": 61.0}),
        target(a={"rto": 60.0}, b={"rebuilt_within": 9.0}, c={"rebuilt_within": 60.0}),
    ),
    "the later of two alerts, and the recovery as a whole": (
        "alert-and-recovery", REMARK, target(z={"failover": "zone", "rto": 1.0}, a={"rto": 60.0}, b={"alert_within": 5.0}, c={"alert_within": 60.0}),
        target(z={"failover": "zone", "rto": 1.0}, a={"rto": 60.0}, b={"alert_within": 5.0}, c={"alert_within": 59.0}),
    ),
    "a failover longer than the recovery": (
        "failover-and-recovery", CONTRADICTION, target(a={"rto": 60.0}, b={"failover": "zone", "rto": 61.0}),
        target(a={"rto": 60.0}, b={"failover": "zone", "rto": 60.0}),
    ),
    "a rebuilding longer than the recovery": (
        "rebuild-and-recovery", REMARK, target(a={"rto": 60.0}, b={"rebuilt_within": 61.0}), target(a={"rto": 60.0}, b={"rebuilt_within": 60.0}),
    ),
    "an alert after the recovery": (
        "alert-and-recovery", REMARK, target(a={"rto": 60.0}, b={"alert_within": 60.0}), target(a={"rto": 60.0}, b={"alert_within": 59.0}),
    ),
    "backups further apart than the loss that rests on them": (
        "backup-and-loss", CONTRADICTION, target(a={"backup_interval": 901.0, "rpo": 900.0}), target(a={"backup_interval": 600.0, "rpo": 900.0}),
    ),
    "backups just as far apart": (
        "backup-and-loss", REMARK, target(a={"backup_interval": 900.0, "rpo": 900.0}), target(a={"backup_interval": 899.0, "rpo": 900.0}),
    ),
    "backups beside a loss that may rest on replication": (
        "backup-and-loss", REMARK, target(a={"backup_interval": 86400.0}, b={"rpo": 300.0}), target(a={"backup_interval": 300.0}, b={"rpo": 300.0}),
    ),
    "backups of another part": (
        "backup-and-loss", REMARK, target(a={"backup_interval": 86400.0, "of": "files"}, b={"rpo": 300.0, "of": "files"}),
        target(a={"backup_interval": 86400.0, "of": "files"}, b={"rpo": 300.0, "of": "database"}),
    ),
    "users who send more than is promised": (
        "users-and-rate", CONTRADICTION, target(assumes={"think_time": 9.0}, a=FOUR, b={"requests_per_s": 100_000.0}, c={"response_time": 0.9}), None,
    ),
    "users whose rate nobody promised": (
        "users-and-rate", REMARK, target(assumes={"think_time": 7.0}, a=FOUR), target(a=FOUR),
    ),
    "users and a rate without a think time": (
        "users-and-rate", REMARK, target(a=FOUR, b={"requests_per_s": 100_000.0}), target(b={"requests_per_s": 100_000.0}),
    ),
    "ranges of popular franchises": (
        "ranges-and-popularity", REMARK, target(assumes={"zipf": 0.8}, a={"shards": 4, "sharded_by": "range"}, b={"franchises": 100_000}),
        target(assumes={"zipf": 0.8}, a={"shards": 4, "sharded_by": "hash"}, b={"franchises": 100_000}),
    ),
    "ranges of equally popular franchises": (
        "ranges-and-popularity", REMARK, target(assumes={"zipf": 0.1}, a={"shards": 4, "sharded_by": "range"}, b={"franchises": 100_000}),
        target(assumes={"zipf": 0.0}, a={"shards": 4, "sharded_by": "range"}, b={"franchises": 100_000}),
    ),
    "errors that availability does not allow": (
        "errors-and-availability", REMARK, target(a={"error_rate": 0.01}, b={"availability": 0.999}),
        target(a={"error_rate": 0.001}, b={"availability": 0.999}),
    ),
    "a hit ratio that no cache reaches at this rate": (
        "hits-and-rate", CONTRADICTION, target(assumes={"zipf": 0.8}, rate={"requests_per_s": 300.0}, **CACHE), None,
    ),
    "a hit ratio without a time to live": (
        "hits-and-rate", REMARK, target(assumes={"zipf": 0.8}, **CACHE), target(assumes={"zipf": 0.8}, hit=CACHE["hit"], many=CACHE["many"]),
    ),
    "data of one region that may be lost": (
        "residency-and-failover", CONTRADICTION, target(a={"resident": ("eu",)}, **RESIDENT), target(a={"resident": ("eu", "us")}, **RESIDENT),
    ),
    "a second region that does not serve": (
        "residency-and-failover", CONTRADICTION, target(a={"resident": ("eu", "mars")}, **RESIDENT),
        target(a={"resident": ("eu",)}, lost={"failover": "zone"}, there=RESIDENT["there"]),
    ),
    "a failover to no second region": (
        "residency-and-failover", CONTRADICTION, target(lost={"failover": "region"}, there={"regions": ("eu",)}), target(**RESIDENT),
    ),
    "an objective that is weaker than its promise": (
        "objective-and-promise", CONTRADICTION, target(objectives=[bound(Measure.AVAILABILITY, at_least=0.99)], a={"availability": 0.999}),
        target(objectives=[bound(Measure.AVAILABILITY, at_least=0.999)], a={"availability": 0.999}),
    ),
    "an objective that waits longer than promised": (
        "objective-and-promise", CONTRADICTION, target(objectives=[bound(Measure.RECOVERY, at_most=61.0, faults=("shard.*",))], a={"rto": 60.0}),
        target(objectives=[bound(Measure.RECOVERY, at_most=61.0, faults=("shard.*",))], a=[{"rto": 60.0}, {"rto": 90.0, "of": "cache"}]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_rule_finds_what_it_is_about_and_nothing_with_another_figure(case: str) -> None:
    """One finding of this severity; with the other figure none of that severity."""
    rule, severity, wrong, right = CASES[case]
    assert [each.severity for each in findings(rule, wrong)] == [severity]
    if right is not None:
        assert [each for each in findings(rule, right) if each.severity is severity and severity is CONTRADICTION] == []
        assert severity is CONTRADICTION or findings(rule, right) == []


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ("users-and-rate", target(assumes={"think_time": 9.1}, a=FOUR, b={"requests_per_s": 100_000.0}, c={"response_time": 0.9})),
        (
            "users-and-rate",
            target(
                assumes={"think_time": 9.1}, a=FOUR, low={"requests_per_s": 50.0}, b={"requests_per_s": 100_000.0}, c={"response_time": 0.9}
            ),
        ),
        ("hits-and-rate", target(assumes={"zipf": 0.8}, rate={"requests_per_s": 1000.0}, **CACHE)),
        ("hits-and-rate", target(assumes={"zipf": 0.8, "lookups_per_request": 3.0}, rate={"requests_per_s": 300.0}, **CACHE)),
    ],
)
def test_a_rate_that_is_high_enough_is_a_remark(rule: str, right) -> None:
    """What follows from it is still said."""
    assert [each.severity for each in findings(rule, right)] == [REMARK]


def test_a_hit_ratio_of_everything_is_reached_at_no_rate() -> None:
    """The first lookup always misses."""
    (found,) = findings("hits-and-rate", target(assumes={"zipf": 0.8}, **{**CACHE, "hit": {"hit_ratio": 1.0}}))
    assert found.severity is CONTRADICTION
    assert "at any rate" in found.sentence


def test_targets_of_one_product_are_compared_and_no_others() -> None:
    """Figures of a part, and of a failover inside the recovery, are not."""
    one, other = target("one", product="shop", a={"rto": 60.0}), target("other", product="shop", b={"rto": 90.0})
    (found,) = findings("one-product", one, other)
    assert found.targets == ("one", "other")
    assert found.claims == ("a", "b")
    assert findings("one-product", one, replace(other, product="another")) == []
    assert findings("one-product", one, target("other", product="shop", b={"rto": 60.0})) == []
    assert findings("one-product", one, target("other", product="shop", b={"rto": 90.0, "of": "cache"})) == []
    assert findings("one-product", replace(one, product=""), replace(other, product="")) == []


def test_a_loss_that_rests_on_backups_is_compared_within_the_product() -> None:
    """Another target's promise may be out of reach of these backups."""
    backups = target("one", product="shop", a={"backup_interval": 900.0, "rpo": 1000.0})
    (found,) = findings("backup-and-loss", backups, target("other", product="shop", b={"rpo": 30.0}))
    assert (found.severity, found.claims) == (CONTRADICTION, ("a", "b"))
    assert findings("backup-and-loss", backups, target("other", product="shop", b={"rpo": 900.0})) == []
    assert findings("backup-and-loss", backups, target("other", b={"rpo": 30.0})) == []


PLAN = """\
name: night
environment: embedded
target: shop
seed: 1
limits: {duration: 10m, requests: 100000}
phases:
  - {name: calm, role: calm, duration: 5m, sessions_per_s: RATE}
  - {name: broken, role: fault, duration: 1m, sessions_per_s: 5}
faults:
  - {id: gone, kind: shard.primary-killed, phase: broken, at: 3s, hold: HOLD, expected: recovers, scope: {SCOPE}}
"""
TOPOLOGY = Topology(("a", "b"), tuple(Shard(one, 100 * one, 100 * one + 99, "ab"[one % 2], "a") for one in range(1, 5)))


def planned(path: Path, hold: str = "20s", scope: str = "shard: 1", rate: str = "5") -> tuple[Planned, ...]:
    """A plan of six minutes with one fault."""
    path.write_text(PLAN.replace("HOLD", hold).replace("SCOPE", scope).replace("RATE", rate))
    return (Planned(read_plan(path), TOPOLOGY),)


def test_a_fault_costs_more_than_the_budget_of_its_run(tmp_path: Path) -> None:
    """One shard of four away for 20 s in 6 min is 1.4 % bad; a region of two holds half of the franchises; a fault of 1 s costs less than 0.1 %."""
    promised = target(a={"availability": 0.9999})
    (found,) = findings("run-and-budget", promised, plans=planned(tmp_path / "plan.yaml"))
    assert "gone (25 % of the franchises, 20 s) 1.4 %" in found.sentence
    (found,) = findings("run-and-budget", promised, plans=planned(tmp_path / "plan.yaml", scope="region: a"))
    assert "(50 % of the franchises, 20 s) 2.8 %" in found.sentence
    assert findings("run-and-budget", target(a={"availability": 0.999}), plans=planned(tmp_path / "plan.yaml", hold="1s")) == []
    assert findings("run-and-budget", promised, plans=planned(tmp_path / "plan.yaml", scope="tier: cache")) == []


def test_a_plan_with_too_few_requests_is_named(tmp_path: Path) -> None:
    """By the same arithmetic as ``closeshave validate``."""
    promised = target(objectives=[bound(Measure.AVAILABILITY, at_least=0.9999)], a={"availability": 0.9999})
    (found,) = findings("too-few-requests", promised, plans=planned(tmp_path / "plan.yaml"))
    assert "29,956 requests" in found.sentence
    assert findings("too-few-requests", promised, plans=planned(tmp_path / "plan.yaml", rate="50")) == []
