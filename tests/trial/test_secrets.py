"""Passwords and tokens over a whole trial: in no file of the run at any moment, in no command line, in no log, also after ``kill -9``; and each is
given only to the processes that have a use for it.

The platform is behind a proxy that wants a password of its own, and its name is known to nobody else.
"""

import base64
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from closeshave.control import processes
from closeshave.control.processes import Identity
from tests.proxying import LOGIN, forward
from tests.remote import plans
from tests.trial.conftest import plan_text
from tests.trial.looking import Looker
from truth.plain.running import plain

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

PASSWORD = "Plain-1234"
VALUES = {"PLANTED_HOOK": "Bearer Planted-hook-9f27c1", "PLANTED_ADMIN": f"admin@plain.test:{PASSWORD}", "PLANTED_PROXY": LOGIN}
SECRET = re.compile(
    rb"Planted-hook-9f27c1|Planted-proxy-4d1e|Plain-1234|Cs-[\w-]{16}-1|access_token|refresh_token\"|Bearer |"
    + re.escape(base64.b64encode(LOGIN.encode()))
)
USES = {
    "closeshave run": {"PLANTED_HOOK", "PLANTED_ADMIN", "PLANTED_PROXY"},
    "closeshave.faults.watch": {"PLANTED_HOOK", "PLANTED_PROXY"},
    "closeshave.faults.forking": {"PLANTED_HOOK", "PLANTED_PROXY"},
    "closeshave.traffic.bare_locust": {"PLANTED_PROXY"},
    "closeshave.environments.evidence.resources": set(),
}
"""What of a process's command line tells what it is → the secrets that it may be given."""


def begin(place, platform, proxy):
    """A trial of a platform whose accounts have planted passwords, watched from its beginning."""
    url = "http://plain.invalid:8080"
    hooks = plans.hooks(platform)
    hooks[0]["inject"]["headers_from"] = {"Authorization": "PLANTED_HOOK"}
    hooks[0]["observe"]["http"] = hooks[0]["heal_check"]["http"] = f"{url}/health/ready"
    plans.environment(
        place, platform, hooks=hooks[:1], regions={"us-east-1": url}, proxy={"url": proxy.url, "login": "PLANTED_PROXY"},
        read_back={"api": "admin", "admin": "PLANTED_ADMIN"},
    )  # fmt: skip
    plan = plans.plan(place, "database", calm_s=6)
    state = {
        "XDG_STATE_HOME": str(place / "state"),
        "XDG_CONFIG_HOME": str(place / "config"),
        "XDG_RUNTIME_DIR": str(place / "runtime"),
    }
    (place / "runtime").mkdir(mode=0o700)
    looker = Looker(place, SECRET.search, ("runs", "state", "config"), VALUES, USES)
    looker.start()
    environ = {**os.environ, **state, **VALUES}
    command = [sys.executable, "-m", "closeshave", "run", str(plan), "--runs", str(place / "runs")]
    with (place / "said.txt").open("wb") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, env=environ)
    return started, looker, environ


def private_files(place):
    """What the private directory holds now."""
    return list((place / "runtime").rglob("accounts.json"))


@pytest.mark.parametrize("killed", ["", "trial", "trial and janitor"], ids=["to its end", "kill -9", "kill -9 of both"])
def test_no_secret_is_in_a_run_at_any_moment(tmp_path, killed):
    """They are stored outside of it while they are needed, and gone with the trial; after a kill the janitor removes them, or else the next command."""
    with (
        plain("--accounts", "20", "--limits", "50") as platform,
        forward({"plain.invalid": int(platform.url.rsplit(":", 1)[1])}, LOGIN) as proxy,
    ):
        process, looker, environ = begin(tmp_path, platform, proxy)
        try:
            assert processes.poll_until(lambda: private_files(tmp_path) or process.poll() is not None, 120, interval_s=0.05)
            if killed:
                assert processes.poll_until(lambda: any((tmp_path / "runs").rglob("*.counters.json")), 60, interval_s=0.05)
                if "janitor" in killed:
                    (record,) = (tmp_path / "runs").rglob("janitor.json")
                    os.kill(Identity(**json.loads(record.read_text())).pid, signal.SIGKILL)
                process.send_signal(signal.SIGKILL)
            process.wait(180)
            if "janitor" in killed:
                assert private_files(tmp_path)
                subprocess.run([sys.executable, "-m", "closeshave", "list"], env=environ, check=True, capture_output=True)
                assert not private_files(tmp_path)
            assert processes.poll_until(lambda: not private_files(tmp_path), 60), "accounts.json is left"
            assert processes.poll_until(lambda: not looker.left(), 60), looker.left()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)
            looker.over.set()
            looker.join()
    said = (tmp_path / "said.txt").read_bytes()
    assert killed or (next((tmp_path / "runs").iterdir()) / "summary.json").exists(), said.decode(errors="replace")
    looker.look()
    assert looker.looks > 10
    assert looker.found == set()
    assert not SECRET.search(said)
    assert looker.open == set()
    seen = {sort: USES[sort] for sort in USES if not killed or sort in looker.given}
    assert looker.given == seen
    assert all(b"Proxy-Authorization" in head for head in proxy.asked)
    if not killed:
        verdicts = json.loads((next((tmp_path / "runs").iterdir()) / "summary.json").read_text())["verdicts"]
        told = {verdict["id"]: verdict["status"] for verdict in verdicts}
        assert {told[name] for name in ("reconciled", "reconciled/effects", "complete", "evidence", "integrity/double_booked")} == {
            "pass"
        }, told
        assert "proxy" not in told
        assert len(proxy.asked) > 100


