"""A platform that must not be loaded is refused by the command: a clear message, exit code 2, and nothing was started."""

import os
import time

import pytest

from closeshave.environments.definition import read_remote
from closeshave.environments.remote import permission
from closeshave.environments.remote.lock import Lock
from closeshave.environments.remote.permission import VARIABLE
from tests.remote import plans
from tests.remote.command import Ended
from truth.plain.running import plain


@pytest.fixture
def closeshave(tmp_path, command):
    """The command, with a state of its own."""

    def call(*arguments, **environ):
        state = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        done = command(*arguments, environ={**os.environ, "COLUMNS": "200", **state, **environ})
        return Ended(done.code, (done.stderr + done.stdout).decode(), tmp_path / "runs")

    return call


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
        ((), {"stage": "production"}, {}, "create a token that expires"),
        (("--live-key",), {}, {}, "live payment keys at"),
        ((), {"caps": {"requests_per_s": 5, "requests": 20000, "duration": "10m", "shards_at_once": 1}}, {}, "requests/s"),
        ((), {"hooks": []}, {}, "hooks: none"),
        (
            ("--habit", "forwarded_for=false"),
            {"capabilities": {"franchises": False, "forwarded_for": False}},
            {},
            "would come from one address",
        ),
    ],
)
def test_what_must_not_be_loaded_is_refused(tmp_path, closeshave, options, changes, of_plan, sentence):
    """With a clear message and exit code 2."""
    with plain(*options) as platform:
        plans.environment(tmp_path, platform, **changes)
        ended = closeshave("run", plans.plan(tmp_path, "database", **of_plan), "--runs", tmp_path / "runs")
        refused(ended, sentence)
        assert "pk_live_0" not in ended.said


def test_an_expired_token_permits_nothing(tmp_path, closeshave, monkeypatch):
    """Nor does one without the platform's name typed in full."""
    with plain("--habit", "stage=production") as platform:
        path = plans.environment(
            tmp_path, platform, stage="production", fingerprint={"path": "/health", "expect": {"environment": "production"}}
        )
        plan = plans.plan(tmp_path, "database")
        token = closeshave("allow", path, "--hours", "1").said.split()[-1]
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        expired = permission.grant(read_remote(path), permission.own_key(), int(time.time()) - 60)
        refused(closeshave("run", plan, "--runs", tmp_path / "runs", **{VARIABLE: expired}), "create one")
        refused(closeshave("run", plan, "--runs", tmp_path / "runs", **{VARIABLE: token}), "type its name")


def test_a_locked_target_is_refused(tmp_path, closeshave):
    """While another harness loads it."""
    with plain() as platform:
        definition = read_remote(plans.environment(tmp_path, platform))
        lock = Lock(definition.regions)
        lock.take("somebody else's run")
        try:
            refused(closeshave("run", plans.plan(tmp_path, "database"), "--runs", tmp_path / "runs"), "somebody else's run")
        finally:
            lock.release()
