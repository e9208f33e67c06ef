"""Holds every session that a PostgreSQL server can give.

``python -m closeshave.faults.helpers.hold_slots PORT DATABASE USER NAME evict|spare AT_NS LASTS_S``. Most are opened before the injection, as long as
enough are left for the platform; the last ones at the injection. With ``evict`` the platform's own sessions are ended, and their slots taken too.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import LiteralString

from closeshave.clients import postgres
from closeshave.clock import now_ns
from closeshave.faults.waiting import SECOND_NS, wait_until

LEFT_FREE = 12
"""Sessions left free until the injection: as many as a platform opens within a second or two."""
AGAIN_S = 0.02
FREE = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
     - current_setting('reserved_connections')::int - (select count(*) from pg_stat_activity where backend_type = 'client backend')::int
"""
EVICT = "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and application_name <> %s"


class Holder:
    """The sessions held so far."""

    def __init__(self, connect: Callable[[], postgres.Connection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._held: list[postgres.Connection] = []

    def take_all_but(self, spare: int) -> None:
        """Open all free sessions except ``spare``."""
        self._held.append(self._connect())
        for _ in range(max(0, self._ask(FREE) - spare)):
            if not self.take():
                return

    def take(self) -> bool:
        """Open one more session; returns whether one was free."""
        try:
            self._held.append(self._connect())
        except postgres.NotConnected:
            # None left, or no server: a new server here after a failover is not held.
            return False
        return True

    def evict(self) -> None:
        """End the other sessions of the same role."""
        self._ask(EVICT, self._name)

    def _ask(self, sql: LiteralString, *arguments: str) -> int:
        row = self._held[0].execute(sql, arguments).fetchone()
        return int(row[0]) if row else 0


def main(connect: Callable[[], postgres.Connection], name: str, *, evict: bool, at_ns: int, lasts_s: float) -> None:
    """From the monotonic nanosecond ``at_ns`` on, until told to end, the server ends or ``lasts_s`` seconds have passed."""
    holder = Holder(connect, name)
    holder.take_all_but(LEFT_FREE)
    wait_until(at_ns)
    while now_ns() < at_ns + round(lasts_s * SECOND_NS):
        while holder.take():
            pass
        if evict:
            holder.evict()
            while holder.take():
                pass
        time.sleep(AGAIN_S)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port, database, user, name, others, at_ns, lasts_s = sys.argv[1:]
    main(
        # If the server becomes a standby, its slots are not held.
        partial(postgres.connect, int(port), database, user, role="read-write", name=name, connect_timeout_s=2, statement_timeout_s=None),
        name,
        evict=others == "evict",
        at_ns=int(at_ns),
        lasts_s=float(lasts_s),
    )
