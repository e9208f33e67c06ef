"""A run's faults as rows of the table, and what makes a row fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.faults.catalogue import KINDS
from closeshave.history import FaultEvent, Mark, Planning
from proving import table
from proving.rows import Row, rows, superseded
from tests.judge.histories import KILL, Run, ns

GOOD = Row("shard.primary-killed", "shard 1", 12.0, 0.05, 0.4, 10.0, 12.0, 5.0, "")


def run(*marks: Mark, strike: float = 119.98, outage: bool = True) -> Run:
    """A shard's primary is killed at second 120; its customers notice when there is an ``outage``."""
    made = Run(faults=(KILL,))
    made.life()
    made.events.insert(0, FaultEvent("kill", "planned", ns(119), Planning(ns(strike), "shard.primary-killed", {"shard": 1}, {})))
    made.marks += marks
    for index in range(20 * 140):
        at = round(10 + index / 20, 6)
        made.bad(at) if outage and 120 <= at < 130 else made.op(at, took=0.01 + (index * 37 % 100) / 10_000)
    return made


def test_a_row_states_the_instants_of_a_fault():
    """Lateness against the schedule, then seconds since the injection; the proof counts from the undo."""
    (row,) = rows(run().evidence, KINDS)
    assert (row.kind, row.scope) == ("shard.primary-killed", "shard 1")
    assert row.late_ms == pytest.approx(20)
    assert row.observed_s == pytest.approx(0.5)
    assert row.effect_s == pytest.approx(0.1, abs=0.11)
    assert row.undone_s == pytest.approx(30)
    assert row.proven_s == pytest.approx(5)
    assert row.well


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (lambda: run(strike=119.7), "late"),
        (lambda: run(outage=False), "no effect"),
        (lambda: run(Mark(ns(140), "fault-ended-early", "kill")), "ended before it was healed"),
        (lambda: run(Mark(ns(121), "fault-not-observed", "kill")), "no probe saw it"),
        (lambda: run(Mark(ns(121), "fault-not-observed", "kill: not observed within 5 s")), "no probe saw it: not observed within 5 s"),
        (lambda: run(Mark(ns(190), "left-behind", "port 10240")), "left behind: port 10240"),
        (lambda: run(Mark(ns(180), "heal-unproven", "kill: shard 1: no replica")), "unproven: kill: shard 1: no replica"),
    ],
)
def test_a_fault_with_a_defect_fails(made, wrong):
    """Late, without effect, ended early, not observed, something left or unproven: each is shown."""
    (row,) = rows(made().evidence, KINDS)
    assert not row.well
    if wrong not in {"late", "no effect"}:
        assert wrong in row.left


@pytest.mark.parametrize(
    "unknown",
    [replace(GOOD, late_ms=None), replace(GOOD, observed_s=None), replace(GOOD, undone_s=None), replace(GOOD, proven_s=None)],
)
def test_an_unknown_value_fails(unknown):
    """Unknown never becomes success."""
    assert GOOD.well
    assert not unknown.well


def test_kinds_that_customers_should_not_notice_need_no_effect():
    """If a platform tolerates a fault, no effect is right."""
    assert replace(GOOD, effect_s=None, effect_within_s=None).well
    assert not replace(GOOD, effect_s=None).well


def test_the_page_has_a_line_for_each_fault():
    """Figures with two decimals, *unknown* if there is none, *none expected* if customers should not notice."""
    text = table.page([GOOD, replace(GOOD, kind="x.y", late_ms=None, effect_s=None, effect_within_s=None)], "embedded", "2026-11-21")
    assert "| shard.primary-killed | shard 1 | 12.00 | 0.05 | 0.40 (of 10) | 12.00 | 5.00 | nothing |" in text
    assert "| x.y | shard 1 | unknown | 0.05 | none expected | 12.00 | 5.00 | nothing |" in text
    assert "1 of 2 kinds are as expected" in text


def test_of_a_kind_that_was_repeated_only_the_last_run_counts():
    """After a correction; two faults of one kind in one run are both shown."""
    old, other = replace(GOOD, left="no probe saw it"), replace(GOOD, kind="cache.slow")
    again = (GOOD, replace(GOOD, scope="shard 2"))
    assert superseded([old, other], again) == [other, *again]
