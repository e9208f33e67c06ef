"""*Did you mean*: a name that is not known is answered with the closest one that is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from closeshave.files.closest import meant
from closeshave.files.shipped import locate
from tests.remote import definitions
from tests.tiers import thorough

SMOKE = locate("scenarios", "smoke").read_text()

ARGUMENTS = {
    "a command": (["rnu"], "Did you mean 'run'?"),
    "an option": (["run", "smoke", "--sede", "3"], "(did you mean --seed?)"),
    "a plan": (["run", "nightyl"], "(did you mean nightly?)"),
    "an environment": (["validate", "smoke", "--environment", "embeded"], "(did you mean embedded?)"),
    "a target": (["validate", "smoke", "--target", "bookedbarber-smok"], "(did you mean bookedbarber-smoke?)"),
    "a target to be looked at": (["lint-claims", "bookedbarber-smok"], "(did you mean bookedbarber-smoke?)"),
    "an environment to be started": (["env", "up", "embeded"], "(did you mean embedded?)"),
    "a kind of fault": (["list", "faults", "shard.primary-kiled"], "(did you mean shard.primary-killed?)"),
    "an invariant": (["list", "invariants", "phantoms"], "(did you mean phantom?)"),
    "what is listed": (["list", "fault"], "(did you mean faults?)"),
    "a stage": (["doctor", "--url", "http://127.0.0.1:1", "--stage", "stagging"], "(did you mean staging?)"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_a_name_on_the_command_line(case, command, tmp_path):
    """With code 2, in one sentence."""
    arguments, told = ARGUMENTS[case]
    done = command(*arguments, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert told in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


IN_A_PLAN = {
    "a key": ("duration: 24s", "duraton: 24s", "duraton: unknown key (did you mean duration?)"),
    "a kind of fault": ("kind: shard.primary-killed", "kind: shard.primary-kiled", "(did you mean shard.primary-killed?)"),
    "a target": ("target: bookedbarber-smoke", "target: bookedbarber-smok", "(did you mean bookedbarber-smoke?)"),
    "an environment": ("environment: embedded", "environment: embeded", "(did you mean embedded?)"),
    "a profile": ("traffic:", "traffic:\n  profile: flatt", "(did you mean flat?)"),
    "a phase": (
        "phase: shard-primary",
        "phase: shard-primry",
        "faults.0.phase: 'shard-primry' is not a phase of this plan (did you mean shard-primary?)",
    ),
    "a shape": (
        "role: calm,",
        "role: calm, shape: {kind: stps},",
        "phases.1.shape.kind: 'stps' is unknown here (did you mean steps?); available: ramp, ",
    ),
    "a metric": (
        "limits:",
        "gate: {metrics: [cpu-per-reqest]}\nlimits:",
        "'cpu-per-reqest' is not a metric (did you mean cpu-per-request?)",
    ),
    "a place of random faults": (
        "limits:",
        "nemesis: {phase: shard-primary, kinds: [region.lost], every: 20s, hold: 5s, scopes: {region: [us-wst-2]}}\nlimits:",
        "region us-wst-2 is not one of us-east-1, us-west-2, eu-west-1, ap-southeast-1 (did you mean us-west-2?)",
    ),
    "an operation": (
        "traffic:",
        "traffic:\n  per_session: {bok: 0.3}",
        "traffic.per_session.bok: 'bok' is not an operation (did you mean book?)",
    ),
    "a scope": ("scope: {shard: 1}", "scope: {shrad: 1}", "(did you mean shard?)"),
}


@pytest.mark.parametrize("case", IN_A_PLAN)
def test_a_name_in_a_plan(case, command, tmp_path):
    """With the file and the line."""
    old, new, told = IN_A_PLAN[case]
    assert old in SMOKE
    path = tmp_path / "plan.yaml"
    path.write_text(SMOKE.replace(old, new, 1))
    done = command("validate", path, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert told in done.stderr.decode(), done.stderr.decode()
    assert str(path) in done.stderr.decode()


def test_a_misspelt_promise_of_an_objective_is_told_with_the_closest_one(command, tmp_path):
    """In the target's file, with its line."""
    path = tmp_path / "mine.yaml"
    text = locate("environments/targets", "bookedbarber-smoke").read_text()
    path.write_text(text.replace("claims: [S01]", "claims: [S0l]"))
    done = command("validate", "smoke", "--target", path, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    line = text[: text.index("claims: [S01]")].count("\n") + 1
    told = f"{path}:{line}: objectives.0.claims: S0l is not among the claims of this file (did you mean S0"
    assert (done.code, told in done.stderr.decode()) == (2, True), done.stderr.decode()


CUSTOMER = """\
from locust import task

from closeshave.traffic.journeys import BookingUser


class Customer(BookingUser):
    @task
    def look(self):
        self.steps.services()
"""
RIVAL = """\


class Rival(Customer):
    contest = True
"""


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("def task(:\n    pass\n", 1, "not valid Python: "),
        ("import os\n\nclass Customer(\n", 3, "not valid Python: "),
        (f"x = '\\0'\n{CUSTOMER}{RIVAL}", 0, ""),
        ("\x00", 0, "not valid Python: "),
    ],
)
def test_a_locust_file_that_python_cannot_read_is_refused_with_its_line(text, line, message, command, tmp_path):
    """Before anything starts, by ``run`` as by ``validate``; an escape that means nothing is none of our business."""
    scenario = tmp_path / "mine.py"
    scenario.write_text(text)
    (tmp_path / "plan.yaml").write_text(SMOKE.replace("traffic:", f"traffic:\n  scenario: {scenario}", 1))
    for word in ("validate", "run") if message else ("validate",):
        done = command(word, tmp_path / "plan.yaml", cwd=tmp_path, environ={"HOME": str(tmp_path)})
        place = f"{scenario}:{line}" if line else str(scenario)
        assert (done.code, f"{place}: {message}" in done.stderr.decode()) == ((2, True) if message else (0, False)), done.stderr.decode()
    assert not Path(tmp_path, "reports").exists()


