"""Applications that cannot be run, through the command as a user gives it: the right exit code, one clear sentence with the end of the application's own
log, and nothing left running."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.environments import parts, registry
from closeshave.environments.log_keeper import BYTES_MAX
from closeshave.environments.ports import claims_dir
from tests.environments import own
from tests.trial.conftest import started_by_this_test

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

SERVER = """\
import os, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"up")

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    address_family = getattr(socket, os.environ.get("FAMILY", "AF_INET"))

def chatter(megabytes):
    for number in range(megabytes):
        print("\\n".join([f"line {number} " + "x" * 1015] * 1024), flush=True)
        time.sleep(0.02)

def die(after_s, talking):
    time.sleep(after_s)
    if talking:
        talking.join()
    print("no table called bookings", flush=True)
    os._exit(3)

print("starting", os.environ["INSTANCE"], flush=True)
talking = None
if "MEGABYTES" in os.environ:
    talking = threading.Thread(target=chatter, args=[int(os.environ["MEGABYTES"])])
    talking.start()
if "DIES_AFTER_S" in os.environ:
    threading.Thread(target=die, args=[float(os.environ["DIES_AFTER_S"]), talking], daemon=True).start()
Server((os.environ.get("ON", "127.0.0.1"), int(os.environ["LISTEN"])), Answers).serve_forever()
"""
SECTION = """\
application:
  command: ["{python}", server.py]
  variables: {LISTEN: "{port}", INSTANCE: "{instance}"}
  readiness: {path: /up, within: 20s}
  accounts: {file: accounts.csv}
  capabilities: {franchises: false, forwarded_for: false, zone: UTC, steps_off: [book]}
"""
LOAD = """\
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(1)

    @task
    def look(self):
        self.client.get("/page")
"""
PLAN = """\
name: shop
environment: shop.yaml
target: promises.yaml
seed: 1
limits: {duration: 3m, requests: 5000}
traffic: {requests_per_session: 1, locust: {file: load.py}}
phases:
  - {name: warm-up, role: warm-up, duration: 3s, sessions_per_s: 2}
  - {name: calm, role: calm, duration: 40s, sessions_per_s: 4}
