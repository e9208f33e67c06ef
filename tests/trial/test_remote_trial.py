"""Whole trials against a remote platform: a plain server that shares no code with the stand-in, broken by its operator's hooks."""

import json
import os
import re
import subprocess
import sys
from functools import partial

import httpx
import pytest
from ruamel.yaml import YAML

from closeshave.control.processes import poll_until
from closeshave.faults.ledger import Ledger
from tests.remote import plans
from tests.remote.command import call
from tests.remote.operators import call as call_of
from tests.remote.operators import calls, drill_hook
from tests.trial.conftest import janitor_ended
from truth.plain.running import plain

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600)]
SECRET = "Bearer planted-9f27c1-secret"


@pytest.fixture
def closeshave(tmp_path):
    """The command, with a state of its own."""
    return partial(call, tmp_path)


def standing(platform):
    """Bookings of any run that were not cancelled, by the administrator's own list."""
    client = httpx.Client(base_url=platform.url, trust_env=False, verify=False)
    told = client.post("/api/v2/auth/login", json={"email": "admin@plain.test", "password": "Plain-1234"}).json()
    found = client.get("/api/v2/appointments/all/list", headers={"Authorization": f"Bearer {told['access_token']}"}).json()["appointments"]
    client.close()
    assert found, "nothing was ever booked"
    return [each for each in found if (each["notes"] or "").startswith("closeshave:") and each["status"] != "cancelled"]


def test_faults_through_hooks_are_seen_judged_healed_and_cleaned_up(tmp_path, closeshave):
    """A database and then the whole process: every edge of both faults, inconclusive verdicts with their reasons, no booking left."""
    with plain("--limits", "20") as platform:
        told = plans.hooks(platform)
        told[0]["inject"]["headers_from"] = {"Authorization": "PLANTED_SECRET"}
        plans.environment(tmp_path, platform, hooks=told)
        ended = closeshave("run", plans.plan(tmp_path, "database", "process"), "--runs", tmp_path / "runs", PLANTED_SECRET=SECRET)
        # Nothing of it recovers by itself, which is what the plan expects: the verdict is a failure, and the true one.
        assert ended.code == 1, ended.said
        lines = [json.loads(line) for line in (ended.run / "timeline.jsonl").read_text().splitlines()]
        lives = {
            fault: [line["edge"] for line in lines if line["type"] == "fault" and line["fault"] == fault]
            for fault in ("database", "process")
        }
        assert lives == {fault: ["planned", "injected", "observed", "healed", "verified-healed"] for fault in lives}
        assert standing(platform) == []
    verdicts = ended.verdicts()
    assert verdicts["recovery/database"]["status"] == "fail"
    assert not any("payments" in name or name == "reconciled/edges" for name in verdicts)
    assert {verdicts[name]["status"] for name in ("reconciled", "reconciled/effects", "complete", "evidence")} == {"pass"}
    assert verdicts["integrity/double_booked"]["status"] == "pass"
    assert all(verdict["reason"] for verdict in verdicts.values() if verdict["status"] == "inconclusive")
    secrets = re.compile(rb"planted-9f27c1-secret|Cs-[\w-]{16}-1|access_token|Bearer ")
    for path in (path for path in ended.run.rglob("*") if path.is_file()):
        assert not secrets.search(path.read_bytes()), path
    assert not secrets.search(ended.said.encode())


def test_a_double_booking_is_caught_through_the_api_alone(tmp_path, closeshave):
    """The plain platform no longer checks whether a barber is free: exit code 1, and the slot as witness."""
    with plain("--limits", "20") as platform:
        platform.operate("plant/double-booking")
        plans.environment(tmp_path, platform)
        ended = closeshave(
            "run",
            plans.plan(tmp_path, calm_s=15, traffic={"think_time_scale": 0.2, "contests_per_s": 2}, aborts={"integrity": False}),
            "--runs",
            tmp_path / "runs",
        )
        assert ended.code == 1, ended.said
        found = ended.verdicts()["integrity/double_booked"]
        assert found["status"] == "fail"
        assert found["witnesses"]
        assert standing(platform) == []


