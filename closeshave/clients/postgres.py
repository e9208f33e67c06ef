"""PostgreSQL by SQL, directly at a member's own port: role, writes, replication, sessions. Every session with a server is opened here."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg.rows import dict_row

from closeshave.clients.address import HOST

if TYPE_CHECKING:
    # Helpers that faults start just before an injection import this module: they need not wait for what reads deployments.
    from closeshave.deployment import Deployment, Member

TIMEOUT_S = 2
CUT_OFF_S = 3.0 * TIMEOUT_S
Connection = psycopg.Connection[tuple[Any, ...]]
Unavailable = psycopg.Error
"""Raised by all functions here when the server does not answer correctly."""
NotConnected = psycopg.OperationalError
"""Raised when no session can be opened, or a session was lost."""
Locked = psycopg.errors.LockNotAvailable
"""Raised when another session held a lock for longer than ``lock_timeout``."""
Deadlock = psycopg.errors.DeadlockDetected
"""Raised in the one of two sessions waiting for each other that the server rolls back."""
NO_SLOT = ("too many clients", "connection slots are reserved")
"""Messages of a server that has no free session. (The driver gives no SQLSTATE for a refused connection.)"""
COMPUTING = "select count(*) from generate_series(1, 400000) as n where n % 7 = 3"
"""A query that needs about 50 ms of CPU time and nothing else."""
RECENT_BOOKINGS = """
    select franchise_id, id, idempotency_key, status::text, version, extract(epoch from created_at)::float8
    from bookings where created_at > now() - interval '1 hour' order by created_at, id
"""
State = tuple[int, int, str | None, str, int, float]
"""A booking: franchise, ID, key, status, version, and when it was made (seconds since the epoch)."""
OCCUPIED = """
    select pg_is_in_recovery(), count(*), count(*) filter (where state <> 'idle'), count(*) filter (where wait_event_type = 'Lock'),
           current_setting('max_connections')::int
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""
FILLING_BYTES = 64 << 10
FILLING_STEPS_MAX = 512


def first_line(error: Exception) -> str:
    """What an error says, in one line: a driver's own may have several, and one may say nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


@dataclass(frozen=True, slots=True)
class Occupied:
    """What the sessions of a server do."""

    in_recovery: bool
    sessions: int
    active: int
    """Sessions that are not idle."""
    waiting: int
    """Sessions that wait for a lock."""
    sessions_max: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server reports about itself."""

    in_recovery: bool
    started_s: float
    """When its postmaster started, in seconds since the epoch."""


def connect(
    port: int | Sequence[int],
    database: str,
    user: str,
    *,
    role: Literal["any", "read-write"] = "any",
    name: str = "",
    connect_timeout_s: int | None = TIMEOUT_S,
    statement_timeout_s: int | None = TIMEOUT_S,
    lock_timeout_s: int | None = None,
    autocommit: bool = True,
) -> Connection:
    """A session with the server at a port; of several ports, with the first whose server has this ``role``.

    ``name`` is what the server knows the session by (``application_name``). ``None`` as a timeout leaves the driver's or the server's own.
    Raises :data:`Unavailable`; so does a statement that takes too long, or waits too long for a lock.
    """
    ports = [port] if isinstance(port, int) else port
    # Without the first, a primary that waits for its synchronous standby would wait without end.
    limits = {"statement_timeout": statement_timeout_s, "lock_timeout": lock_timeout_s}
    return psycopg.connect(
        host=",".join([HOST] * len(ports)),
        port=",".join(map(str, ports)),
        dbname=database,
        user=user,
        application_name=name or None,
        target_session_attrs=role,
        connect_timeout=connect_timeout_s,
        options=" ".join(f"-c {limit}={seconds}s" for limit, seconds in limits.items() if seconds is not None) or None,
        autocommit=autocommit,
    )


def connect_by_socket(directory: str, database: str, user: str, *, port: int, connect_timeout_s: int | None = None) -> Connection:
    """A session in autocommit mode with the server whose socket, named after its port, lies in a directory; its statements take their time.

    Raises :data:`Unavailable`.
    """
    return psycopg.connect(host=directory, port=port, dbname=database, user=user, connect_timeout=connect_timeout_s, autocommit=True)


def select(address: str, query: str, parameters: Mapping[str, Any], *, connect_timeout_s: int) -> list[dict[str, Any]]:
    """The rows of a query, by column, from the database behind a connection string. Raises :data:`Unavailable`."""
    with psycopg.connect(address, connect_timeout=connect_timeout_s, row_factory=dict_row) as connection:
        return list(connection.execute(query, parameters))


