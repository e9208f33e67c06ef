"""The command: exit codes and messages, before anything is started."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.cli import inventory
from closeshave.files.shipped import available, locate
from closeshave.judge.integrity.registry import TITLES
from closeshave.target import read_target

SMOKE = locate("scenarios", "smoke").read_text()


def plan(tmp_path, old, new):
    """The smoke plan with one change."""
    assert old in SMOKE
    path = tmp_path / "plan.yaml"
    path.write_text(SMOKE.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("hold: 14s", "hodl: 14s", "hodl: unknown key (did you mean hold?)", id="an unknown key"),
        pytest.param("duration: 24s", "duration: 24 parsecs", "is not a duration", id="a bad duration"),
        pytest.param("environment: embedded", "environment: atlantis", "environment: 'atlantis': no such file", id="a missing environment"),
        pytest.param("target: bookedbarber-smoke", "target: nobody", "target: 'nobody': no such file", id="a missing target"),
        pytest.param(
            "kind: shard.primary-killed",
            "kind: shard.meteorite",
            "there is no kind of fault shard.meteorite",
            id="an unknown kind of fault",
        ),
        pytest.param("scope: {shard: 1}", "scope: {shard: 9}", "9 is not a shard of this environment", id="a shard that is not there"),
        pytest.param("scope: {shard: 1}", "scope: {}", "scope", id="a fault without its scope"),
        pytest.param("traffic:", "traffic:\n  profile: full-moon", "full-moon", id="an unknown traffic profile"),
    ],
)
def test_a_wrong_plan_ends_with_code_2_and_one_clear_message(tmp_path, command, old, new, message):
    """The file and the reason are named; nothing is started, no run directory made, and there is no traceback."""
    done = command("run", plan(tmp_path, old, new), cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not Path(tmp_path, "reports").exists()


def test_a_valid_plan_is_said_to_be_valid(tmp_path):
    """``validate`` starts nothing and ends with 0: here with an interpreter of its own, as a shell would start it."""
    words = [sys.executable, "-m", "closeshave", "validate", "smoke", "nightly"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "400"}
    done = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, [line.split()[0] for line in done.stdout.splitlines() if line.startswith("valid ")]) == (0, ["valid", "valid"])


def test_a_directory_that_is_no_run_is_refused(tmp_path, command):
    """Judging anything else is a message, not a traceback."""
    done = command("judge", tmp_path, cwd=tmp_path)
    assert done.code == 2
    assert b"manifest.json" in done.stderr
    assert b"Traceback" not in done.stderr


def test_taking_down_what_is_gone_already_is_no_error(tmp_path, command):
    """Whoever cleans up twice is right both times."""
    done = command("env", "down", "embedded", "--root", tmp_path / "absent", cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 0
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", available("environments/targets"))
def test_a_target_is_listed_with_its_promises_and_its_objectives(name, command, tmp_path):
    """All of them, for a person as for a program; with few words it is its file."""
    target = read_target(locate("environments/targets", name))
    shown, told, brief = (command("list", "targets", name, *more, cwd=tmp_path) for more in ((), ("--json",), ("--quiet",)))
    assert [done.code for done in (shown, told, brief)] == [0, 0, 0]
    lines = [" ".join(line.split()) for line in shown.stdout.decode().splitlines()]
    tested = {claim for one in target.objectives for claim in one.claims}
    for claim in target.claims:
        (line,) = (line for line in lines if line.startswith(f"{claim.id} {claim.text} "))
        assert line.endswith("; no objective yet") is (claim.id not in tested)
    found = json.loads(told.stdout)
    assert [one["id"] for one in found["promises"]] == [one.id for one in target.claims]
    assert [(one["id"], tuple(one["promises"])) for one in found["objectives"]] == [(one.id, one.claims) for one in target.objectives]
    for one in found["objectives"]:
        row = " ".join(filter(None, (one["judges"], one["bound"], one["where"], ", ".join(one["promises"]) or "of the harness")))
        assert row in lines
    assert brief.stdout.decode().split() == [found["file"]]


def test_every_invariant_is_listed_with_what_it_forbids():
    """Its title, what is a breach, and whether one fails the run: unknown outcomes alone do not."""
    table = inventory.find("invariants", "")
    assert table.brief == (*TITLES,)
    for name, title in TITLES.items():
        told = inventory.find("invariants", name).told
        assert isinstance(told, dict)
        assert (told["title"], told["gating"]) == (title, name != "unresolved")
        assert told["forbids"].endswith(".")
