"""A real PgBouncer in front of a real cluster: an application writes through it, before and after a failover; it is killed and started like any part."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from closeshave.clients import patroni, ports, postgres
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.environments import embedded, pgbouncer, registry
from closeshave.environments.definition import read_embedded
from closeshave.environments.errors import EnvironmentFailed
from closeshave.faults import catalogue
from closeshave.history import Sighting
from tests.environments import own

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SERVER = """\
import os, psycopg
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        status, said = 200, b"up"
        if self.path == "/write":
            try:
                with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2) as connection:
                    said = str(connection.execute("INSERT INTO notes DEFAULT VALUES RETURNING id").fetchone()[0]).encode()
            except psycopg.Error as error:
                status, said = 503, str(error).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
"""
EAGER = """\
import os, psycopg
try:
    psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2, options="-c jit=off")
except psycopg.Error as error:
    print(error, flush=True)
"""
"""It connects before it serves, and serves without a database."""
PREPARE = """\
import os, psycopg
psycopg.connect(os.environ["DATABASE_URL"], autocommit=True).execute("CREATE TABLE notes (id bigserial)")
"""
SECTION = """\
application:
  command: ["{python}", server.py]
  variables: {DATABASE_URL: "{database_url}", PORT: "{port}"}
  prepare:
    command: ["{python}", prepare.py]
  readiness: {path: /up}
  accounts: {file: accounts.csv}
  capabilities: {franchises: false, forwarded_for: false, zone: UTC, steps_off: [book]}
"""


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One instance, its database with a standby, and a pooler between."""
    try:
        pgbouncer.find(print)
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    directory = tmp_path_factory.mktemp("shop")
    (directory / "accounts.csv").write_text("email,password,region\nme@here.test,secret,here\n")
    head = own.HEAD.replace("apps_per_region: 2", "apps_per_region: 1") + "pooler: {pool_mode: transaction}\n"
    path = own.write(directory, SECTION, head)
    (directory / "server.py").write_text(SERVER)
    (directory / "prepare.py").write_text(PREPARE)
    before = set(registry.running())
    deployment = embedded.up(read_embedded(path), say=print, etcd_killed=False)
    yield deployment
    assert embedded.down(Path(deployment.root)) == ()
    assert set(registry.running()) == before


def written(deployment: Deployment) -> int:
    """The status of one write through the application."""
    return ports.answer(f"{deployment.edges[0].url}/write")[0]


def test_the_application_writes_through_it(pooled: Deployment) -> None:
    """It has a log, a record and a version; the database sees its connections."""
    assert written(pooled) == 200
    root, pooler = Path(pooled.root), pooled.process("pooler-here-shard1")
    assert processes.find(root, pooler) is not None
    assert "process up: PgBouncer" in (root / "logs" / "pooler-here-shard1.log").read_text()
    assert pooled.versions["pgbouncer"]
    assert {part.name: part.running for part in embedded.status(root)}["pooler-here-shard1"]
    with postgres.connect(pooler.ports[0], "pgbouncer", "postgres", statement_timeout_s=None) as console:
        pools = console.execute("SHOW POOLS").fetchall()
    assert [row[:2] for row in pools if row[0] == pooled.database] == [(pooled.database, pooled.user)]


def test_a_failover_works_through_it(pooled: Deployment) -> None:
    """The primary is killed: writes fail for a while, and then reach the new primary by the same address."""
    lead = patroni.leader(pooled, 1)
    daemon = processes.daemon(Path(pooled.root), pooled.process(lead.process))
    assert daemon is not None
    processes.send([daemon], signal.SIGKILL)
    assert processes.poll_until(lambda: written(pooled) != 200, 5, 0.05), "it was not noticed"
    assert processes.poll_until(lambda: written(pooled) == 200, 20, 0.1)
    assert patroni.leader(pooled, 1) != lead


def test_a_fault_kills_it_and_heals(pooled: Deployment) -> None:
    """Without it the application writes nothing; started from its record, it serves on the same port, and everything is as it was."""
    kind = catalogue.KINDS["service.killed"]
    aim = kind.aim(pooled, {"region": "here"}, {"part": "pooler"})
    assert processes.poll_until(lambda: written(pooled) == 200, 20, 0.1)
    assert kind.unfit(aim) == ""
    done = kind.inject(aim, now_ns())
    assert isinstance(kind.look(aim, done), Sighting)
    assert written(pooled) == 503
    assert kind.undo is not None
    assert kind.prove is not None
    assert any("started pooler-here-shard1" in said for said in kind.undo(aim, now_ns() + 20_000_000_000, print))
    assert processes.poll_until(lambda: written(pooled) == 200, 10, 0.1)
    assert [str(proof) for proof in kind.prove(aim) if not proof.holds] == []


def test_a_setting_that_its_version_does_not_know_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    """Before the application runs, and nothing is left."""
    found = pgbouncer.find(print)
    if tuple(int(part) for part in found.version.split(".")) >= (1, 25):
        pytest.skip(f"PgBouncer {found.version} knows every setting")
    before = set(registry.running())
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "prepare.py").write_text(PREPARE)
    (tmp_path / "accounts.csv").write_text("email,password,region\nme@here.test,secret,here\n")
    path = own.write(tmp_path, SECTION, f"{own.HEAD}pooler: {{max_user_client_connections: 5, max_prepared_statements: 200}}\n")
    with pytest.raises(
        EnvironmentFailed, match=r"pooler-here-shard1 ended while the environment was starting; its log ends:\n(.*\n)*.*unknown parameter"
    ):
        embedded.up(read_embedded(path), say=print, etcd_killed=False)
    assert set(registry.running()) == before


REFUSED = "unsupported startup parameter: jit"


def test_a_pooler_that_refuses_the_application_ends_the_start(tmp_path: Path) -> None:
    """The stand-in is ready without its primaries: nothing else would say that it can book nothing."""
    try:
        pgbouncer.find(print)
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    before = set(registry.running())
    path = tmp_path / "small.yaml"
    shipped = (Path(__file__).parents[2] / "environments" / "embedded-single-region.yaml").read_text()
    small = shipped.replace("last: 20000", "last: 100").replace("statement_timeout,jit,standin.live", "statement_timeout,standin.live")
    assert small.count("jit") == 0
    path.write_text(small)
    with pytest.raises(
        EnvironmentFailed, match=f"pooler-us-east-1-shard1 refuses what the application sends .*: {REFUSED}; 'ignore_startup_parameters'"
    ):
        embedded.up(read_embedded(path), say=print, etcd_killed=False)
    assert set(registry.running()) == before


def test_a_pooler_that_refuses_an_application_of_ones_own_ends_the_start(tmp_path: Path) -> None:
    """What it sends is not known before: the pooler's log tells it."""
    try:
        pgbouncer.find(print)
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    before = set(registry.running())
    (tmp_path / "server.py").write_text(EAGER + SERVER)
    (tmp_path / "prepare.py").write_text(PREPARE)
    (tmp_path / "accounts.csv").write_text("email,password,region\nme@here.test,secret,here\n")
    path = own.write(tmp_path, SECTION, f"{own.HEAD}pooler: {{pool_mode: transaction}}\n")
    with pytest.raises(EnvironmentFailed, match="pooler-here-shard1 refuses the application: unsupported startup parameter: options"):
        embedded.up(read_embedded(path), say=print, etcd_killed=False)
    assert set(registry.running()) == before