@pytest.mark.parametrize("name", ["smoke", "nightly"])
def test_the_shipped_plans_run_as_they_are(tmp_path, closeshave, name):
    """Every fault is observed and proven healed, the platform recovers by itself, nothing fails, and inconclusive verdicts state their reason."""
    with plain("--limits", "1000", "--habit", "barbers=40") as platform:
        caps = {"requests_per_s": 500, "requests": 300_000, "duration": "10m", "regions_at_once": 1, "shards_at_once": 1}
        path = plans.environment(
            tmp_path,
            platform,
            regions=dict.fromkeys(("us-east-1", "us-west-2"), platform.url),
            hooks=plans.hooks_of_shipped_plans(platform),
            caps=caps,
        )
        ended = closeshave("run", name, "--environment", path, "--runs", tmp_path / "runs")
        assert standing(platform) == []
    verdicts = ended.verdicts()
    assert not [name for name, verdict in verdicts.items() if verdict["status"] == "fail"], ended.said
    told = json.loads((ended.run / "summary.json").read_text())
    assert told["evidence"] == "verified"
    assert all(fault["healed_verified"] and fault["observed_at_s"] is not None for fault in told["faults"])
    assert all(verdict["reason"] for verdict in verdicts.values() if verdict["status"] == "inconclusive")
    assert ended.code in {0, 3}


DRILL = {
    "id": "move",
    "kind": "move.to-new-home",
    "phase": "moved",
    "at": "3s",
    "limit": "15s",
    "expected": {"duration": "10s", "failed_requests": "1%"},
}
MOVED = {"name": "moved", "role": "fault", "duration": "20s", "sessions_per_s": 3}


def drilled(directory, **changes):
    """A plan with one drill, and some seconds of calm before it."""
    path = plans.plan(directory, calm_s=6)
    yaml = YAML(typ="safe")
    whole = yaml.load(path) | {"drills": [DRILL]} | changes
    whole["phases"].append(MOVED)
    yaml.dump(whole, path)
    return path


@pytest.mark.parametrize(("lying", "expected"), [(False, "pass"), (True, "fail")], ids=["honest", "nothing was done"])
def test_a_drill_through_hooks_is_timed_proven_and_put_back(tmp_path, closeshave, lying, expected):
    """Its steps are on the timeline; what verify says decides; abort and the check of a safe state close it."""
    state = tmp_path / "state-of-operator"
    hook = drill_hook(state, **({"finish": call_of(state, "nothing")} if lying else {}))
    with plain("--limits", "20") as platform:
        plans.environment(tmp_path, platform, drill_hooks=[hook])
        ended = closeshave("run", drilled(tmp_path), "--runs", tmp_path / "runs")
        assert standing(platform) == []
    verdicts = ended.verdicts()
    assert verdicts["drill/move"]["status"] == expected, ended.said
    assert verdicts["healed/move"]["status"] == "pass"
    (figures,) = ended.summary()["drills"]
    assert [step["name"] for step in figures["steps"]] == ["start", "wait until it is done", "finish"]
    assert figures["requests"] > 0
    assert state.read_text() == "before"
    if not lying:
        assert verdicts["drill-failed-requests/move"]["status"] in {"pass", "inconclusive"}
        assert verdicts["drill-duration/move"]["measured"] > 0.5


def test_a_killed_harness_leaves_no_drill_half_done(tmp_path):
    """``kill -9`` in the middle of a procedure that would never end: the janitor brings the platform back within a minute."""
    state = tmp_path / "state-of-operator"
    with plain("--limits", "20") as platform:
        plans.environment(tmp_path, platform, drill_hooks=[drill_hook(state, start=call_of(state, "start", "9999"))])
        environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        argv = [sys.executable, "-m", "closeshave", "run", str(drilled(tmp_path)), "--runs", str(tmp_path / "runs")]
        with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as harness:
            assert poll_until(lambda: "status" in calls(state) or harness.poll() is not None, 120)
            assert harness.poll() is None, "it ended before the drill"
            harness.kill()
        (run,) = (tmp_path / "runs").iterdir()
        assert poll_until(lambda: Ledger(run).open() == () and "abort" in calls(state), 60)
        assert state.read_text() == "before"
        assert poll_until(lambda: janitor_ended(run), 60)
