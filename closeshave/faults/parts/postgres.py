"""PostgreSQL by SQL, straight at a member's own port: is it writable, does it stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from closeshave.deployment import Deployment, Member

TIMEOUT_S = 2
Unavailable = psycopg.Error
"""Raised by everything here when the server does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of itself."""

    in_recovery: bool
    started_s: float
    """When its postmaster started, in seconds since the epoch."""


@contextmanager
def session(deployment: Deployment, member: Member) -> Iterator[psycopg.Connection]:
    """A connection in autocommit mode whose statements end within ``TIMEOUT_S`` seconds. Raises :data:`Unavailable`."""
    with psycopg.connect(
        host="127.0.0.1",
        port=member.port,
        dbname=deployment.database,
        user=deployment.user,
        connect_timeout=TIMEOUT_S,
        # A standby that is asked to replicate synchronously would wait for ever without it.
        options=f"-c statement_timeout={TIMEOUT_S}s",
        autocommit=True,
    ) as connection:
        yield connection


def standing(deployment: Deployment, member: Member) -> Standing:
    """Ask a server for its role. Raises :data:`Unavailable`."""
    with session(deployment, member) as connection:
        row = connection.execute("select pg_is_in_recovery(), extract(epoch from pg_postmaster_start_time())::float8").fetchone()
    assert row is not None
    return Standing(bool(row[0]), float(row[1]))


def streaming(deployment: Deployment, primary: Member) -> int:
    """How many replicas stream from ``primary`` now. Raises :data:`Unavailable`."""
    with session(deployment, primary) as connection:
        row = connection.execute("select count(*) from pg_stat_replication where state = 'streaming'").fetchone()
    assert row is not None
    return int(row[0])


def write(deployment: Deployment, primary: Member) -> str:
    """Commit a real WAL record that touches no table, and return its position. Raises :data:`Unavailable`, as on a standby."""
    with session(deployment, primary) as connection:
        row = connection.execute("select pg_logical_emit_message(true, 'closeshave', 'heal proof')").fetchone()
    assert row is not None
    return str(row[0])


def walreceiver(deployment: Deployment, standby: Member) -> int | None:
    """The process that receives WAL on a standby; ``None`` when none runs. Raises :data:`Unavailable`."""
    with session(deployment, standby) as connection:
        row = connection.execute("select pid from pg_stat_wal_receiver where status = 'streaming'").fetchone()
    return None if row is None else int(row[0])
