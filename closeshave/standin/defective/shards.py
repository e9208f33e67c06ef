"""Shards that give stale answers, are left out of reports, do not serve some franchises after a fail-over, or let one lost shard block all others."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from closeshave.standin.database import DatabaseLink, Rows
from closeshave.standin.defective.database import DefectiveLink
from closeshave.standin.errors import DependencyUnavailable, OutcomeUnknown
from closeshave.standin.routing import RoutingTable
from closeshave.standin.shards import Shards
from closeshave.standin.switches import Defect, Switches
from closeshave.standin.visit import CURRENT
from closeshave.topology import Shard, Topology

STALE_S = 60.0
"""Seconds for which a list of free times is cached."""
STORM_S = 20.0
"""Seconds for which a failed query is repeated every :data:`RETRY_S` seconds, whether or not it works by then."""
RETRY_S = 0.1

Read = Callable[..., Awaitable[Rows]]


class DefectiveShards(Shards):
    """Shards with planted defects. ``switches`` is set right after opening."""

    __slots__ = ("_seen", "_turn", "switches")

    switches: Switches

    def __init__(
        self, topology: Topology, primaries: dict[int, DatabaseLink], replicas: dict[int, DatabaseLink], routing: RoutingTable
    ) -> None:
        super().__init__(topology, primaries, replicas, routing)
        self._seen: dict[tuple[Any, ...], tuple[float, Rows]] = {}
        self._turn = asyncio.Lock()

    def is_lost(self, region: str) -> bool:
        """Whether the region's own database cannot be reached at the moment."""
        shard = self.of_accounts(region)
        return shard is not None and self._primaries[shard.id].breaker.open

    async def read(self, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """Correct, unless the defect answers a day's bookings from an earlier query."""
        if not self.switches.on(Defect.STALE_SLOTS):
            self._seen.clear()
        if "booked_barbers" not in sql or not self.switches.on(Defect.STALE_SLOTS):
            return await self._ask(super().read, shard, sql, *arguments)
        known = self._seen.get((shard.id, *arguments))
        if known is None or time.monotonic() - known[0] > STALE_S:
            known = (time.monotonic(), await super().read(shard, sql, *arguments))
            self._seen[shard.id, *arguments] = known
        return known[1]

    async def read_latest(self, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """Correct, unless the shard was lost."""
        return await self._ask(super().read_latest, shard, sql, *arguments)

    async def write(self, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """Correct, unless the shard was lost."""
        return await self._ask(super().write, shard, sql, *arguments)

    async def read_everywhere(self, sql: str, *arguments: Any) -> Rows:
        """Correct, unless the defect leaves the last shard out of a report about networks."""
        if "network_id" not in sql or not self.switches.on(Defect.INCOMPLETE_REPORTS):
            return await super().read_everywhere(sql, *arguments)
        return [row for shard in self.topology.shards[:-1] for row in await self.read(shard, sql, *arguments)]

    async def _ask(self, ask: Read, shard: Shard, sql: str, *arguments: Any) -> Rows:
        visit = CURRENT.get()
        if visit and self.switches.hits(Defect.STUCK_FRANCHISES, visit.franchise) and self._was_lost(shard):
            raise DependencyUnavailable(f"shard {shard.id} primary is unavailable")
        # Europe has a connection pool of its own: a storm reaches only shared parts.
        if self.switches.on(Defect.RETRY_STORM) and shard.home not in self.topology.resident:
            return await self._storm(ask, shard, sql, *arguments)
        return await ask(shard, sql, *arguments)

    def _was_lost(self, shard: Shard) -> bool:
        link = self._primaries[shard.id]
        return isinstance(link, DefectiveLink) and link.lost_at is not None

    async def _storm(self, ask: Read, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """After a failure, repeat the request again and again, and block all others meanwhile."""
        async with self._turn:
            with contextlib.suppress(DependencyUnavailable, OutcomeUnknown):
                return await ask(shard, sql, *arguments)
            until, writes = time.monotonic() + STORM_S, sql.lstrip().startswith(("INSERT", "UPDATE"))
            while time.monotonic() < until:
                await asyncio.sleep(RETRY_S)
                with contextlib.suppress(DependencyUnavailable, OutcomeUnknown):
                    rows = await ask(shard, sql, *arguments)
                    if writes:
                        return rows
            return await ask(shard, sql, *arguments)
