"""Planting defects in a running stand-in, for the tests of the judges. Nothing else may call this.

A defect is a name in the file that every process looks at (:mod:`closeshave.standin.switches`) and, where the database itself guards the
promise, a change of the schema on every shard's primary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from closeshave.deployment import Deployment
from closeshave.files import write_atomically
from closeshave.standin import settings as settings_file
from closeshave.standin.settings import VARIABLE
from closeshave.standin.switches import Defect

OWNER = "postgres"
"""The role that made the tables: the platform's own may not change them, and should not."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What in the database stands in a defect's way: how to take it down, and how to put it up again."""

    down: str
    up: str


_GUARDS = {
    Defect.DOUBLE_BOOKING: Guard(
        down="ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_no_overlap",
        # What overlaps by now would keep the constraint from coming back: of each pair the later one is cancelled.
        up="""
            UPDATE bookings b SET status = 'cancelled', version = version + 1
            WHERE status = 'scheduled' AND EXISTS (
                SELECT FROM bookings a WHERE a.barber_id = b.barber_id AND a.status = 'scheduled' AND a.id < b.id AND a.during && b.during);
            ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_no_overlap;
            ALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap
                EXCLUDE USING gist (barber_id WITH =, during WITH &&) WHERE (status = 'scheduled');
        """,
    ),
}


def plant(deployment: Deployment, name: str) -> None:
    """Switch a defect on, everywhere; the processes notice within 0.2 s.

    Raises :class:`ValueError` for an unknown name and :class:`psycopg.Error` when a shard's primary cannot be changed.
    """
    defect = Defect(name)
    if guard := _GUARDS.get(defect):
        _on_every_primary(deployment, guard.down)
    _write(deployment, _names(deployment) | {defect.value})


def clear(deployment: Deployment, name: str) -> None:
    """Switch a defect off again; raises as :func:`plant` does. Double bookings that it let in are cancelled."""
    defect = Defect(name)
    _write(deployment, _names(deployment) - {defect.value})
    if guard := _GUARDS.get(defect):
        _on_every_primary(deployment, guard.up)


def _on_every_primary(deployment: Deployment, sql: str) -> None:
    for shard in deployment.topology.shards:
        with _primary(deployment, shard.id) as connection:
            connection.execute(sql.encode())


def _primary(deployment: Deployment, shard: int) -> psycopg.Connection:
    """A connection to the member of ``shard`` that accepts writes now. Raises :class:`psycopg.OperationalError` when none does."""
    ports = [str(member.port) for member in deployment.members if member.shard == shard]
    return psycopg.connect(
        host=",".join(["127.0.0.1"] * len(ports)),
        port=",".join(ports),
        dbname=deployment.database,
        user=OWNER,
        target_session_attrs="read-write",
        connect_timeout=3,
        options="-c lock_timeout=5s",
    )


def _files(deployment: Deployment) -> Iterator[Path]:
    """The files that the processes of this deployment look at; usually one for all."""
    apps = (process for process in deployment.processes if process.role == "app")
    return iter({Path(settings_file.load(Path(app.environ[VARIABLE])).defects) for app in apps})


def _names(deployment: Deployment) -> set[str]:
    return {name for file in _files(deployment) if file.exists() for name in file.read_text().split()}


def _write(deployment: Deployment, names: set[str]) -> None:
    for file in _files(deployment):
        write_atomically(file, "".join(f"{name}\n" for name in sorted(names)))
