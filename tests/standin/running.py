"""A small stand-in platform over real servers, and customers who use it."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from closeshave.control.processes import poll_until
from closeshave.files import read_lines
from closeshave.standin import seed
from closeshave.standin.settings import SeedSizes, StandinSettings, to_variables
from closeshave.topology import Shard, Topology
from tests.standin.relay import Relay, relay
from tests.standin.servers import Postgres, Valkey, free_port, postgres, valkey

REPOSITORY = Path(__file__).parents[2]
START_S = 60.0


TOPOLOGY = Topology(
    ("us-east-1", "eu-west-1"),
    (Shard(1, 1, 50, "us-east-1", "us-east-1"), Shard(3, 51, 100, "eu-west-1", "eu-west-1")),
    ("eu-west-1",),
)
SIZES = SeedSizes(barbers_per_franchise=3, accounts_per_region=60)
PASSWORD = SIZES.password
LIMIT_SCALE = 4.0


@dataclass(slots=True)
class Running:
    """Two shards in two regions, a process in each region, Europe's cache separate from the other tiers."""

    servers: dict[int, Postgres]
    primaries: dict[int, Relay]
    replicas: dict[int, Relay]
    store: Valkey
    europe_cache: Valkey
    ledger: Path
    payments_port: int
    defects: Path
    settings: dict[str, StandinSettings]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _customers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def client(self, region: str = "us-east-1") -> Customer:
        """A customer who enters in ``region``, from an address of their own."""
        number = next(self._customers)
        return Customer(f"http://127.0.0.1:{self.settings[region].port}", f"10.0.{number // 250}.{number % 250}")

    def captures(self) -> list[dict[str, Any]]:
        """The provider's ledger."""
        return list(read_lines(self.ledger))

    def start_payments(self) -> None:
        """Start the provider's stub, on the same ledger as before."""
        arguments = ["-m", "closeshave.standin.payments", "--port", str(self.payments_port), "--ledger", str(self.ledger)]
        self.processes["payments"] = subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY)
        assert poll_until(lambda: _answers(f"http://127.0.0.1:{self.payments_port}/health"), START_S)

    def start_app(self, region: str) -> None:
        """Start the process of ``region`` and wait until it reaches every database."""
        environment = {**os.environ, **to_variables(self.settings[region])}
        self.processes[region] = subprocess.Popen([sys.executable, "-m", "closeshave.standin.app"], env=environment, cwd=REPOSITORY)
        assert poll_until(lambda: self._all_reached(region), START_S)

    def well(self, region: str) -> bool:
        """Whether the process of ``region`` finds all that it depends on in order."""
        return bool(self._health(region, "detailed")["status"] == "healthy")

    def _all_reached(self, region: str) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return all(self._health(region, "ready")["checks"].values())
        return False

    def _health(self, region: str, what: str) -> Any:
        return httpx.get(f"http://127.0.0.1:{self.settings[region].port}/health/{what}", verify=False).json()

    def end(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.terminate()
            process.wait(10)


class Customer(httpx.Client):
    """An HTTP client that follows the API's rules: CSRF pair, address, bearer."""

    def __init__(self, url: str, address: str) -> None:
        headers = {"X-Forwarded-For": address, "X-CSRF-Token": "pair", "Cookie": "csrf_token=pair"}
        super().__init__(base_url=url, headers=headers, verify=False, timeout=10)

    def login(self, email: str) -> Customer:
        """Log in; later requests are those of this user."""
        answer = self.post("/api/v2/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def at(self, franchise: int) -> Customer:
        """Later requests are for that franchise."""
        self.headers["X-Franchise-Id"] = str(franchise)
        return self


@contextlib.contextmanager
def running(root: Path, *, live: bool = False) -> Iterator[Running]:
    """The platform, with live updates or without; gone afterwards."""
    with contextlib.ExitStack() as stack:
        servers = {shard.id: _seeded(stack.enter_context(postgres()), shard) for shard in TOPOLOGY.shards}
        primaries = {shard: stack.enter_context(relay(server.port)) for shard, server in servers.items()}
        replicas = {shard: stack.enter_context(relay(server.port)) for shard, server in servers.items()}
        store, europe_cache = stack.enter_context(valkey()), stack.enter_context(valkey())
        (root / "key.pem").write_bytes(_signing_key())
        payments_port = free_port()
        settings = {
            region: StandinSettings(
                instance=f"app-{region}-0",
                region=region,
                port=free_port(),
                topology=TOPOLOGY,
                primaries={shard: way.port for shard, way in primaries.items()},
                replicas={shard: way.port for shard, way in replicas.items()},
                caches={"us-east-1": store.port, "eu-west-1": europe_cache.port},
                sessions=dict.fromkeys(TOPOLOGY.regions, store.port),
                ratelimit=store.port,
                payments_url=f"http://127.0.0.1:{payments_port}",
                database="standin",
                user="bookings",
                signing_key=str(root / "key.pem"),
                defects=str(root / "defects"),
                rate_limit_scale=LIMIT_SCALE,
                live=live,
            )
            for region in TOPOLOGY.regions
        }
        ledger = root / "ledger.jsonl"
        platform = Running(servers, primaries, replicas, store, europe_cache, ledger, payments_port, root / "defects", settings)
        stack.callback(platform.end)
        platform.start_payments()
        for region in TOPOLOGY.regions:
            platform.start_app(region)
        yield platform


def _seeded(server: Postgres, shard: Shard) -> Postgres:
    with server.connect() as connection:
        connection.execute("CREATE ROLE bookings LOGIN")
        connection.execute("CREATE DATABASE standin")
    with server.connect("standin") as connection:
        seed.build(connection, shard, TOPOLOGY, SIZES)
    return server


def _signing_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, verify=False).status_code == 200
    return False
