"""The application of ``docs/examples/application`` over real servers, as its developers would run it: without Closeshave."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from closeshave.control.processes import poll_until
from closeshave.files import read_lines
from tests.standin.servers import Postgres, Valkey, free_port, postgres, valkey

DIRECTORY = Path(__file__).parents[2] / "docs" / "examples" / "application"
PASSWORD = "Plain-1234"
START_S = 60.0


def day(ahead: int) -> str:
    """A day ahead, as the shop counts them."""
    return (datetime.now(ZoneInfo("America/New_York")).date() + timedelta(days=ahead)).isoformat()


class Customer(httpx.Client):
    """A customer who is logged in."""

    def __init__(self, url: str, email: str = "customer1@barbers.test") -> None:
        super().__init__(base_url=url, trust_env=False, verify=False, timeout=10)
        told = self.post("/api/v2/auth/login", json={"email": email, "password": PASSWORD})
        assert told.status_code == 200, told.text
        self.headers["Authorization"] = f"Bearer {told.json()['access_token']}"

    def book(self, at: str = "10:00", ahead: int = 7, key: str | None = None, **more: Any) -> httpx.Response:
        """Request an appointment."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.post("/api/v2/appointments/", json={"date": day(ahead), "time": at, "service": "Haircut", **more}, headers=headers)

    def free(self, ahead: int = 7, barber: int = 1) -> httpx.Response:
        """List a barber's free times."""
        return self.get("/api/v2/appointments/slots", params={"appointment_date": day(ahead), "barber_id": barber})


@dataclass
class Shop:
    """A database, a cache, a payment provider, and as many processes of the application as a test starts."""

    database: Postgres
    cache: Valkey
    ledger: Path
    payments_port: int
    name: str = "barbers"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)

    def environ(self, **changes: str) -> Mapping[str, str]:
        """What a process of the application is told."""
        url = f"postgresql://shop@127.0.0.1:{self.database.port}/{self.name}"
        told = {
            "DATABASE_URL": url, "REPLICA_URL": url, "CACHE_URL": f"redis://127.0.0.1:{self.cache.port}/0",
            "PAYMENTS_URL": f"http://127.0.0.1:{self.payments_port}", "SECRET": "s", "PATH": os.environ["PATH"],
        }  # fmt: skip
        return {**told, **changes}

    def prepare(self, **changes: str) -> None:
        """Make the tables and what the shop begins with."""
        subprocess.run(
            [sys.executable, "-m", "barbers", "prepare"], cwd=DIRECTORY, env=self.environ(**changes), check=True, timeout=START_S
        )

    def begin(self, name: str, command: str = "serve", **changes: str) -> subprocess.Popen[bytes]:
        """Start a process of the application."""
        self.logs[name] = self.ledger.with_name(f"{name}.log")
        with self.logs[name].open("ab") as log:
            told = self.environ(INSTANCE=name, **changes)
            process = subprocess.Popen([sys.executable, "-m", "barbers", command], cwd=DIRECTORY, env=told, stdout=log, stderr=log)
        self.processes[name] = process
        return process

    def serve(self, name: str, **changes: str) -> str:
        """Start an instance; its address, once it is ready."""
        port = str(free_port())
        self.begin(name, PORT=port, **changes)
        url = f"http://127.0.0.1:{port}"
        assert poll_until(lambda: status(f"{url}/health/ready") == 200, START_S), self.said(name)
        return url

    def said(self, name: str) -> str:
        """The log of a process."""
        return self.logs[name].read_text()

    def rows(self, query: str) -> list[Any]:
        """What the database says."""
        with self.database.connect(self.name) as connection:
            return connection.execute(query).fetchall()

    def captures(self) -> list[Mapping[str, Any]]:
        """What the payment provider charged."""
        return list(read_lines(self.ledger))

    def new_database(self, name: str) -> Shop:
        """The same shop with an empty database of its own."""
        with self.database.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER shop")
        return Shop(self.database, self.cache, self.ledger, self.payments_port, name, self.processes, self.logs)

    def end(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.kill()
            process.wait(10)


@contextlib.contextmanager
def shop() -> Iterator[Shop]:
    """Servers, the payment provider and a prepared database; gone afterwards."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="barbers-")))
        server, cache = stack.enter_context(postgres()), stack.enter_context(valkey())
        with server.connect() as connection:
            connection.execute("CREATE ROLE shop LOGIN")
        nobody = Shop(server, cache, directory / "ledger.jsonl", free_port())
        stack.callback(nobody.end)
        made = nobody.new_database("barbers")
        made.prepare()
        provider = ["-m", "closeshave.standin.payments", "--port", str(made.payments_port), "--ledger", str(made.ledger)]
        made.processes["payments"] = subprocess.Popen([sys.executable, *provider])
        assert poll_until(lambda: status(f"http://127.0.0.1:{made.payments_port}/health") == 200, START_S)
        yield made


def status(url: str) -> int:
    """Of an answer; 0 without one."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False, verify=False).status_code
    return 0
