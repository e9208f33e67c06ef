"""An application of one's own on real servers: it is started, found, restarted and removed; and what it can do wrong is one sentence each."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.environments import embedded, registry
from closeshave.environments.definition import read_embedded
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.evidence import grade
from closeshave.environments.log_keeper import BYTES_MAX
from closeshave.vocabulary import EvidenceGrade
from tests.environments import own

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SERVER = """\
import os, socket, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"state": "up"}')

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    address_family = getattr(socket, os.environ.get("FAMILY", "AF_INET"))

print("starting", os.environ["INSTANCE"], flush=True)
if os.environ.get("DIES"):
    sys.exit("no table called bookings")
for _ in range(int(os.environ.get("MEGABYTES", "0"))):
    sys.stdout.write("x" * 1023 + chr(10))
    sys.stdout.write(("y" * 1023 + chr(10)) * 1023)
    sys.stdout.flush()
    time.sleep(0.02)
Server((os.environ.get("ON", "127.0.0.1"), int(os.environ["LISTEN"])), Answers).serve_forever()
"""
WORKER = "import time\nprint('working', flush=True)\ntime.sleep(600)\n"
SECTION = """\
application:
  command: ["{python}", server.py]
  variables: {DATABASE_URL: "{database_url}", LISTEN: "{port}", INSTANCE: "{instance}"}
  workers: [{name: mail, command: ["{python}", worker.py]}]
  readiness: {path: /up, body: '"up"', within: 20s}
  accounts: {file: accounts.csv}
  capabilities: {franchises: false, forwarded_for: false, zone: UTC, steps_off: [book]}
"""


def up(directory: Path, section: str = SECTION, instances: int = 2):
    """Start the environment of this section."""
    (directory / "accounts.csv").write_text("email,password,region\nme@here.test,secret,here\n")
    path = own.write(directory, section, own.HEAD.replace("apps_per_region: 2", f"apps_per_region: {instances}"))
    (directory / "server.py").write_text(SERVER)
    (directory / "worker.py").write_text(WORKER)
    return embedded.up(read_embedded(path), say=print, etcd_killed=False)


def with_variable(text: str) -> str:
    """The section with one more variable."""
    return SECTION.replace("INSTANCE:", f"{text}, INSTANCE:")


@pytest.fixture
def nothing_is_left():
    """Afterwards every environment of the test is gone."""
    before = set(registry.running())
    yield
    assert set(registry.running()) == before


def test_it_is_started_found_and_removed(tmp_path: Path, nothing_is_left: None) -> None:
    """Two instances and a worker behind a balancer, from the file alone; its evidence is that of a real application."""
    deployment = up(tmp_path)
    root = Path(deployment.root)
    try:
        assert [account.email for account in deployment.accounts] == ["me@here.test"]
        parts = {part.name: part for part in embedded.status(root)}
        assert parts["app-here-0"].detail == parts["app-here-1"].detail == "ready"
        assert parts["worker-mail-here-0"].running
        assert ports.answer(f"{deployment.edges[0].url}/up") == (200, '{"state": "up"}')
        assert grade.of(deployment) is EvidenceGrade.MEASURED
        assert (root / "logs" / "app-here-0.log").read_text() == "starting app-here-0\n"
        app = deployment.process("app-here-0")
        for identity in processes.family(root, app):
            process = identity.handle()
            assert process is not None
            process.kill()
        assert processes.poll_until(lambda: processes.find(root, app) is None, 5)
        processes.start(root, deployment.id, app)
        assert processes.poll_until(lambda: ports.status(ports.url(app.ports[0], "/up")) == 200, 10)
    finally:
        assert embedded.down(root) == ()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            SECTION.replace('LISTEN: "{port}"', 'LISTEN: 3999, PORT: "{port}"'),
            r"it listens on 127\.0\.0\.1:3999, not on port \d+: .* must have {port}",
        ),
        (
            with_variable("FAMILY: AF_INET6, ON: '::1'"),
            r"it listens on \[::1\]:\d+ \(IPv6 only\): it must listen on {host}, which is an IPv4 address",
        ),
        (
            with_variable("DIES: 1"),
            r"app-here-0 ended while the environment was starting; its log ends:\n  starting app-here-0\n  no table called bookings",
        ),
        (SECTION.replace("body: '\"up\"'", "body: ready"), r"answers 200 without 'ready' to /up; ready is 200 with 'ready'"),
        (
            f"{SECTION}  prepare: {{command: ['{{python}}', -c, 'import sys; print(1); sys.exit(\"no such role\")']}}\n",
            r"application\.prepare of shard 1: .* ended with exit code 1; it said last: .*no such role",
        ),
        (
            f"{SECTION}  prepare: {{command: ['{{python}}', -c, 'import time; time.sleep(99)'], within: 2s}}\n",
            r"application\.prepare of shard 1: .* has not ended within 2 s; it said last: nothing",
        ),
    ],
    ids=["another port", "IPv6 only", "ends at once", "never ready", "prepare fails", "prepare never ends"],
)
def test_what_it_does_wrong_is_one_sentence_with_the_end_of_its_log(
    tmp_path: Path, nothing_is_left: None, section: str, message: str
) -> None:
    """And nothing is left running."""
    with pytest.raises(EnvironmentFailed, match=message) as caught:
        up(tmp_path, section, instances=1)
    assert "LOG:" not in str(caught.value), "the database has nothing to say about it"


def test_an_application_that_logs_a_hundred_megabytes_does_not_fill_the_disk(tmp_path: Path, nothing_is_left: None) -> None:
    """Its log is cut, and its end is kept."""
    deployment = up(tmp_path, with_variable("MEGABYTES: 100").replace("within: 20s", "within: 60s"))
    logs = Path(deployment.root) / "logs"
    try:
        time.sleep(2)
        used = sum(path.stat().st_size for path in logs.glob("app-here-*"))
        assert used < 2 * 2 * BYTES_MAX
        assert list(logs.glob("app-here-0.log.1"))
    finally:
        assert embedded.down(Path(deployment.root)) == ()
