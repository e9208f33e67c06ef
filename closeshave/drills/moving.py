"""The tables whose rows belong to a franchise, and the statements by which a range of them moves from one shard to another. Pure.

The databases themselves are the fence: triggers refuse every row of the range that does not come by replication, first on the new shard, then on the old
one, whatever an instance of the application believes. Triggers do not fire for what a subscription applies.
"""

# ruff: noqa: S608 - names are this file's own, and numbers are formatted as numbers
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from closeshave.topology import Move, Routing, Shard

NAME = "moving"
"""What everything that exists only during a move is called: publication, subscription, replication slot, triggers, function; indexes end with it."""
REFUSED = "CS001"
"""The SQLSTATE of a refused row, by which the application knows that it may try again."""
FIRST_MAJOR = 15
"""The first version of PostgreSQL with row filters."""


@dataclass(frozen=True, slots=True)
class MovingTable:
    """A table whose rows belong to franchises."""

    name: str
    key: str
    """The column of its primary key."""
    franchise: str = "franchise_id"
    """The column of the franchise."""
    checked: bool = False
    """Whether a constraint (``NAME_on_this_shard``) says which franchises the shard holds."""

    def within(self, move: Move, row: str = "") -> str:
        """The condition that a row is in the range; ``row`` is a prefix such as ``NEW.``."""
        return f"{row}{self.franchise} BETWEEN {move.first:d} AND {move.last:d}"

    @property
    def index(self) -> str:
        """The index that makes the franchise a part of the row's identity: a row filter of changed rows may use nothing else."""
        return f"{self.name}_{NAME}"

    @property
    def needs_index(self) -> bool:
        """Whether its primary key does not tell the franchise."""
        return self.key != self.franchise


TABLES = (
    MovingTable("franchises", "id", "id", checked=True),
    MovingTable("opening_hours", "franchise_id"),
    MovingTable("barbers", "id"),
    MovingTable("bookings", "id", checked=True),
    MovingTable("payments", "id", checked=True),
    MovingTable("payment_keys", "key"),
)
"""In an order in which rows may be added; they are removed in the reverse one."""


def indexes() -> tuple[str, ...]:
    """Statements for the old shard, each by itself: none of them keeps customers waiting."""
    return tuple(
        f"CREATE UNIQUE INDEX CONCURRENTLY {table.index} ON {table.name} ({table.key}, {table.franchise})"
        for table in TABLES
        if table.needs_index
    )


def identities() -> tuple[str, ...]:
    """Statements for the old shard, after :func:`indexes`."""
    return tuple(f"ALTER TABLE {table.name} REPLICA IDENTITY USING INDEX {table.index}" for table in TABLES if table.needs_index)


def publication(move: Move) -> str:
    """The statement by which the old shard publishes the rows of the range and no others."""
    return f"CREATE PUBLICATION {NAME} FOR TABLE " + ", ".join(f"{table.name} WHERE ({table.within(move)})" for table in TABLES)


def subscription(host: str, port: int, database: str, user: str) -> str:
    """The statement by which the new shard copies and follows the old one, whose primary is at an address. It confirms only what it has on disk."""
    where = f"host={host} port={port:d} dbname={database} user={user}"
    return f"CREATE SUBSCRIPTION {NAME} CONNECTION '{where}' PUBLICATION {NAME} WITH (slot_name = '{NAME}', synchronous_commit = 'on')"


def unpublish() -> tuple[str, ...]:
    """Statements for the old shard that undo :func:`publication` and :func:`identities`."""
    return (
        f"DROP PUBLICATION IF EXISTS {NAME}",
        *(f"ALTER TABLE {table.name} REPLICA IDENTITY DEFAULT" for table in TABLES if table.needs_index),
        *(f"DROP INDEX IF EXISTS {table.index}" for table in TABLES if table.needs_index),
    )


def fence(move: Move) -> tuple[str, ...]:
    """Statements, for one transaction, after which a shard refuses rows of the range. Its locks wait for writes in flight, and let reads pass."""
    said = f"franchises {move.first:d} to {move.last:d} are being moved to another shard"
    return (
        f"CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = '{REFUSED}'; END $$",
        *(
            f"CREATE OR REPLACE TRIGGER {NAME} BEFORE INSERT OR UPDATE ON {table.name} FOR EACH ROW WHEN ({table.within(move, 'NEW.')}) "
            f"EXECUTE FUNCTION {NAME}()"
            for table in TABLES
        ),
    )