def test_a_misspelt_step_of_a_journey_is_refused_before_anything_starts(command, tmp_path):
    """With file, line and function, by ``run`` as by ``validate``; under load a customer would come to it minutes later."""
    scenario = tmp_path / "mine.py"
    scenario.write_text(CUSTOMER.replace("services()", "servces()") + RIVAL)
    (tmp_path / "plan.yaml").write_text(SMOKE.replace("traffic:", f"traffic:\n  scenario: {scenario}", 1))
    for word in ("validate", "run"):
        done = command(word, tmp_path / "plan.yaml", cwd=tmp_path, environ={"HOME": str(tmp_path)})
        assert done.code == 2
        assert f"{scenario}:9: Customer.look: 'servces' is not a step (did you mean services?); available: " in done.stderr.decode()
    assert not Path(tmp_path, "reports").exists()


@pytest.mark.parametrize("kind", ["remote", "embedded"])
def test_a_misspelt_operation_of_an_environment_is_told_with_its_key(kind, command, tmp_path):
    """And the closest one; an application's capabilities stand in its section."""
    stated = {"steps_off": ["profile", "refesh"], "limits": {"lgin": "5 per 1h"}}
    if kind == "remote":
        place, environment = "capabilities", definitions.write(tmp_path / "mine.yaml", definitions.document(capabilities=stated))
    else:
        place, environment = "application.capabilities", tmp_path / "mine.yaml"
        text = locate("environments", "embedded").read_text()
        assert "application:\n" in text
        environment.write_text(text.replace("application:\n", f"application:\n  capabilities: {json.dumps(stated)}\n"))
    done = command("validate", "smoke", "--environment", environment, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    said = done.stderr.decode()
    assert done.code == 2
    assert re.search(rf"mine.yaml:\d+: {place}.steps_off.1: 'refesh' is not an operation \(did you mean refresh\?\)", said), said
    assert re.search(rf"mine.yaml:\d+: {place}.limits.lgin: 'lgin' is not an operation \(did you mean login\?\)", said), said


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "contests", "line", "message"),
    [
        ("import nosuch\n", "1", ":1", "cannot be loaded by Locust: ModuleNotFoundError: No module named 'nosuch'"),
        *thorough(("from locust import HttpUser, task\n", "1", "", "has no class of customers, which inherits from")),
        *thorough(
            (CUSTOMER.replace("    @task\n", "    contest = True\n\n    @task\n"), "1", "", "has no class of customers"),
            (CUSTOMER.replace("    @task\n", ""), "0", "", "Customer has no tasks: use the @task decorator"),
        ),
        (CUSTOMER, "1", "", "has no class with contest = True, so nobody can compete for a slot"),
        *thorough((CUSTOMER, "0", "", "")),
        (CUSTOMER + RIVAL, "1", "", ""),
    ],
    ids=["not imported", "no customers", "only rivals", "no tasks", "no rivals", "no contests", "both"],
)
def test_a_scenario_that_cannot_be_used_is_refused(text, contests, line, message, command, tmp_path):
    """Its file lies beside the plan, wherever the command is given. An environment that starts would be in vain."""
    plans, elsewhere = tmp_path / "plans", tmp_path / "elsewhere"
    (plans / "load").mkdir(parents=True)
    elsewhere.mkdir()
    scenario = plans / "load" / "mine.py"
    scenario.write_text(text)
    stated = f"traffic:\n  scenario: load/mine.py\n  contests_per_s: {contests}"
    (plans / "plan.yaml").write_text(SMOKE.replace("traffic:", stated, 1))
    done = command("validate", "-q", plans / "plan.yaml", cwd=elsewhere, environ={"HOME": str(tmp_path)})
    said = done.stderr.decode()
    assert (done.code, f"{scenario}{line}: {message}" in said) == ((2, True) if message else (0, False)), said


@pytest.mark.parametrize("named", ["bookin", "bookin.py"])
def test_a_scenario_that_is_not_there_is_told_with_those_that_are(named, command, tmp_path):
    """Locust files, not plans."""
    (tmp_path / "plan.yaml").write_text(SMOKE.replace("traffic:", f"traffic:\n  scenario: {named}", 1))
    done = command("validate", tmp_path / "plan.yaml", cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert "no such file in scenarios/ (did you mean booking?); available: booking, gate" in done.stderr.decode()


@pytest.mark.parametrize(("word", "near"), [("nightyl", " (did you mean nightly?)"), ("xyz", ""), ("", ""), ("n" * 100_000, "")])
def test_only_a_close_name_is_proposed(word, near):
    """A proposal that is no help is none."""
    assert meant(word, {"nightly", "smoke"}) == near
