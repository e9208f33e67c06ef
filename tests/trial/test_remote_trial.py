"""Whole trials against somebody else's platform: a plain server that shares no code with ours, broken by its operator's hooks."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from closeshave.environments.definition import read_definition
from closeshave.environments.remote.lock import Lock
from closeshave.environments.remote.permission import VARIABLE
from tests.remote import plans
from tests.remote.plain.running import plain

pytestmark = pytest.mark.trial
SECRET = "Bearer planted-9f27c1-secret"


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    said: str
    runs: Path

    @property
    def run(self):
        """Its only run directory."""
        (found,) = self.runs.iterdir()
        return found

    def verdicts(self):
        """Every verdict by its ID."""
        return {verdict["id"]: verdict for verdict in json.loads((self.run / "summary.json").read_text())["verdicts"]}


@pytest.fixture
def closeshave(tmp_path):
    """The command, with a state of its own."""

    def call(*arguments, **environ):
        runs = tmp_path / "runs"
        variables = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLUMNS": "200"}
        command = [sys.executable, "-m", "closeshave", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables | environ)
        try:
            said, _ = process.communicate(timeout=280)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)
        return Ended(process.returncode, said, runs)

    return call


def standing(platform):
    """Bookings of any run that nobody cancelled, by the administrator's own list."""
    client = httpx.Client(base_url=platform.url, trust_env=False)
    told = client.post("/api/v2/auth/login", json={"email": "admin@plain.test", "password": "Plain-1234"}).json()
    found = client.get("/api/v2/appointments/all/list", headers={"Authorization": f"Bearer {told['access_token']}"}).json()["appointments"]
    client.close()
    assert found, "nothing was ever booked"
    return [each for each in found if (each["notes"] or "").startswith("closeshave:") and each["status"] != "cancelled"]


def test_faults_through_hooks_are_seen_judged_healed_and_tidied_up(tmp_path, closeshave):
    """A database and then the whole process: every edge of both lives, what is inconclusive is said with its reason, no booking is left."""
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
    passwords = ["planted-9f27c1-secret", "Cs-", "access_token"]
    for path in (path for path in ended.run.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [secret for secret in passwords if secret.encode() in content], path
    assert not [secret for secret in passwords if secret in ended.said]


def test_a_double_booking_is_caught_through_the_api_alone(tmp_path, closeshave):
    """The plain platform stops looking whether a chair is taken: exit code 1, and the slot as witness."""
    with plain("--limits", "20") as platform:
        platform.operate("break/chairs")
        plans.environment(tmp_path, platform)
        ended = closeshave(
            "run", plans.plan(tmp_path, calm_s=15, traffic={"think_time_scale": 0.2, "contests_per_s": 2}), "--runs", tmp_path / "runs"
        )
        assert ended.code == 1, ended.said
        found = ended.verdicts()["integrity/double_booked"]
        assert found["status"] == "fail"
        assert found["witnesses"]
        assert standing(platform) == []


def refused(ended, sentence):
    """The command said so, by exit code 2, before anything was written."""
    assert ended.code == 2, ended.said
    assert sentence in " ".join(ended.said.split()), ended.said
    assert not ended.runs.exists() or not list(ended.runs.iterdir())


@pytest.mark.parametrize(
    ("options", "changes", "of_plan", "sentence"),
    [
        ((), {"regions": {"us-east-1": "http://no-such-host.invalid"}}, {}, "no-such-host.invalid"),
        ((), {"fingerprint": {"path": "/health", "expect": {"service": "somebody-else"}}}, {}, "the fingerprint does not match"),
        ((), {"stage": "production"}, {}, "make a token that expires"),
        (("--live-key",), {}, {}, "live payment keys at"),
        ((), {"caps": {"requests_per_s": 5, "requests": 20000, "duration": "10m", "shards_at_once": 1}}, {}, "requests/s"),
        ((), {"hooks": []}, {}, "hooks here: none"),
        (("--unproxied",), {"capabilities": {"franchises": False, "forwarded_for": False}}, {}, "would leave one address"),
    ],
)
def test_what_must_not_be_loaded_is_refused(tmp_path, closeshave, options, changes, of_plan, sentence):
    """With a clear message and exit code 2."""
    with plain(*options) as platform:
        plans.environment(tmp_path, platform, **changes)
        ended = closeshave("run", plans.plan(tmp_path, "database", **of_plan), "--runs", tmp_path / "runs")
        refused(ended, sentence)
        assert "pk_live_0" not in ended.said


def test_an_expired_token_permits_nothing(tmp_path, closeshave):
    """Nor does one whose platform is not typed out."""
    with plain("--stage", "production") as platform:
        path = plans.environment(
            tmp_path, platform, stage="production", fingerprint={"path": "/health", "expect": {"environment": "production"}}
        )
        plan = plans.plan(tmp_path, "database")
        token = closeshave("allow", path, "--hours", "1").said.split()[-1]
        expired = f"{int(token.split('.')[0]) - 7200}.{token.split('.')[1]}"
        refused(closeshave("run", plan, "--runs", tmp_path / "runs", **{VARIABLE: expired}), "make one")
        refused(closeshave("run", plan, "--runs", tmp_path / "runs", **{VARIABLE: token}), "type its name")


def test_a_locked_target_is_refused(tmp_path, closeshave):
    """While somebody else loads it."""
    with plain() as platform:
        definition = read_definition(plans.environment(tmp_path, platform))
        lock = Lock(definition.regions)
        lock.take("somebody else's run")
        try:
            refused(closeshave("run", plans.plan(tmp_path, "database"), "--runs", tmp_path / "runs"), "somebody else's run")
        finally:
            lock.release()
