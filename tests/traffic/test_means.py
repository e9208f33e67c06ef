"""The means that plans are held against limits and caps by are those of the shipped scenario, counted and not remembered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from closeshave.gate.pace import ROOM
from closeshave.operations import OPERATIONS
from closeshave.plan import PER_SESSION, Traffic, read_plan
from closeshave.traffic import limits

ROOT = Path(__file__).parents[2]
COUNTED = """
import json, runpy, sys
runpy.run_path(sys.argv[1])
from closeshave.traffic import means
from closeshave.traffic.journeys import BookingUser
(customer,) = [kind for kind in BookingUser.__subclasses__() if not kind.contest]
found = means.means([customer], 1500)
class Odd(BookingUser):
    tasks = [lambda self: self.session.call(means.Request("dance", "GET", "/", {}))]
try:
    means.means([Odd], 3)
    said = ""
except means.NotAnswered as error:
    said = str(error)
print(json.dumps([found.per_session, found.requests_per_session, found.profiles_per_visit, customer.profiles_per_visit, sorted(means._ANSWERS), said]))
"""


def count(scenario: str) -> Any:
    """In a process of its own: Locust patches the interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, f"scenarios/{scenario}.py"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def counted() -> Any:
    """Of booking.py."""
    return count("booking")


@pytest.mark.parametrize("operation", sorted(PER_SESSION))
def test_a_plans_default_is_the_scenarios_mean(counted: Any, operation: str) -> None:
    """A step that is added to the scenario, or does more, shows here. So many sessions tell a mean of a half to a tenth of it."""
    assert counted[0][operation] == pytest.approx(PER_SESSION[operation], rel=0.12, abs=0.02)


def test_every_operation_with_a_limit_has_a_default(counted: Any) -> None:
    """Of those that the scenario sends: without one a plan would be taken to send none."""
    limited = set(limits.shipped())
    assert limited & set(counted[0]) == set(PER_SESSION)


def test_the_default_of_all_requests_is_no_less_than_the_mean(counted: Any) -> None:
    """A plan is held against a platform's caps by it; not by so much more that a plan which fits is refused."""
    assert counted[1] <= Traffic().requests_per_session <= 1.2 * counted[1]


def test_a_class_states_how_often_its_customers_look_at_their_profile(counted: Any) -> None:
    """By that the log-ins of a load are paced."""
    assert counted[2]["Customer"] == pytest.approx(counted[3], rel=0.12)


def test_the_plan_of_a_gate_states_the_means_of_its_scenario() -> None:
    """By them the rate is found that a machine sustains: with a session that is said to be half as dear again, legs last half as long again. At the plan's
    rate a leg brings a thousand requests of each key operation."""
    per_session, requests, *_ = count("gate")
    plan = read_plan(ROOT / "scenarios" / "gate.yaml")
    assert requests <= plan.traffic.requests_per_session <= 1.1 * requests
    for operation, mean in plan.traffic.per_session.items():
        assert per_session.get(operation, 0.0) == pytest.approx(mean, rel=0.05, abs=0.02), operation
    for metric in plan.gate.metrics:
        if operation := metric.partition("/")[2]:
            assert plan.calm_s * plan.peak_per_s * per_session[operation] >= 1000 * ROOM, operation


def test_every_operation_has_an_answer_and_another_is_an_error(counted: Any) -> None:
    """A mean with a step that failed half-way would be wrong."""
    assert set(counted[4]) == set(OPERATIONS)
    assert counted[5] == "dance has no answer in closeshave/traffic/means.py: add one"


@pytest.mark.thorough
def test_the_command_prints_what_a_plan_takes() -> None:
    """As YAML, to be copied."""
    done = subprocess.run(
        [sys.executable, "-m", "closeshave.traffic.means", "scenarios/booking.py"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    told = YAML(typ="safe").load(done.stdout)
    assert told["traffic"]["per_session"].keys() >= PER_SESSION.keys()
    assert told["traffic"]["requests_per_session"] > 5
