"""The two shards between which a range moves, as the owner of their databases reaches them; and which range it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from closeshave.clients import patroni, postgres
from closeshave.deployment import Deployment
from closeshave.drills import moving
from closeshave.drills.kind import DrillDisturbed
from closeshave.faults.kind import Aim, Value
from closeshave.faults.shard.cluster import shard_of
from closeshave.topology import Move, Topology

OWNER = "postgres"
"""The role that may change everything."""
SESSION = "closeshave-moving"
"""What the sessions of a move are called."""
OTHERS = """
    SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
    WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()
"""
STATEMENT_S = 20
LOCK_MS = 250
"""How long a statement waits for a lock: behind it, writes of all franchises wait too."""
TRIES = 12
PAUSE_S = 0.05
Gone = (patroni.NoLeader, postgres.Unavailable)
"""Raised when a shard has no primary, or its primary does not answer."""


def range_of(aim: Aim) -> Move:
    """The move that an aim stands for, the same from any process. Raises :class:`DrillDisturbed` without a spare shard."""
    topology, source = aim.deployment.topology, aim.deployment.topology.shard(shard_of(aim))
    if not topology.spares:
        raise DrillDisturbed("this environment runs no spare shard")
    first = int(aim.parameters["first"]) or source.first
    return Move(first, first + int(aim.parameters["franchises"]) - 1, source.id, topology.spares[0].id)


def misfit(topology: Topology, scope: Mapping[str, Value], parameters: Mapping[str, Value]) -> str:
    """Why the range cannot move from the shard; empty when it can. Pure."""
    source, first, franchises = topology.shard(int(scope["shard"])), int(parameters["first"]), int(parameters["franchises"])
    begin = first or source.first
    if begin in source and begin + franchises - 1 in source:
        return ""
    return (
        f"franchises {begin:,} to {begin + franchises - 1:,} are not all on shard {source.id}, which holds {source.first:,} to {source.last:,}; "
        "change first or franchises"
    )


@contextmanager
def owner(deployment: Deployment, shard: int) -> Iterator[postgres.Connection]:
    """A session of the owner with the shard's primary. Raises one of :data:`Gone`."""
    lead = patroni.leader(deployment, shard)
    with postgres.connect(lead.port, deployment.database, OWNER, name=SESSION, statement_timeout_s=STATEMENT_S) as connection:
        yield connection


def end_sessions(deployment: Deployment, shard: int) -> None:
    """End what a process that was killed has still running there: it would go on to its end. Raises one of :data:`Gone`."""
    with owner(deployment, shard) as connection:
        connection.execute(OTHERS.encode())


def at_once(connection: postgres.Connection, statements: Iterable[str]) -> list[int]:
    """Run all in one transaction; how many rows each changed. It waits for locks only shortly, and tries again. Raises :data:`postgres.Unavailable`."""
    every = tuple(statements)
    for left in reversed(range(TRIES)):
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS:d}".encode())
                return [connection.execute(statement.encode()).rowcount for statement in every]
        except (postgres.Locked, postgres.Deadlock):
            if not left:
                raise
        time.sleep(PAUSE_S)
    return []


def one(connection: postgres.Connection, query: str) -> object:
    """The only value of the only row of a query. Raises :data:`postgres.Unavailable`."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None, "an aggregate has a row"
    return row[0]


def rows_in(connection: postgres.Connection, move: Move) -> int:
    """How many rows of the range a shard holds, in all tables that move. Raises :data:`postgres.Unavailable`."""
    return int(str(one(connection, moving.counted(move)) or 0))


def contents(connection: postgres.Connection, table: moving.MovingTable, move: Move) -> dict[str, str]:
    """The rows of the range in a table: key → a digest of the row. Raises :data:`postgres.Unavailable`."""
    return {str(key): str(digest) for key, digest in connection.execute(moving.rows(table, move).encode()).fetchall()}


def difference(old: postgres.Connection, new: postgres.Connection, move: Move) -> tuple[int, str]:
    """How many rows of the range two shards share, and the first difference between them; empty when every row is on both, once and the same.

    Raises :data:`postgres.Unavailable`.
    """
    shared = 0
    for table in moving.TABLES:
        there, here = contents(old, table, move), contents(new, table, move)
        for key in sorted(there.keys() | here.keys()):
            if there.get(key) != here.get(key):
                return shared, f"{table.name} {key} {_differs(there.get(key), here.get(key), move)}"
        shared += len(there)
    return shared, ""


def _differs(there: object, here: object, move: Move) -> str:
    if here is None:
        return f"is on shard {move.source} and not on shard {move.target}"
    return f"is on shard {move.target} and not on shard {move.source}" if there is None else "differs between the two shards"