# -- the embedded environment -----------------------------------------------------------------------------------------------------------------

INHERITED = {"PGPASSWORD": "Planted-pg-77a0", "PATRONI_LOG_LEVEL": "DEBUG", "ETCD_LOG_LEVEL": "debug", "CLOUD_SECRET": "Planted-cloud-3c5d"}
"""What a user may have in the environment: passwords for other things, and settings for other servers of the same kinds."""
PARTS = ("closeshave.environments.warm", "closeshave.standin", "etcd", "valkey-server", "haproxy", "closeshave run")
SHAPES = re.compile(rb"eyJhbGciOi|PRIVATE KEY|correct horse battery staple|Planted-|[A-Za-z]+_secret=|client_secret\"")
"""Of this environment's secrets: tokens, the signing key, the customers' password."""


def true_secrets(place):
    """What the environment's and the run's own private files hold now, and the modes of those files."""
    found, modes = set(), {}
    for path in (place / "state").rglob("config/signing-key.pem"):
        modes[path.name] = path.stat().st_mode & 0o777
        found |= {line for line in path.read_bytes().splitlines() if line and b"-----" not in line}
    for path in (place / "state").rglob("deployment.json"):
        modes[path.name] = path.stat().st_mode & 0o777
    for path in private_files(place):
        modes[path.name] = path.stat().st_mode & 0o777
        for person in json.loads(path.read_bytes()):
            found |= {person[key].encode() for key in ("password", "token", "refresh_token", "csrf")}
    return found, modes


def test_no_secret_of_the_embedded_environment_is_shown(tmp_path):
    """Its signing key, the customers' passwords and tokens: in no file of the run at any moment, logs of parts among them, in no command line. And its
    parts are given none of what the user has for other things."""
    for name in ("runtime", "state"):
        (tmp_path / name).mkdir(mode=0o711)
    (tmp_path / "runtime").chmod(0o700)
    plan = tmp_path / "short.yaml"
    plan.write_text(plan_text())
    own = {"XDG_RUNTIME_DIR": str(tmp_path / "runtime"), "CLOSESHAVE_STATE_DIR": str(tmp_path / "state")}
    looker = Looker(tmp_path, SHAPES.search, ("runs",), INHERITED, PARTS)
    looker.start()
    secrets, modes = set(), {}
    command = [sys.executable, "-m", "closeshave", "run", str(plan), "--runs", str(tmp_path / "runs")]
    with (tmp_path / "said.txt").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **own, **INHERITED})

    def ended():
        more, seen = true_secrets(tmp_path)
        secrets.update(more)
        modes.update(seen)
        return process.poll() is not None

    try:
        assert processes.poll_until(ended, 240, interval_s=0.5)
        assert processes.poll_until(lambda: not looker.left(), 60), looker.left()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        looker.over.set()
        looker.join()
    told = (tmp_path / "said.txt").read_bytes()
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "summary.json").exists(), told.decode(errors="replace")
    assert len(secrets) > 100
    assert modes == {"signing-key.pem": 0o600, "deployment.json": 0o600, "accounts.json": 0o600}
    kept = {str(path): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert any(name.endswith("shard1-us-east-1.log") or "/logs/shard1" in name for name in kept)
    assert {name for name, data in [*kept.items(), ("terminal", told)] if any(secret in data for secret in secrets)} == set()
    assert looker.found == set()
    assert looker.looks > 10
    assert looker.given == {part: set(INHERITED) if part == "closeshave run" else set() for part in PARTS}
    assert list((tmp_path / "state").rglob("*")) == []
    assert private_files(tmp_path) == []