def batches(connection: Connection, name: str, query: str, parameters: Mapping[str, Any], size: int) -> Generator[list[dict[str, Any]]]:
    """The rows of a query, by column, ``size`` at a time; a server-side cursor (``name``) keeps a large table out of memory on both sides.

    Within a transaction. Raises :data:`Unavailable`.
    """
    with connection.cursor(name=name, row_factory=dict_row) as cursor:
        cursor.execute(query, parameters)
        while rows := cursor.fetchmany(size):
            yield rows


def first_rows(connection: Connection, query: str, parameters: Iterable[Sequence[Any]]) -> list[tuple[Any, ...] | None]:
    """The first row of a query (with ``$1`` …) for each list of parameters, all asked at once; ``None`` for no row. Raises :data:`Unavailable`."""
    with connection.pipeline():
        cursors = [psycopg.RawCursor(connection).execute(query, given) for given in parameters]
    return [cursor.fetchone() for cursor in cursors]


@contextmanager
def session(deployment: Deployment, member: Member) -> Iterator[Connection]:
    """A connection to a member itself, in autocommit mode. Raises :data:`Unavailable`."""
    with connect(member.port, deployment.database, deployment.user) as connection:
        yield connection


def standing(deployment: Deployment, member: Member) -> Standing:
    """Ask a server for its role. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        row = connection.execute("select pg_is_in_recovery(), extract(epoch from pg_postmaster_start_time())::float8").fetchone()
    assert row is not None
    return Standing(bool(row[0]), float(row[1]))


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """What a server says of its own load, for its monitoring."""

    sessions: int
    sessions_max: int
    longest_transaction_s: float
    """How long the oldest open transaction of a client has been open; 0 if none is."""
    waiting: int
    """Sessions that wait for a lock."""
    deadlocks: int
    """Since the statistics began."""
    streaming: int
    """Replicas that stream from it; receivers of backups are none."""
    lag_s: float
    """How old the last transaction is that it has replayed, while it lacks some that its primary has; 0 for a primary."""


_FIGURES = """
    select (select count(*) from pg_stat_activity where backend_type = 'client backend'),
           current_setting('max_connections')::int,
           coalesce((select max(extract(epoch from clock_timestamp() - xact_start)) from pg_stat_activity
                     where backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()), 0)::float8,
           (select count(*) from pg_stat_activity where backend_type = 'client backend' and wait_event_type = 'Lock'),
           coalesce((select sum(deadlocks) from pg_stat_database), 0)::bigint,
           (select count(*) from pg_stat_replication where state = 'streaming' and application_name !~ '^backup'),
           case when not pg_is_in_recovery() then 0
                when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver where status = 'streaming') then 0
                else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0) end::float8
"""


def figures(connection: Connection) -> ServerFigures:
    """Ask a server for these. Raises :data:`Unavailable`."""
    row = connection.execute(_FIGURES).fetchone()
    assert row is not None
    return ServerFigures(int(row[0]), int(row[1]), float(row[2]), int(row[3]), int(row[4]), int(row[5]), float(row[6]))


def streaming(deployment: Deployment, primary: Member) -> int:
    """How many replicas currently stream from ``primary``: its shard's other members, and no backup server. Raises :data:`Unavailable`."""
    others = [server.process for server in deployment.backups]
    with session(deployment, primary) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_replication where state = 'streaming' and not application_name = any(%s)", (others,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def write(deployment: Deployment, primary: Member) -> str:
    """Commit a WAL record that changes no table, and return its position. Raises :data:`Unavailable`, also on a standby."""
    with session(deployment, primary) as connection:
        row = connection.execute("select pg_logical_emit_message(true, 'closeshave', 'heal proof')").fetchone()
    assert row is not None
    return str(row[0])


@contextmanager
def _cut_off(connection: Connection) -> Iterator[None]:
    """Break a session that lasts longer than a few timeouts: a pooler without a server keeps a statement in its queue for minutes."""
    timer = threading.Timer(CUT_OFF_S, _shut, (connection.fileno(),))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def refused_write(port: int, database: str, user: str) -> str:
    """Why a committed write fails at the database behind a port; empty when it succeeds. It reaches the log on disk and leaves no row."""
    try:
        with connect(port, database, user) as connection:
            connection.execute("SELECT pg_logical_emit_message(true, 'closeshave', 'takes writes')")
    except Unavailable as error:
        return first_line(error)
    return ""


