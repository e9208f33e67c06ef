"""Planting defects in a running stand-in, for the tests of the judges. Nothing else may call this.

A defect is a name in the file that every process reads (:mod:`closeshave.standin.switches`) and, if the database itself guards the promise, also a
change of the databases.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closeshave.clients import postgres
from closeshave.deployment import Deployment, Member
from closeshave.files import write_atomically
from closeshave.standin.settings import DEFECTS_FILE
from closeshave.standin.switches import Defect, parse, render

OWNER = "postgres"
"""The role that may change everything, settings of the servers included."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard in the databases that prevents a defect: statements that remove it and restore it."""

    down: tuple[str, ...]
    up: tuple[str, ...]
    on_standbys: bool = False
    """Settings of a server are not replicated, so they are changed on standbys too."""


_SHARD_CHECK = Guard(
    down=(
        "ALTER TABLE payments DROP CONSTRAINT IF EXISTS payments_on_this_shard",
        "ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_on_this_shard",
    ),
    # Rows that were added meanwhile would prevent restoring the constraints.
    up=(
        """
        DO $$ DECLARE here shard%ROWTYPE; BEGIN
            SELECT * INTO here FROM shard;
            DELETE FROM payments p USING bookings b WHERE p.booking_id = b.id AND b.franchise_id NOT BETWEEN here.first AND here.last;
            DELETE FROM bookings WHERE franchise_id NOT BETWEEN here.first AND here.last;
            ALTER TABLE payments DROP CONSTRAINT IF EXISTS payments_on_this_shard;
            ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_on_this_shard;
            EXECUTE format('ALTER TABLE payments ADD CONSTRAINT payments_on_this_shard CHECK (franchise_id BETWEEN %s AND %s)',
                           here.first, here.last);
            EXECUTE format('ALTER TABLE bookings ADD CONSTRAINT bookings_on_this_shard CHECK (franchise_id BETWEEN %s AND %s)',
                           here.first, here.last);
        END $$
        """,
    ),
)
_GUARDS = {
    Defect.DOUBLE_BOOKING: Guard(
        down=("ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_no_overlap",),
        # Overlapping rows would prevent restoring the constraint: of each pair the later one is cancelled.
        up=(
            """
            UPDATE bookings b SET status = 'cancelled', version = version + 1
            WHERE status = 'scheduled' AND EXISTS (
                SELECT FROM bookings a WHERE a.barber_id = b.barber_id AND a.status = 'scheduled' AND a.id < b.id AND a.during && b.during)
            """,
            "ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_no_overlap",
            """
            ALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap
                EXCLUDE USING gist (barber_id WITH =, during WITH &&) WHERE (status = 'scheduled')
            """,
        ),
    ),
    Defect.WRONG_SHARD: _SHARD_CHECK,
    Defect.WRITTEN_ABROAD: _SHARD_CHECK,
    Defect.DROPPED_TAIL: Guard(
        # The WAL writer syncs what is older than its delay: up to then an acknowledged commit is in shared memory only.
        down=("ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM SET wal_writer_delay = '1s'", "SELECT pg_reload_conf()"),
        up=("ALTER SYSTEM RESET synchronous_commit", "ALTER SYSTEM RESET wal_writer_delay", "SELECT pg_reload_conf()"),
        on_standbys=True,
    ),
}


def plant(deployment: Deployment, name: str, franchises: Iterable[int] = ()) -> None:
    """Switch a defect on in all processes, which notice it within 0.2 s. ``franchises`` are the drawn ones, if it concerns only some.

    Raises :class:`ValueError` for an unknown name and :data:`postgres.Unavailable` when a shard's primary cannot be changed.
    """
    defect = Defect(name)
    if guard := _GUARDS.get(defect):
        _run(deployment, guard.down, on_standbys=guard.on_standbys)
    _write(deployment, _planted(deployment) | {defect.value: frozenset(franchises)})


def clear(deployment: Deployment, name: str) -> None:
    """Switch a defect off again; raises as :func:`plant` does. Rows that a restored guard would refuse are removed."""
    defect = Defect(name)
    _write(deployment, {other: drawn for other, drawn in _planted(deployment).items() if other != defect})
    if guard := _GUARDS.get(defect):
        _run(deployment, guard.up, on_standbys=guard.on_standbys)


def _run(deployment: Deployment, statements: Iterable[str], *, on_standbys: bool) -> None:
    for shard in deployment.topology.shards:
        members = [member for member in deployment.members if member.shard == shard.id]
        for group in [[member] for member in members] if on_standbys else [members]:
            with contextlib.closing(_session(deployment, group, "any" if on_standbys else "read-write")) as connection:
                for statement in statements:
                    connection.execute(statement.encode())


def _session(deployment: Deployment, members: Iterable[Member], role: Literal["any", "read-write"]) -> postgres.Connection:
    """A session with the one of ``members`` that has this role now. Raises :data:`postgres.NotConnected` when none does."""
    return postgres.connect(
        [member.port for member in members],
        deployment.database,
        OWNER,
        role=role,
        connect_timeout_s=3,
        # Putting a constraint up again reads the whole table.
        statement_timeout_s=None,
        lock_timeout_s=5,
        autocommit=True,  # ALTER SYSTEM wants no transaction
    )


def _files(deployment: Deployment) -> Iterator[Path]:
    """The files that the processes of this deployment read; usually one for all."""
    apps = (process for process in deployment.processes if process.role == "app")
    return iter({Path(app.environ[DEFECTS_FILE]) for app in apps})


def _planted(deployment: Deployment) -> dict[str, frozenset[int]]:
    return {name: drawn for file in _files(deployment) if file.exists() for name, drawn in parse(file.read_text(encoding="utf-8")).items()}


def _write(deployment: Deployment, defects: dict[str, frozenset[int]]) -> None:
    for file in _files(deployment):
        write_atomically(file, render(defects))
