"""Where figures are doubtful, as the timeline shows it."""

from dataclasses import replace

import pytest

from closeshave.history import Blind
from closeshave.report.doubts import DoubtKind, doubts
from tests.report import synthetic
from tests.report.test_series import resources

HISTORY = synthetic.history(rate_per_s=20)


def found(history):
    """The doubtful stretches of a history."""
    return doubts(history, synthetic.PLAN, synthetic.TARGET, synthetic.ZERO_NS, 240.0)


def test_a_quiet_run_has_none():
    """Nothing is hatched without a reason."""
    assert found(HISTORY) == ()


def test_a_machine_that_others_took_is_doubtful_and_says_why():
    """Steal counts as caused by others, whatever else is known."""
    rows = resources()
    rows["at_ns"] += synthetic.ns(40)
    rows.loc[(rows["role"] == "host") & (rows["at_ns"] > synthetic.ns(45)), "steal_s"] = 1.0
    (one,) = found(replace(HISTORY, resources=rows))
    assert one.kind is DoubtKind.OTHERS
    assert 44 <= one.start_s <= 46
    assert one.end_s >= 50
    assert one.cause


def test_a_late_generator_is_doubtful():
    """In the window in which it was late."""
    operations = HISTORY.operations.copy()
    late = (operations["intended_ns"] >= synthetic.ns(30)) & (operations["intended_ns"] < synthetic.ns(40))
    operations.loc[late, "started_ns"] += 200_000_000
    operations.loc[late, "ended_ns"] += 200_000_000
    (one,) = found(replace(HISTORY, operations=operations))
    assert (one.kind, one.start_s, one.end_s) == (DoubtKind.LATE, 30.0, 40.0)
    assert "200" in one.cause


def test_a_killed_worker_is_doubtful_until_it_was_replaced():
    """Clipped to the run."""
    (one,) = found(replace(HISTORY, blind=(Blind("customers", "w1", synthetic.ns(100), synthetic.ns(400)),)))
    assert (one.kind, one.start_s, one.end_s) == (DoubtKind.BLIND, pytest.approx(100), 240.0)
    assert "w1" in one.cause


def test_evidence_that_cannot_be_read_costs_no_page():
    """The judges say what is wrong with it."""
    assert found(replace(HISTORY, resources=resources().drop(columns="interval_s"))) == ()