def receiving(deployment: Deployment, primary: Member, name: str) -> tuple[str, str] | None:
    """The state of a receiver of the log, by its session's name, and the position up to which it has written; ``None`` if there is none.

    Raises :data:`Unavailable`.
    """
    with session(deployment, primary) as connection:
        row = connection.execute(
            "select state, coalesce(write_lsn, '0/0')::text from pg_stat_replication where application_name = %s", (name,)
        ).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def written_by(deployment: Deployment, primary: Member, name: str, position: str) -> bool:
    """Whether a receiver of the log has written it up to a position, as it reported to the primary. Raises :data:`Unavailable`."""
    with session(deployment, primary) as connection:
        row = connection.execute(
            "select coalesce(bool_or(write_lsn >= %s::pg_lsn), false) from pg_stat_replication where application_name = %s",
            (position, name),
        ).fetchone()
    return row is not None and bool(row[0])


def slot_exists(deployment: Deployment, primary: Member, name: str) -> bool:
    """Whether the server has a replication slot of this name. Raises :data:`Unavailable`."""
    with session(deployment, primary) as connection:
        row = connection.execute("select count(*) from pg_replication_slots where slot_name = %s", (name,)).fetchone()
    return row is not None and bool(row[0])


def refused_pooled_write(port: int, database: str, user: str) -> str:
    """As :func:`refused_write`, for the port of a pooler: it refuses sessions that state limits, and keeps statements in a queue."""
    try:
        with connect(port, database, user, statement_timeout_s=None, autocommit=False) as connection, _cut_off(connection):
            connection.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'")
            connection.execute("SELECT pg_logical_emit_message(true, 'closeshave', 'takes writes')")
    except Unavailable as error:
        return first_line(error)
    return ""


def walreceiver(deployment: Deployment, standby: Member) -> int | None:
    """The process that receives WAL on a standby; ``None`` when none runs. Raises :data:`Unavailable`."""
    with session(deployment, standby) as connection:
        row = connection.execute("select pid from pg_stat_wal_receiver where status = 'streaming'").fetchone()
    return None if row is None else int(row[0])


def received(deployment: Deployment, standby: Member, position: str) -> bool:
    """Whether a standby has received the WAL up to a position. Raises :data:`Unavailable`."""
    with session(deployment, standby) as connection:
        row = connection.execute("select pg_last_wal_receive_lsn() >= %s::pg_lsn", (position,)).fetchone()
    return row is not None and bool(row[0])


def leading_timeline(deployment: Deployment, member: Member) -> int | None:
    """The timeline that a server writes; ``None`` for a standby, which writes none. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        # The name of a WAL file begins with its timeline. The control file states it too, but only after the next checkpoint.
        row = connection.execute("select case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_lsn()) end").fetchone()
    return int(row[0][:8], 16) if row is not None and row[0] is not None else None


def recent_bookings(deployment: Deployment, member: Member) -> list[State]:
    """The state of all bookings of the last hour, in the order of their creation. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        return connection.execute(RECENT_BOOKINGS).fetchall()


def sessions(deployment: Deployment, member: Member, name: str) -> int:
    """How many sessions an application has. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        row = connection.execute("select count(*) from pg_stat_activity where application_name = %s", (name,)).fetchone()
    assert row is not None
    return int(row[0])


def occupied(deployment: Deployment, member: Member) -> Occupied:
    """What a server's sessions do now, the asking one left out. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        row = connection.execute(OCCUPIED).fetchone()
    assert row is not None
    return Occupied(bool(row[0]), int(row[1]), int(row[2]), int(row[3]), int(row[4]))


def is_full(error: psycopg.Error) -> bool:
    """Whether a session was refused because there are too many."""
    return any(word in str(error) for word in NO_SLOT)


def computing_s(deployment: Deployment, member: Member) -> float:
    """How many seconds a computation takes that needs only CPU time. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        began_s = time.monotonic()
        connection.execute(COMPUTING)
        return time.monotonic() - began_s


def wal_segment_bytes(deployment: Deployment, member: Member) -> int:
    """The size of the files of the write-ahead log, in bytes. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        row = connection.execute("select setting::int from pg_settings where name = 'wal_segment_size'").fetchone()
    assert row is not None
    return int(row[0])


def fill_segment(deployment: Deployment, primary: Member, beyond: int) -> None:
    """Write WAL records that change no table until the current file is longer than so many bytes. Raises :data:`Unavailable`."""
    with session(deployment, primary) as connection:
        for _ in range(FILLING_STEPS_MAX):
            row = connection.execute("select file_offset from pg_walfile_name_offset(pg_current_wal_insert_lsn())").fetchone()
            if row is not None and int(row[0]) > beyond:
                return
            connection.execute("select pg_logical_emit_message(true, 'closeshave', repeat('x', %s))", (FILLING_BYTES,))
    raise psycopg.OperationalError(f"the WAL of {primary.process} does not grow beyond {beyond} bytes of its file")
