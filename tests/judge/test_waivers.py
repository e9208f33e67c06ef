"""A known failure that is waived: shown with its owner, without effect until its day, with effect the day after."""

from dataclasses import replace
from datetime import date

import pytest

from closeshave.judge.assess import assess
from closeshave.judge.exits import exit_code
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdictkinds import PRECONDITIONS
from closeshave.judge.waivers import applied, day_of, idle, nothing_counts
from closeshave.plan import Waiver
from tests.judge.test_assess import whole

STARTED = "2026-11-29T23:30:00+00:00"


def verdict(id="latency/us-east-1", status=Status.FAIL, **changes):
    """A verdict that fails, unless told otherwise."""
    plain = Verdict(id, ("C1",), status, "latency", "region:us-east-1", 0.2, 0.1, "s", reason="too slow")
    return replace(plain, **changes)


def waiver(name="latency/*", until=date(2026, 12, 24)):
    """A waiver of all verdicts on response times."""
    return Waiver(name, "Mara Lindqvist", "slower until the index is there", until)


def test_a_waived_failure_is_shown_with_its_owner_and_does_not_count():
    """By its ID or a pattern of IDs."""
    for name in ("latency/*", "latency/us-east-1"):
        (found,) = applied([verdict()], [waiver(name)], STARTED)
        assert not found.gates
        assert found.waived is not None
        assert (found.waived.owner, found.waived.until) == ("Mara Lindqvist", "2026-12-24")
        assert found.reason == "waived until 2026-12-24 by Mara Lindqvist (slower until the index is there): too slow"
        assert found.status is Status.FAIL


@pytest.mark.parametrize(("until", "gates"), [(date(2026, 11, 30), False), (date(2026, 11, 29), False), (date(2026, 11, 28), True)])
def test_the_day_after_it_counts_again(until, gates):
    """The day is that on which the run began, by UTC."""
    (found,) = applied([verdict()], [waiver(until=until)], STARTED)
    assert found.gates is gates
    assert (found.waived is None) is gates


def test_what_is_not_named_or_passes_stays_as_it_is():
    """A pass needs no waiver; a verdict that is only shown gets none."""
    others = [verdict("availability/all"), verdict(status=Status.PASS), verdict(gates=False)]
    assert applied(others, [waiver()], STARTED) == others


def test_an_inconclusive_verdict_can_be_waived_too():
    """A platform whose ledger cannot be read makes every night inconclusive."""
    (found,) = applied([verdict(status=Status.INCONCLUSIVE)], [waiver()], STARTED)
    assert not found.gates


@pytest.mark.parametrize("measure", ["host", "completeness", "reconciliation", "generator_health", "observed", "judge"])
def test_whether_a_run_can_be_trusted_cannot_be_waived(measure):
    """Otherwise a run that lost its records would pass, by a waiver of everything."""
    doubtful = verdict(measure, Status.INCONCLUSIVE, measure=measure)
    assert applied([doubtful], [waiver("*")], STARTED) == [doubtful]


def test_a_run_of_which_every_promise_is_waived_is_inconclusive():
    """Nothing that counts was put to the test."""
    run = whole()
    strict = tuple(replace(each, at_most=1e-9) if each.at_most is not None else each for each in run.target.objectives)
    everything = Waiver("*", "Mara Lindqvist", "known", date(9999, 1, 1))
    found = assess(run.history, replace(run.plan, waive=(everything,)), replace(run.target, objectives=strict))
    passing = [each for each in found.verdicts if each.gates and each.measure not in PRECONDITIONS and each.status is Status.PASS]
    assert exit_code(found) == (0 if passing else 3)
    assert nothing_counts(applied([verdict()], [waiver("*")], STARTED))
    assert not nothing_counts(applied([verdict(), verdict("availability/all", Status.PASS)], [waiver("latency/*")], STARTED))
    assert not nothing_counts([verdict(gates=False)])


def test_a_run_whose_start_is_not_known_waives_nothing():
    """Unknown never becomes success."""
    assert day_of("yesterday") is None
    (found,) = applied([verdict()], [waiver()], "yesterday")
    assert found.gates


def test_a_day_is_one_of_utc():
    """Half past eleven at night in New York is the next day."""
    assert day_of("2026-11-29T23:30:00-05:00") == date(2026, 11, 30)


def test_a_waived_failure_does_not_fail_the_run():
    """From the plan or from the target; without it the run fails."""
    run = whole()
    strict = tuple(replace(each, at_most=0.5) if each.id == "recovery" else each for each in run.target.objectives)
    target = replace(run.target, objectives=strict)
    failed = assess(run.history, run.plan, target)
    assert exit_code(failed) == 1
    waived = Waiver("recovery/*", "Mara Lindqvist", "known", date(9999, 1, 1))
    for plan, promised in ((replace(run.plan, waive=(waived,)), target), (run.plan, replace(target, waive=(waived,)))):
        found = assess(run.history, plan, promised)
        assert exit_code(found) == 0
        assert [each.id for each in found.verdicts if each.waived] == ["recovery/kill"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("latency/us-east-1", False),
        ("latency/*", False),
        ("*", False),
        ("gate/p95/book", False),
        ("Latency/*", True),
        ("latency", True),
        ("integrity/lots", True),
    ],
)
def test_a_waiver_that_no_verdict_has_the_id_of_is_said(name, said):
    """A misspelt one waives nothing; one of a gate's metrics belongs to the gate."""
    rows = idle([verdict(), verdict("availability/all", Status.PASS)], [waiver(name)])
    assert [row.id for row in rows] == ([f"waive/{name}"] if said else [])


def test_a_run_says_which_of_its_waivers_waive_nothing():
    """Beside what else it was not asked."""
    run = whole()
    found = assess(run.history, replace(run.plan, waive=(waiver("integrity/lots"),)), run.target)
    assert "waive/integrity/lots" in [row.id for row in found.not_asked]
    assert "waive/integrity/lots" not in [row.id for row in assess(run.history, run.plan, run.target).not_asked]