def unfence() -> tuple[str, ...]:
    """Statements, for one transaction, after which a shard accepts all rows that its constraints allow."""
    return (*(f"DROP TRIGGER IF EXISTS {NAME} ON {table.name}" for table in TABLES), f"DROP FUNCTION IF EXISTS {NAME}()")


def remove(move: Move) -> tuple[str, ...]:
    """Statements, for one transaction, that remove the rows of the range. Neither triggers nor references are asked: all of it goes."""
    return (
        "SET LOCAL session_replication_role = replica",
        *(f"DELETE FROM {table.name} WHERE {table.within(move)}" for table in reversed(TABLES)),
    )


def constrain(shard: Shard, routing: Routing, also: Iterable[Move] = ()) -> tuple[str, ...]:
    """Statements, for one transaction, after which the constraints of a shard allow what it holds by the routing; ``also`` lets further ranges in."""
    return tuple(
        f"ALTER TABLE {table.name} DROP CONSTRAINT IF EXISTS {table.name}_on_this_shard, "
        f"ADD CONSTRAINT {table.name}_on_this_shard CHECK ({_held(table, shard, routing, also)})"
        for table in TABLES
        if table.checked
    )


def _held(table: MovingTable, shard: Shard, routing: Routing, also: Iterable[Move]) -> str:
    held = f"{table.franchise} BETWEEN {shard.first:d} AND {shard.last:d}" if shard.first <= shard.last else "false"
    for move in routing.moves:
        if move.target == shard.id:
            held = f"({held}) OR {table.within(move)}"
        elif move.source == shard.id:
            held = f"({held}) AND NOT ({table.within(move)})"
    return " OR ".join([f"({held})", *(f"({table.within(move)})" for move in also)])


def rows(table: MovingTable, move: Move) -> str:
    """A query: the key of each row of the range, and a digest of its contents."""
    return f"SELECT {table.key}::text, md5(t::text) FROM {table.name} t WHERE {table.within(move)}"


def counted(move: Move) -> str:
    """A query: how many rows of the range a shard holds, in all tables that move."""
    return (
        "SELECT sum(n)::bigint FROM ("
        + " UNION ALL ".join(f"SELECT count(*) AS n FROM {t.name} WHERE {t.within(move)}" for t in TABLES)
        + ") AS c"
    )


def franchises(move: Move) -> str:
    """A query: how many franchises of the range a shard holds."""
    return f"SELECT count(*) FROM franchises WHERE {TABLES[0].within(move)}"


def confirmed(position: str) -> str:
    """A query to the old shard: whether the new one has confirmed everything up to a position of the log."""
    return (
        f"SELECT coalesce(bool_or(confirmed_flush_lsn >= '{position}'::pg_lsn), false) FROM pg_replication_slots WHERE slot_name = '{NAME}'"
    )


SUBSCRIBED = f"SELECT count(*) FROM pg_subscription WHERE subname = '{NAME}'"
"""A query to the new shard: whether it follows the old one."""
_SLOTS = "FROM pg_replication_slots WHERE plugin = 'pgoutput' AND database = current_database()"
END_SENDERS = f"SELECT pg_terminate_backend(active_pid) {_SLOTS} AND active_pid IS NOT NULL"
DROP_SLOTS = f"SELECT pg_drop_replication_slot(slot_name) {_SLOTS} AND active_pid IS NULL"
SLOTS = f"SELECT count(*) {_SLOTS}"
"""Of the move itself, and of tables that were being copied."""
LEFT = rf"""
    SELECT string_agg(what, ', ') FROM (
        SELECT 'publication ' || pubname AS what FROM pg_publication
        UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
        UNION ALL SELECT 'replication slot ' || slot_name {_SLOTS}
        UNION ALL SELECT 'trigger on ' || tgrelid::regclass::text FROM pg_trigger WHERE tgname = '{NAME}'
        UNION ALL SELECT 'index ' || relname FROM pg_class WHERE relkind = 'i' AND relname LIKE '%\_{NAME}'
        UNION ALL SELECT 'replica identity of ' || relname FROM pg_class WHERE relkind = 'r' AND relreplident = 'i') AS left_over
"""
"""A query: what of a move a shard still has; nothing is NULL."""
