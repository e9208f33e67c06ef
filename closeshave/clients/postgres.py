"""PostgreSQL by SQL, directly at a member's own port: role, writes, replication, sessions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from closeshave.clients.address import HOST
from closeshave.deployment import Deployment, Member

TIMEOUT_S = 2
Unavailable = psycopg.Error
"""Raised by all functions here when the server does not answer correctly."""
Locked = psycopg.errors.LockNotAvailable
"""Raised when another session held a lock for longer than ``lock_timeout``."""
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
FILLING_BYTES = 64 << 10
FILLING_STEPS_MAX = 512


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server reports about itself."""

    in_recovery: bool
    started_s: float
    """When its postmaster started, in seconds since the epoch."""


def connect(
    port: int, database: str, user: str, *, statement_timeout_s: int = TIMEOUT_S, autocommit: bool = True
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to the server at a port. Raises :data:`Unavailable`, as does a statement that takes too long."""
    return psycopg.connect(
        host=HOST,
        port=port,
        dbname=database,
        user=user,
        connect_timeout=TIMEOUT_S,
        # Without it, a primary that waits for its synchronous standby would wait without end.
        options=f"-c statement_timeout={statement_timeout_s}s",
        autocommit=autocommit,
    )


@contextmanager
def session(deployment: Deployment, member: Member) -> Iterator[psycopg.Connection]:
    """A connection to a member itself, in autocommit mode. Raises :data:`Unavailable`."""
    with connect(member.port, deployment.database, deployment.user) as connection:
        yield connection


def standing(deployment: Deployment, member: Member) -> Standing:
    """Ask a server for its role. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        row = connection.execute("select pg_is_in_recovery(), extract(epoch from pg_postmaster_start_time())::float8").fetchone()
    assert row is not None
    return Standing(bool(row[0]), float(row[1]))


def streaming(deployment: Deployment, primary: Member) -> int:
    """How many replicas currently stream from ``primary``. Raises :data:`Unavailable`."""
    with session(deployment, primary) as connection:
        row = connection.execute("select count(*) from pg_stat_replication where state = 'streaming'").fetchone()
    assert row is not None
    return int(row[0])


def write(deployment: Deployment, primary: Member) -> str:
    """Commit a WAL record that changes no table, and return its position. Raises :data:`Unavailable`, also on a standby."""
    with session(deployment, primary) as connection:
        row = connection.execute("select pg_logical_emit_message(true, 'closeshave', 'heal proof')").fetchone()
    assert row is not None
    return str(row[0])


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
