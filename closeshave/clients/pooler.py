"""PgBouncer: sessions that are opened with the settings of an application, many at once, and what it says of itself.

Written in PostgreSQL's own protocol (version 3.0, "Message Flow" of its manual), because libpq sends no settings but its own: a pooler refuses a client
by the settings that it sends.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from closeshave.clients import postgres
from closeshave.clients.address import HOST

TIMEOUT_S = 5.0
PROTOCOL = 196_608
"""Version 3.0."""
CONSOLE, ADMINISTRATOR = "pgbouncer", "postgres"
"""The pooler's own database, and who may ask it."""
ERROR, READY, ROW, PASSED = b"E", b"Z", b"D", b"R"
MESSAGE_MOST = 1 << 20
"""No answer to the questions here is longer."""


class PoolerRefused(OSError):
    """The pooler, or the database behind it, refuses; the message says what. A pooler that does not answer raises :class:`OSError`."""


@dataclass(slots=True)
class PoolerSession:
    """A session with a pooler. Every method raises :class:`OSError`."""

    _wire: socket.socket
    _read: bytes = field(default=b"", init=False)

    def begin(self) -> None:
        """Wait until the pooler has let the session in. Raises :class:`PoolerRefused`."""
        for _ in self._until_ready():
            pass

    def ask(self, query: str) -> list[bytes]:
        """The rows of a query, as the server writes them. Raises :class:`PoolerRefused`."""
        told = query.encode() + b"\0"
        self._wire.sendall(b"Q" + struct.pack("!i", len(told) + 4) + told)
        return [body for kind, body in self._until_ready() if kind == ROW]

    def close(self) -> None:
        """Leave; the pooler gives its place to another one."""
        with suppress(OSError):
            self._wire.sendall(b"X\0\0\0\4")
        self._wire.close()

    def _until_ready(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            kind, body = self._message()
            if kind == ERROR:
                raise PoolerRefused(error_of(body))
            if kind == PASSED and body[:4] != b"\0\0\0\0":
                raise PoolerRefused("it asks for a password, and poolers here ask nobody for one")
            if kind == READY:
                return
            yield kind, body

    def _message(self) -> tuple[bytes, bytes]:
        head = self._bytes(5)
        (length,) = struct.unpack("!i", head[1:])
        if not 4 <= length <= MESSAGE_MOST:
            raise PoolerRefused("what it answers is not PostgreSQL's protocol")
        return head[:1], self._bytes(length - 4)

    def _bytes(self, count: int) -> bytes:
        while len(self._read) < count:
            more = self._wire.recv(65_536)
            if not more:
                raise PoolerRefused("it closed the connection")
            self._read += more
        found, self._read = self._read[:count], self._read[count:]
        return found


def connect(port: int, database: str, user: str, settings: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> PoolerSession:
    """A session that sends these settings, as an application does. Raises :class:`PoolerRefused`, :class:`OSError`."""
    told = {"user": user, "database": database, **(settings or {})}
    body = struct.pack("!i", PROTOCOL) + b"".join(f"{name}\0{value}\0".encode() for name, value in told.items()) + b"\0"
    wire = socket.create_connection((HOST, port), timeout_s)
    session = PoolerSession(wire)
    try:
        wire.sendall(struct.pack("!i", len(body) + 4) + body)
        session.begin()
    except BaseException:
        wire.close()
        raise
    return session


def refused(port: int, database: str, user: str, settings: Mapping[str, str]) -> str:
    """Why one query fails that is asked through a pooler with these settings; empty when it is answered."""
    try:
        session = connect(port, database, user, settings)
    except OSError as error:
        return str(error) or type(error).__name__
    try:
        session.ask("SELECT 1")
    except OSError as error:
        return str(error) or type(error).__name__
    finally:
        session.close()
    return ""


def clients(port: int) -> int:
    """How many clients a pooler has now, whoever asks its console left out. Raises :data:`closeshave.clients.postgres.Unavailable`."""
    with postgres.connect(port, CONSOLE, ADMINISTRATOR, statement_timeout_s=None) as console:
        return sum(int(row[1]) for row in console.execute("SHOW LISTS").fetchall() if row[0] == "used_clients") - 1


def setting(port: int, name: str, value: str) -> None:
    """Change a setting of a pooler until it is started again. Raises :data:`closeshave.clients.postgres.Unavailable`."""
    with postgres.connect(port, CONSOLE, ADMINISTRATOR, statement_timeout_s=None) as console:
        console.execute(f"SET {name} = '{value}'".encode())


def error_of(body: bytes) -> str:
    """The message of an error: of the fields that each begin with their kind (``M``), one line."""
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return fields.get(b"M", "it refuses, and does not say why").partition("\n")[0]
