"""The final state of the platform, read directly and not through a proxy, by the queries of the environment file's ``read_back``.

Bookings come from each shard's promoted primary, captures from the provider's own ledger, entries from each cache. If a region's rows must not leave
it, each database member reports how many of them it holds. Without a query, bookings are read through the application's API, as its customers see
them, and without a provider the charges are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Member
from closeshave.environments import kept, outside
from closeshave.environments.driver import Lacks, Say
from closeshave.environments.evidence import cache_entries, diverged, jobs, placements
from closeshave.environments.evidence.reading import FinalStateUnreadable, session
from closeshave.environments.remote import charges, read_back, record
from closeshave.environments.remote.read_back import WHOLE
from closeshave.environments.remote.record import FranchiseRecord
from closeshave.environments.remote.rows import Odd, Row, row
from closeshave.environments.stack import Stack
from closeshave.files import record_of
from closeshave.history import (
    BOOKINGS,
    BOOKINGS_FILE,
    CACHE_ENTRIES_FILE,
    CAPTURES,
    CAPTURES_FILE,
    DIVERGED_FILE,
    JOBS_FILE,
    PLACEMENTS_FILE,
    save_rows,
)
from closeshave.plurals import counted

ROWS_AT_ONCE = 20_000
CALM_S = 0.5
"""How long primaries must show no transaction: a request between two transactions, for example at the provider, shows none either."""

_ACTIVE = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND state IS DISTINCT FROM 'idle'
"""
"""A session whose state this user may not see counts as active."""


def primaries(deployment: Deployment) -> dict[int, Member]:
    """The only primary of each shard, as Patroni reports it at the members themselves.

    Raises :class:`FinalStateUnreadable` naming the shards that have none, or more than one.
    """
    found, wrong = _primaries(deployment)
    if wrong:
        raise FinalStateUnreadable("; ".join(f"shard {shard} {why}" for shard, why in wrong.items()))
    return found


def _primaries(deployment: Deployment) -> tuple[dict[int, Member], dict[int, str]]:
    """The primary of each shard that has exactly one, and for every other shard why none can be read."""
    found: dict[int, list[Member]] = {shard.id: [] for shard in deployment.topology.clusters}
    for member in deployment.members:
        if patroni.says_primary(member):
            found[member.shard].append(member)
    wrong = {
        shard: f"has {f'{len(members)} primaries: ' if members else 'no primary'}{', '.join(member.name for member in members)}"
        for shard, members in found.items()
        if len(members) != 1
    }
    return {shard: members[0] for shard, members in found.items() if shard not in wrong}, wrong


def quiesce(deployment: Deployment, timeout_s: float) -> None:
    """Wait until each shard has its primary and no shard has an open transaction of the application: then nothing is in flight.

    Raises :class:`FinalStateUnreadable` with what is still in the way after ``timeout_s`` seconds.
    """
    calm_since_ns: int | None = None
    obstacle = ""

    def calm() -> bool:
        nonlocal calm_since_ns, obstacle
        try:
            obstacle = _in_flight(deployment)
        except FinalStateUnreadable as reason:
            obstacle = str(reason)
        if obstacle:
            calm_since_ns = None
            return False
        if calm_since_ns is None:
            calm_since_ns = now_ns()
        return now_ns() - calm_since_ns >= CALM_S * 1e9

    if not poll_until(calm, timeout_s, interval_s=0.1):
        raise FinalStateUnreadable(f"not quiet after {timeout_s:g} s: {obstacle or 'it became quiet only just now'}")


def export(deployment: Deployment, run: Path, since_wall_s: float, say: Say, lacks: Lacks) -> None:
    """Write ``final_state/`` of the run: all bookings and captures made since ``since_wall_s`` (seconds since the epoch), and the contents of caches
    and members.

    Captures come first, because they depend on no database. A shard that cannot be read is noted by ``lacks`` before anything else is read, and the others
    are still read. Raises :class:`OSError` if no shard can be read, or another part cannot; the file of that part is not written.
    """
    definition = kept.load(Path(deployment.root))
    own = definition.application
    if own.pays:
        save_rows(run / CAPTURES_FILE, captured := captures(Path(deployment.payments.ledger), since_wall_s))
        told = counted(captured.num_rows, "capture")
    else:
        _note(charges.export(outside.platform(definition, deployment), deployment, run), lacks)
        told = "charges by the application's own list"
    promoted, unread = _primaries(deployment)
    booked, failed = _booked(definition, deployment, run, promoted, since_wall_s)
    unread |= failed
    for shard in unread:
        promoted.pop(shard, None)
    if own.read_back.query:
        _note({f"{WHOLE} of shard {shard}": why for shard, why in unread.items()}, lacks)
        told = f"{counted(booked, 'booking')} on {counted(len(promoted), 'primary', 'primaries')}, {told}"
    else:
        found, missing = read_back.export(outside.platform(definition, deployment), deployment, run)
        _note(missing, lacks)
        told = f"{counted(found, 'booking')} of this run, read back through the application's API, {told}"
    if own.read_back.cached is not None:
        entries = cache_entries.read(deployment, own.read_back.cached, promoted, random.Random(run.name))  # noqa: S311 - which entries are looked at is no secret
        save_rows(run / CACHE_ENTRIES_FILE, entries)
        compared = entries.num_rows - entries["stored"].null_count
        told += f", {compared:,} of {counted(entries.num_rows, 'cache entry', 'cache entries')} compared"
    if (alone := diverged.read(Path(deployment.root), since_wall_s)) is not None:
        save_rows(run / DIVERGED_FILE, alone)
    if own.read_back.jobs is not None and jobs.told(deployment):
        worked = jobs.read(deployment, own.read_back.jobs, promoted, since_wall_s, say)
        save_rows(run / JOBS_FILE, worked)
        told += f", {counted(worked.num_rows, 'job')}"
    if own.read_back.resident_rows or not definition.resident:
        save_rows(run / PLACEMENTS_FILE, placements.read(deployment, own.read_back.resident_rows))
    say(f"final state: {told}")


