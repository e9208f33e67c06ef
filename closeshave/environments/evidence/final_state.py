"""The final state of the platform, read directly and not through a proxy.

Bookings come from each shard's promoted primary, captures from the provider's own ledger, entries from each cache. If a region's rows must not leave
it, each database member reports how many of them it holds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Member
from closeshave.environments.evidence import cache_entries, diverged, placements
from closeshave.environments.evidence.reading import FinalStateUnreadable, session
from closeshave.files import record_of
from closeshave.history import (
    BOOKINGS,
    BOOKINGS_FILE,
    CACHE_ENTRIES_FILE,
    CAPTURES,
    CAPTURES_FILE,
    DIVERGED_FILE,
    PLACEMENTS_FILE,
    Mark,
    record,
    save_rows,
)
from closeshave.plurals import counted
from closeshave.vocabulary import MarkKind

ROWS_AT_ONCE = 20_000
CALM_S = 0.5
"""How long primaries must show no transaction: a request between two transactions, for example at the provider, shows none either."""

_BOOKINGS_SINCE = """
SELECT id AS booking, franchise_id AS franchise, %(shard)s::int AS found_on, barber_id AS barber,
       coalesce(client_id::text, guest_email) AS client, extract(epoch FROM starts_at)::bigint AS starts_at, minutes, status, version,
       idempotency_key AS key, extract(epoch FROM created_at)::float8 AS created_at, price_cents
FROM bookings WHERE created_at >= to_timestamp(%(since_s)s)
"""
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
    found: dict[int, list[Member]] = {shard.id: [] for shard in deployment.topology.shards}
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


def export(deployment: Deployment, run: Path, since_wall_s: float, say: Callable[[str], None]) -> None:
    """Write ``final_state/`` of the run: all bookings and captures made since ``since_wall_s`` (seconds since the epoch), and the contents of caches
    and members.

    Captures come first, because they depend on no database. A shard that cannot be read is noted in the timeline (``part-missing``, ``final state of
    shard 2: why``), and the others are still read. Raises :class:`FinalStateUnreadable` if no shard can be read, or another part cannot; the file of
    that part is not written.
    """
    captured = captures(Path(deployment.payments.ledger), since_wall_s)
    save_rows(run / CAPTURES_FILE, captured)
    promoted, unread = _primaries(deployment)
    tables = []
    for shard, member in sorted(promoted.items()):
        try:
            tables.append(_bookings(deployment, member, since_wall_s))
        except FinalStateUnreadable as reason:
            unread[shard] = str(reason)
    if not tables:
        raise FinalStateUnreadable("; ".join(f"shard {shard}: {why}" for shard, why in unread.items()))
    for shard, why in unread.items():
        promoted.pop(shard, None)
        record(run, Mark(now_ns(), MarkKind.PART_MISSING, f"final state of shard {shard}: {why}"))
    booked = pa.concat_tables([BOOKINGS.empty_table(), *tables]).unify_dictionaries()
    save_rows(run / BOOKINGS_FILE, booked)
    entries = cache_entries.read(deployment, promoted, random.Random(run.name))  # noqa: S311 - which entries are looked at is no secret
    save_rows(run / CACHE_ENTRIES_FILE, entries)
    if (alone := diverged.read(Path(deployment.root), since_wall_s)) is not None:
        save_rows(run / DIVERGED_FILE, alone)
    save_rows(run / PLACEMENTS_FILE, placements.read(deployment))
    compared = entries.num_rows - entries["stored"].null_count
    say(
        f"final state: {counted(booked.num_rows, 'booking')} on {counted(len(tables), 'primary', 'primaries')}, "
        f"{counted(captured.num_rows, 'capture')}, {compared:,} of {counted(entries.num_rows, 'cache entry', 'cache entries')} compared"
    )


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


def _bookings(deployment: Deployment, member: Member, since_wall_s: float) -> pa.Table:
    """All bookings of one snapshot of the primary; a server-side cursor keeps a large table out of memory on both sides."""
    parts = [BOOKINGS.empty_table()]
    with session(deployment, member) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # Patroni's answer is slightly outdated: the snapshot itself must be from a primary.
        if connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
            raise FinalStateUnreadable(f"shard {member.shard}: {member.name} is no longer a primary")
        given = {"shard": member.shard, "since_s": since_wall_s}
        with closing(postgres.batches(connection, "final_state", _BOOKINGS_SINCE, given, ROWS_AT_ONCE)) as batches:
            parts += [pa.Table.from_pylist(rows, schema=BOOKINGS) for rows in batches]
    return pa.concat_tables(parts)


def _in_flight(deployment: Deployment) -> str:
    """Which primaries have open transactions, as text; empty when none has. Raises :class:`FinalStateUnreadable`."""
    return "; ".join(_open_transactions(deployment, primaries(deployment)))


def _open_transactions(deployment: Deployment, members: dict[int, Member]) -> Iterator[str]:
    for shard, member in members.items():
        with session(deployment, member) as connection:
            row = connection.execute(_ACTIVE).fetchone()
        if row is None or row[0]:
            yield f"shard {shard} has {counted(row[0], 'open transaction') if row else 'an unknown number of open transactions'}"
