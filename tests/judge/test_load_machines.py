"""Load machines: their counts must add up, what is blind is said, and their clocks' uncertainty counts where clocks matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.history import Blind, MachinePart
from closeshave.judge import assess
from closeshave.judge.evidence.windows import blindness, origin_ns
from closeshave.judge.verdict import Status
from tests.judge.test_assess import whole

EAST = MachinePart("east", ("customers-1",), 100, 100, 0, 0, counted=True, offset_ns=150_000_000, uncertainty_ns=200_000)
WEST = replace(EAST, name="west", workers=("customers-2",))


@pytest.mark.parametrize(
    ("machines", "status", "reason"),
    [
        ((EAST, WEST), Status.PASS, ""),
        ((EAST, replace(WEST, sent=99, late=1)), Status.PASS, ""),
        (
            (replace(EAST, intended=0, sent=0),),
            Status.INCONCLUSIVE,
            "no arrival was dealt to any load machine, so none could be missed",
        ),
        (
            (EAST, replace(WEST, sent=60, blind=40)),
            Status.INCONCLUSIVE,
            "of 100 arrivals of load machine west, 60 were sent, 0 were late and 40 are unknown",
        ),
        ((replace(EAST, sent=99),), Status.INCONCLUSIVE, "of 100 arrivals of load machine east, 99 were sent, 0 were late and 0 are unknown"),
        ((replace(EAST, troubles=("the clock jumped",)), WEST), Status.INCONCLUSIVE, "the clock jumped"),
    ],
)  # fmt: skip
def test_every_arrival_is_accounted_for(machines: tuple[MachinePart, ...], status: Status, reason: str) -> None:
    """Otherwise the run cannot be trusted."""
    run = whole()
    found = assess(replace(run.history, machines=machines), run.plan, run.target)
    verdict = next(one for one in found.verdicts if one.id == "load-machines")
    assert (verdict.status, verdict.reason) == (status, reason)
    assert verdict.n == sum(one.intended for one in machines)
    assert found.status is status


def test_a_machine_that_lost_its_share_says_until_when_it_had_one() -> None:
    """The arrivals that were dealt to others are theirs, and count with them."""
    run = whole()
    redealt_ns = (origin_ns(run.history.manifest) or 0) + 12_340_000_000
    lost = replace(WEST, intended=70, sent=60, blind=10, redealt_ns=redealt_ns)
    found = assess(replace(run.history, machines=(replace(EAST, intended=130, sent=130, taken=30), lost)), run.plan, run.target)
    verdict = next(one for one in found.verdicts if one.id == "load-machines")
    assert (verdict.status, verdict.n) == (Status.INCONCLUSIVE, 200)
    assert verdict.reason == (
        "of 70 arrivals of load machine west until 12.3 s, when its share was dealt to the other machines, 60 were sent, 0 were late and 10 are unknown"
    )


@pytest.mark.parametrize("troubles", [(), ("the clock jumped",)])
def test_where_nobody_arrives_no_arrival_is_accounted_for(troubles: tuple[str, ...]) -> None:
    """In the closed model the count of arrivals says nothing, so it is no pass; it costs none either. What else is wrong with a machine still does."""
    run = whole()
    machine = replace(EAST, intended=0, sent=0, counted=False, troubles=troubles)
    found = assess(replace(run.history, machines=(machine,)), run.plan, run.target)
    verdict = next(one for one in found.verdicts if one.id == "load-machines")
    assert (verdict.status, verdict.n, verdict.gates) == (Status.INCONCLUSIVE, 0, bool(troubles))
    assert troubles or "nobody arrives" in verdict.reason
    assert found.status is (Status.INCONCLUSIVE if troubles else Status.PASS)


@pytest.mark.parametrize("found", [(), (EAST,)])
def test_a_machine_whose_record_is_missing_is_not_passed_over(found: tuple[MachinePart, ...]) -> None:
    """How far its clock was off is unknown as well."""
    run = whole()
    manifest = replace(run.history.manifest, load_machines=2)
    judged = assess(replace(run.history, manifest=manifest, machines=found), run.plan, run.target)
    verdict = next(one for one in judged.verdicts if one.id == "load-machines")
    assert verdict.status is Status.INCONCLUSIVE
    assert "of 2 is missing" in verdict.reason
    assert judged.status is Status.INCONCLUSIVE


def test_a_run_of_one_machine_has_no_such_verdict() -> None:
    """Nothing changes for it."""
    run = whole()
    assert not any(one.id == "load-machines" for one in assess(run.history, run.plan, run.target).verdicts)


def test_a_clock_that_may_be_far_off_makes_requests_late() -> None:
    """They may have been sent so much later than they were due; and a bound that is not larger cannot be measured."""
    run = whole()
    found = assess(replace(run.history, machines=(replace(EAST, uncertainty_ns=5_000_000_000),)), run.plan, run.target)
    verdicts = {one.id: one for one in found.verdicts}
    assert verdicts["generator/customers"].status is Status.INCONCLUSIVE
    assert "could not keep its schedule" in verdicts["generator/customers"].reason
    assert found.status is Status.INCONCLUSIVE


def test_what_is_blind_says_why() -> None:
    """By the machine's name."""
    blind = Blind("customers", "customers-3", 12_000_000_000, 30_000_000_000, "of load machine west was lost")
    assert blindness(blind, 2_000_000_000) == (
        "the worker customers-3 of load machine west was lost: nothing is known of its share of the load from 10.0 s to 28.0 s"
    )
