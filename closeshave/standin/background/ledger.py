"""The jobs of all shards, and their effects, in the databases that hold their bookings: for one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

TIMEOUT_S = 2
LIMITS = "-c statement_timeout=2s -c idle_in_transaction_session_timeout=10s"
REST_S = 0.5
"""A shard that did not answer is not asked again for so long: jobs of the others should not wait for it."""
_DUE = """
UPDATE jobs SET published_at = clock_timestamp() WHERE id IN (
    SELECT id FROM jobs WHERE published_at IS NULL AND due_at <= clock_timestamp() ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id
"""
# Locks the job's row: of two workers with the same job, the second waits here and then sees the effect of the first.
_DELIVERED = "UPDATE jobs SET deliveries = deliveries + 1 WHERE id = %s RETURNING booking_id, kind"
_DONE = "SELECT EXISTS (SELECT FROM job_effects WHERE job_id = %s)"
_EFFECT = """
INSERT INTO job_effects (job_id, booking_id, kind, worker, result)
SELECT %(job)s, id, %(kind)s, %(worker)s, CASE WHEN status = 'scheduled' OR %(kind)s = 'receipt' THEN 'sent' ELSE 'skipped' END
FROM bookings WHERE id = %(booking)s
"""
Session = psycopg.Connection[tuple[Any, ...]]


class Unreachable(Exception):
    """The shard of a job cannot be written now."""


class JobLedger:
    """``urls``: the current primary of each shard."""

    def __init__(self, urls: Mapping[int, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._urls = urls
        self._clock = clock
        self._sessions: dict[int, Session] = {}
        self._rests_until: dict[int, float] = {}

    def publish_due(self, shard: int, publish: Callable[[Iterable[int]], None], at_most: int) -> int:
        """Give the shard's due jobs to ``publish`` and mark them; returns how many. If it raises, none is marked.

        Raises :class:`Unreachable`, and whatever ``publish`` raises.
        """
        with self._transaction(shard) as session:
            jobs = [row[0] for row in session.execute(_DUE, [at_most]).fetchall()]
            publish(jobs)
        return len(jobs)

    def carry_out(self, shard: int, job: int, worker: str, work: Callable[[], None]) -> bool:
        """Do a job: ``work`` and the row of its effect, unless that is there already; returns whether this call did it.

        A job that is not there was lost with its booking, and nothing is left to do for it. Raises :class:`Unreachable`.
        """
        with self._transaction(shard) as session:
            found = session.execute(_DELIVERED, [job]).fetchone()
            done = session.execute(_DONE, [job]).fetchone()
            if found is None or done == (True,):
                return False
            work()
            session.execute(_EFFECT, {"job": job, "booking": found[0], "kind": found[1], "worker": worker})
        return True

    def close(self) -> None:
        """Drop every connection."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    @contextmanager
    def _transaction(self, shard: int) -> Iterator[Session]:
        """One transaction at a shard's primary: committed at the end of the block, and as if it had never been after any error."""
        if self._clock() < self._rests_until.get(shard, 0.0):
            raise Unreachable(f"shard {shard} did not answer just now")
        try:
            if shard not in self._sessions:
                self._sessions[shard] = psycopg.connect(
                    self._urls[shard], connect_timeout=TIMEOUT_S, options=LIMITS, target_session_attrs="read-write", autocommit=True
                )
            session = self._sessions[shard]
            with session.transaction():
                yield session
        except psycopg.Error as error:
            self._rests_until[shard] = self._clock() + REST_S
            if broken := self._sessions.pop(shard, None):
                broken.close()
            raise Unreachable(f"shard {shard}: {error}") from error
