"""What became of the jobs that workers do for bookings, by the query of the environment file (``application.read_back.jobs``)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from closeshave.clients import postgres
from closeshave.deployment import Deployment, Member
from closeshave.environments import kept
from closeshave.environments.application import JobsOf
from closeshave.environments.driver import Say
from closeshave.environments.evidence.reading import FinalStateUnreadable, session
from closeshave.history import JOBS
from closeshave.history.ids import number
from closeshave.plurals import counted

ROWS_AT_ONCE = 20_000
ASK_EVERY_S = 0.5
WAITS = 4
"""At most so many times the time that a job may take: jobs that trickle would otherwise be waited for without end."""
_OPEN = "SELECT count(*) FROM ({query}) AS jobs WHERE done_at IS NULL"


def told(deployment: Deployment) -> bool:
    """Whether workers run in an environment, and its file says how to read their jobs."""
    runs = any(process.role == "worker" for process in deployment.processes)
    return runs and kept.load(Path(deployment.root)).application.read_back.jobs is not None


def read(deployment: Deployment, asked: JobsOf, primaries: Mapping[int, Member], since_wall_s: float, say: Say) -> pa.Table:
    """Every job of the bookings since an instant (seconds since the epoch), at these primaries.

    First it waits until no job is open, or none was done for as long as a job may take: what is open then is not merely slow.
    Raises :class:`FinalStateUnreadable`, also for rows that are no jobs.
    """
    query = asked.query.strip().rstrip(";")
    _settle(deployment, query, asked.within, primaries, since_wall_s, say)
    tables = [_of(deployment, member, query, asked.within, since_wall_s) for _, member in sorted(primaries.items())]
    return pa.concat_tables([JOBS.empty_table(), *tables]).unify_dictionaries()


def _settle(deployment: Deployment, query: str, within_s: float, primaries: Mapping[int, Member], since_wall_s: float, say: Say) -> None:
    began = moved = time.monotonic()
    left = _open(deployment, query, primaries, since_wall_s)
    if left:
        say(f"waiting for {counted(left, 'open job')}, at most {within_s:g} s after the last one that is done")
    while left and time.monotonic() < min(moved + within_s, began + WAITS * within_s):
        time.sleep(ASK_EVERY_S)
        now = _open(deployment, query, primaries, since_wall_s)
        if now < left:
            moved = time.monotonic()
        left = now


def _open(deployment: Deployment, query: str, primaries: Mapping[int, Member], since_wall_s: float) -> int:
    count = 0
    for member in primaries.values():
        with session(deployment, member) as connection:
            row = connection.execute(_OPEN.format(query=query).encode(), {"since_s": since_wall_s}).fetchone()
        count += row[0] if row else 0
    return count


def _of(deployment: Deployment, member: Member, query: str, within_s: float, since_wall_s: float) -> pa.Table:
    parts = [JOBS.empty_table()]
    with session(deployment, member) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        with closing(postgres.batches(connection, "final_jobs", query, {"since_s": since_wall_s}, ROWS_AT_ONCE)) as batches:
            for found in batches:
                try:
                    parts.append(pa.Table.from_pylist(list(_rows(found, member.shard, within_s, time.time())), schema=JOBS))
                except (KeyError, TypeError, ValueError, AttributeError, OverflowError, pa.ArrowException) as error:
                    what = f"shard {member.shard}: application.read_back.jobs.query returned a row that is no job"
                    raise FinalStateUnreadable(f"{what}: {type(error).__name__}: {error}") from None
    return pa.concat_tables(parts)


def _rows(found: list[dict[str, Any]], shard: int, within_s: float, read_at: float) -> Iterator[dict[str, Any]]:
    for row in found:
        due_at = _instant(row["due_at"])
        yield {
            "job": number(row["job"]),
            "booking": _named(row["booking_id"]),
            "franchise": row["franchise_id"],
            "found_on": shard,
            "kind": str(row["kind"]),
            "due_at": due_at,
            "late_at": due_at + within_s,
            "done_at": None if row["done_at"] is None else _instant(row["done_at"]),
            "worker": None if row["worker"] is None else str(row["worker"]),
            "read_at": read_at,
        }


def _named(told: object) -> int:
    found = number(told)
    if found is None:
        raise ValueError(f"its booking_id is {told!r}, which is neither a number nor a text")
    return found


def _instant(value: datetime | float) -> float:
    """Seconds since the epoch, of a time with its zone or of such a number."""
    if not isinstance(value, datetime):
        return float(value)
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return value.timestamp()
