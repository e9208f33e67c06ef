"""A platform that breaks its promises is caught, with a witness; the plan, the target and the environment are those of the clean run."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from closeshave.conclusion import conclude
from closeshave.standin import defects
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare
from tests.trial.conftest import plan_text

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]


def carried_out(tmp_path, text, after_up=None):
    """A whole trial in this process; returns its conclusion."""
    plan = Path(tmp_path, "short.yaml")
    plan.write_text(text)
    run = running.run(prepare(str(plan)), tmp_path / "runs", Display(Console(file=io.StringIO())), after_up=after_up)
    return conclude(run)


def test_a_platform_that_accepts_double_bookings_fails_with_the_slot_as_witness(tmp_path):
    """Both winners of a contest are named: same barber, overlapping time."""
    # A trial that stops at the first breach would prove less.
    text = f"{plan_text()}aborts: {{integrity: false}}\n"
    conclusion = carried_out(tmp_path, text, after_up=lambda deployment: defects.plant(deployment, "double-booking"))
    assert conclusion.exit_code == 1
    verdict = next(v for v in conclusion.assessment.verdicts if v.id == "integrity/double_booked")
    assert verdict.status == "fail"
    assert verdict.witnesses
    assert conclusion.assessment.integrity.breaches["double_booked"] > 0
    assert conclusion.assessment.integrity.breaches["lost"] == 0


def test_replication_held_back_for_a_second_loses_about_that_second(tmp_path):
    """The acknowledged writes that never reached the standby are counted, and the loss window is about as long as the pause of the replication."""
    conclusion = carried_out(tmp_path, plan_text("{replication_held_back: 1}"))
    (fault,) = conclusion.assessment.faults
    assert fault.lost_writes > 0
    assert 0.5 <= fault.loss_window_s <= 2.0
    assert conclusion.assessment.integrity.breaches["lost"] == 0