"""
PROMISES = """\
name: shop
title: Answers
claims: [{id: A, text: Answers, how: [load]}]
objectives: [{id: availability, claims: [A], measure: availability, at_least: 90%}]
"""
WITHIN_S = 300
SENTENCE_MAX = 4_000
"""Characters that a person reads at three in the morning."""


@dataclass(frozen=True)
class Ended:
    """How the command ended."""

    code: int
    said: str
    errors: str


@pytest.fixture(scope="module", autouse=True)
def _built(_machine: None) -> None:
    """What is built once for each user, which takes minutes, does not count as time of a command."""
    parts.resolve("wheel", print)


@pytest.fixture
def shop(tmp_path: Path):
    """Files of an application that works; afterwards nothing of any environment is there: no process, no record, no claim of ports."""
    assert started_by_this_test() == [], "something else is running; this test could not tell it from its own"
    before, claims = set(registry.running()), {path.name for path in claims_dir().glob("*")}
    (tmp_path / "accounts.csv").write_text("email,password,region\nme@here.test,secret,here\n")
    for name, text in (("server.py", SERVER), ("load.py", LOAD), ("shop-plan.yaml", PLAN), ("promises.yaml", PROMISES)):
        (tmp_path / name).write_text(text)
    yield tmp_path
    assert processes.poll_until(lambda: started_by_this_test() == [], 20), started_by_this_test()
    assert set(registry.running()) == before
    assert {path.name for path in claims_dir().glob("*")} <= claims


def with_section(directory: Path, section: str, instances: int = 1) -> None:
    """Write the environment file."""
    program = (directory / "server.py").read_text()
    own.write(directory, section, own.HEAD.replace("apps_per_region: 2", f"apps_per_region: {instances}"))
    (directory / "server.py").write_text(program)


def variables(text: str) -> str:
    """The section with further variables."""
    return SECTION.replace("INSTANCE:", f"{text}, INSTANCE:")


def carry_out(directory: Path, *arguments: str) -> Ended:
    """The command, in a process of its own."""
    line = [sys.executable, "-m", "closeshave", *arguments]
    with subprocess.Popen(line, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            said, errors = process.communicate(timeout=WITHIN_S)
        except BaseException:
            # Not killed: what it started would stay.
            process.send_signal(signal.SIGINT)
            process.wait(90)
            raise
    return Ended(process.returncode, said + errors, errors)


PREPARE = "  prepare: {{command: ['{{python}}', -c, {script}], within: {within}}}\n"
BAD = {
    "a placeholder that does not exist": (
        SECTION.replace("{port}", "{prot}"),
        2,
        ["shop.yaml:", "application.variables.LISTEN: there is no placeholder {prot} (did you mean port?)"],
    ),
    "another port than the one it was told": (
        SECTION.replace('LISTEN: "{port}"', 'LISTEN: 3999, PORT: "{port}"'),
        4,
        ["app-here-0 was not ready within 20 s", "it listens on 127.0.0.1:3999, not on port", "its log ends:\n  starting app-here-0"],
    ),
    "no port at all": (
        SECTION.replace('["{python}", server.py]', '["{python}", -c, "import time; print(\'waiting\', flush=True); time.sleep(99)"]'),
        4,
        ["app-here-0 was not ready within 20 s", "it listens on no port", "its log ends:\n  waiting"],
    ),
    "IPv6 only": (
        variables("FAMILY: AF_INET6, ON: '::1'"),
        4,
        ["(IPv6 only): it must listen on {host}, which is an IPv4 address", "its log ends:\n  starting app-here-0"],
    ),
    "it ends at once": (
        variables("DIES_AFTER_S: 0"),
        4,
        ["app-here-0 ended while the environment was starting; its log ends:\n  starting app-here-0\n  no table called bookings"],
    ),
    "a hundred megabytes of log, and then it ends": (
        variables("MEGABYTES: 100, DIES_AFTER_S: 4, ON: 127.0.0.2"),
        4,
        ["app-here-0 ", "its log ends:\n", "no table called bookings"],
    ),
    "a prepare that fails": (
        SECTION + PREPARE.format(script="\"print(7); raise SystemExit('no such role: shop')\"", within="20s"),
        4,
        ["application.prepare of shard 1: ", "ended with exit code 1; it said last: 7 | no such role: shop"],
    ),
    "a prepare that never ends": (
        SECTION + PREPARE.format(script="\"import time; print('waiting for a lock', flush=True); time.sleep(300)\"", within="2s"),
        4,
        ["application.prepare of shard 1: ", "has not ended within 2 s; it said last: waiting for a lock"],
    ),
}
THROUGH_A_RUN = ("a placeholder that does not exist", "another port than the one it was told", "a prepare that fails")


@pytest.mark.parametrize("what", BAD)
def test_an_environment_with_it_does_not_come_up(shop: Path, what: str) -> None:
    """``env up`` says what is wrong in one sentence and the last lines of the application's log; nothing stays."""
    section, code, says = BAD[what]
    with_section(shop, section)
    ended = carry_out(shop, "env", "up", "shop.yaml", "--quiet")
    assert ended.code == code, ended.said
    for part in says:
        assert part in ended.errors, ended.errors
    assert len(ended.said) < SENTENCE_MAX
    assert "Traceback" not in ended.said
    assert "LOG:" not in ended.said, "the database has nothing to say about it"


@pytest.mark.parametrize("what", THROUGH_A_RUN)
def test_a_run_with_it_ends_before_its_load(shop: Path, what: str) -> None:
    """With the same sentence and code; where something was started, the report says it too."""
    section, code, says = BAD[what]
    with_section(shop, section)
    ended = carry_out(shop, "run", "shop-plan.yaml", "--runs", "runs")
    assert ended.code == code, ended.said
    for part in says:
        assert part.split("\n")[-1] in ended.said, ended.said
    assert "Traceback" not in ended.said
    runs = list((shop / "runs").glob("*")) if (shop / "runs").exists() else []
    if code == 2:
        assert runs == []
        return
    manifest = json.loads((runs[0] / "manifest.json").read_text())
    assert all(part in manifest["interrupted"] for part in says)


def test_a_run_with_an_application_that_dies_after_ten_seconds_ends_with_its_last_words(shop: Path) -> None:
    """Both instances end by themselves, in the middle of the load: that is no verdict on a promise, but a run that could not be carried out."""
    with_section(shop, variables("DIES_AFTER_S: 20"), instances=2)
    ended = carry_out(shop, "run", "shop-plan.yaml", "--runs", "runs")
    assert ended.code == 4, ended.said
    assert "every instance of the application in here has ended, and no fault caused that" in ended.said
    assert "no table called bookings" in ended.said
    assert "Traceback" not in ended.said


def test_a_run_with_an_application_that_logs_a_hundred_megabytes_is_whole_and_keeps_little(shop: Path) -> None:
    """The load goes on, and the run directory has the end of each log."""
    with_section(shop, variables("MEGABYTES: 100"), instances=2)
    ended = carry_out(shop, "run", "shop-plan.yaml", "--runs", "runs")
    assert ended.code in {0, 3}, ended.said
    [run] = (shop / "runs").glob("*")
    kept = list((run / "logs").glob("app-here-*"))
    assert {path.name for path in kept} >= {"app-here-0.log", "app-here-0.log.1"}
    assert sum(path.stat().st_size for path in kept) < 2 * 2 * BYTES_MAX