def _note(lacking: Mapping[str, str], lacks: Lacks) -> None:
    for part, why in lacking.items():
        lacks(part, why)


def _booked(
    definition: Stack, deployment: Deployment, run: Path, promoted: Mapping[int, Member], since_wall_s: float
) -> tuple[int, dict[int, str]]:
    """Write the bookings that the query finds on these primaries; returns how many, and for each shard that cannot be read why.

    Raises :class:`FinalStateUnreadable` if none can. Without a query nothing is written.
    """
    query, failed, tables = definition.application.read_back.query, {}, []
    if not query:
        return 0, {}
    made = record.read(run)
    for shard, member in sorted(promoted.items()):
        try:
            tables.append(_bookings(deployment, member, query, made, {"tag": f"closeshave:{run.name}", "since_s": since_wall_s}))
        except FinalStateUnreadable as reason:
            failed[shard] = str(reason)
    if not tables:
        why = {**_primaries(deployment)[1], **failed}
        raise FinalStateUnreadable("; ".join(f"shard {shard}: {reason}" for shard, reason in why.items()))
    booked = pa.concat_tables([BOOKINGS.empty_table(), *tables]).unify_dictionaries()
    save_rows(run / BOOKINGS_FILE, booked)
    return booked.num_rows, failed


def export_of(deployment: Deployment, server: Member, run: Path, since_wall_s: float, path: Path) -> int:
    """Write the bookings that a server at a member's address holds, such as one that was restored from a backup; returns how many there are.

    Raises :class:`FinalStateUnreadable` if they cannot be read, also because the application has no query for them; then nothing is written.
    """
    query = kept.load(Path(deployment.root)).application.read_back.query
    if not query:
        raise FinalStateUnreadable("the environment file has no query that reads bookings (application.read_back.query)")
    given = {"tag": f"closeshave:{run.name}", "since_s": since_wall_s}
    found = pa.concat_tables([BOOKINGS.empty_table(), _bookings(deployment, server, query, record.read(run), given)]).unify_dictionaries()
    save_rows(path, found)
    return found.num_rows


def captures(ledger: Path, since_wall_s: float) -> pa.Table:
    """The provider's captures since ``since_wall_s``. A provider that never charged has no ledger.

    Raises :class:`FinalStateUnreadable` naming a line that is incomplete or not a capture.
    """
    rows = []
    for number, line in enumerate(ledger.read_bytes().splitlines(keepends=True) if ledger.exists() else (), start=1):
        if not line.endswith(b"\n"):
            raise FinalStateUnreadable(f"{ledger.name}:{number}: the line is incomplete")
        try:
            capture = record_of(line)
            rows.append({name: capture[name] for name in CAPTURES.names})
        except (ValueError, KeyError, TypeError) as error:
            raise FinalStateUnreadable(f"{ledger.name}:{number}: not a capture: {type(error).__name__}: {error}") from None
    try:
        return pa.Table.from_pylist([row for row in rows if row["at"] >= since_wall_s], schema=CAPTURES)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise FinalStateUnreadable(f"{ledger.name}: values of the wrong type: {error}") from None


def _bookings(deployment: Deployment, member: Member, query: str, made: FranchiseRecord, given: Mapping[str, object]) -> pa.Table:
    """All bookings of one snapshot of the primary; a server-side cursor keeps a large table out of memory on both sides.

    Raises :class:`FinalStateUnreadable`, also for a row that is not a booking.
    """
    parts = [BOOKINGS.empty_table()]
    with session(deployment, member) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # Patroni's answer is slightly outdated: the snapshot itself must be from a primary.
        if connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
            raise FinalStateUnreadable(f"shard {member.shard}: {member.name} is no longer a primary")
        with closing(postgres.batches(connection, "final_state", query, given, ROWS_AT_ONCE)) as batches:
            parts += [pa.Table.from_pylist(_told(deployment, member, found, made), schema=BOOKINGS) for found in batches]
    return pa.concat_tables(parts)


def _told(deployment: Deployment, member: Member, found: Sequence[Mapping[str, Any]], made: FranchiseRecord) -> list[Row]:
    """Rows of the query in the form of the history; where they lie is known from the member. Raises :class:`FinalStateUnreadable`."""
    first = deployment.topology.shard(member.shard).first
    try:
        return [{**read_back.placed(row(each), deployment.topology, made, first), "found_on": member.shard} for each in found]
    except Odd as error:
        raise FinalStateUnreadable(
            f"shard {member.shard}: application.read_back.query returned a row that is no booking: {error}"
        ) from None


def _in_flight(deployment: Deployment) -> str:
    """Which primaries have open transactions, as text; empty when none has. Raises :class:`FinalStateUnreadable`."""
    return "; ".join(_open_transactions(deployment, primaries(deployment)))


def _open_transactions(deployment: Deployment, members: dict[int, Member]) -> Iterator[str]:
    for shard, member in members.items():
        with session(deployment, member) as connection:
            active = connection.execute(_ACTIVE).fetchone()
        if active is None or active[0]:
            yield f"shard {shard} has {counted(active[0], 'open transaction') if active else 'an unknown number of open transactions'}"
