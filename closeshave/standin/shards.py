"""All shards: the shard of a franchise, an account, a booking or an ID, and which of its servers answers a query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Self

from closeshave.standin.database import DatabaseLink, Rows
from closeshave.standin.errors import DependencyUnavailable, Refused
from closeshave.standin.routing import RoutingTable
from closeshave.standin.settings import StandinSettings
from closeshave.standin.visit import book_db_time
from closeshave.topology import Shard, Topology

OpenLink = Callable[..., Awaitable[DatabaseLink]]
"""``(settings, shard ID, port, primary=…)`` → the link."""

ID_STEP = 10**12
"""An ID (booking, account, payment) divided by this (rounded down) is the ID of the shard on which it was made."""
_FRANCHISE = "SELECT franchise_id FROM bookings WHERE id = $1"


class Shards:
    """The databases, each with its own pools, so that a hanging shard delays only its own franchises."""

    __slots__ = ("_primaries", "_replicas", "routing", "topology")

    def __init__(
        self, topology: Topology, primaries: dict[int, DatabaseLink], replicas: dict[int, DatabaseLink], routing: RoutingTable
    ) -> None:
        self.topology = topology
        self.routing = routing
        self._primaries = primaries
        self._replicas = replicas

    @classmethod
    async def open(cls, settings: StandinSettings, open_link: OpenLink = DatabaseLink.open) -> Self:
        """Links to all shards, without connections."""
        primaries = {shard: await open_link(settings, shard, port, primary=True) for shard, port in settings.primaries.items()}
        replicas = {shard: await open_link(settings, shard, port, primary=False) for shard, port in settings.replicas.items()}
        return cls(settings.topology, primaries, replicas, RoutingTable(settings.routing))

    def close(self) -> None:
        """Drop every connection."""
        for link in self.links:
            link.close()

    @property
    def links(self) -> tuple[DatabaseLink, ...]:
        """All database links of this process."""
        return (*self._primaries.values(), *self._replicas.values())

    def of_franchise(self, franchise: int) -> Shard | None:
        """The shard that holds a franchise now; ``None`` if there is none."""
        shard = self.topology.shard_of(franchise)
        target = self.routing.now().target_of(franchise)
        return shard if shard is None or target is None else self.topology.shard(target)

    async def of_booking(self, id: int) -> Shard:
        """The shard that holds a booking now: where it was made, unless its franchise was moved since. Raises :class:`Refused` (404), and as a read."""
        made = self.of_id(id)
        others = dict.fromkeys(move.target for move in self.routing.now().moves if move.source == made.id)
        if not others:
            return made
        for shard in (made, *map(self.topology.shard, others)):
            if rows := await self.read_latest(shard, _FRANCHISE, id):
                return self.of_franchise(rows[0]["franchise_id"]) or shard
        return made

    def of_id(self, id: int) -> Shard:
        """The shard on which this ID was made. Raises :class:`Refused` (404) if there is none."""
        try:
            return self.topology.shard(id // ID_STEP)
        except KeyError:
            raise Refused(404, "Not found") from None

    def of_accounts(self, region: str) -> Shard | None:
        """The shard that holds the accounts of ``region``; ``None`` if the region is not the home of a shard."""
        return next((shard for shard in self.topology.shards if shard.home == region), None)

    async def read(self, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """Rows that may be slightly old: from the replica, or else from the primary. Raises :class:`DependencyUnavailable`."""
        started = perf_counter()
        try:
            replica = self._replicas.get(shard.id)
            if replica is not None and not replica.breaker.open:
                try:
                    return await replica.read(sql, *arguments)
                except DependencyUnavailable:
                    pass  # the primary answers, or says why not
            return await self._primaries[shard.id].read(sql, *arguments)
        finally:
            book_db_time(started)

    async def read_latest(self, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """Rows from the primary. Raises :class:`DependencyUnavailable`."""
        started = perf_counter()
        try:
            return await self._primaries[shard.id].read(sql, *arguments)
        finally:
            book_db_time(started)

    async def write(self, shard: Shard, sql: str, *arguments: Any) -> Rows:
        """The rows that a committed statement returned. Raises what :meth:`DatabaseLink.write` raises."""
        started = perf_counter()
        try:
            return await self._primaries[shard.id].write(sql, *arguments)
        finally:
            book_db_time(started)

    async def read_everywhere(self, sql: str, *arguments: Any) -> Rows:
        """The rows of all shards, which may be slightly old; all are asked at the same time.

        Raises :class:`DependencyUnavailable` when one does not answer.
        """
        targets = {move.target for move in self.routing.now().moves}
        shards = (*self.topology.shards, *(spare for spare in self.topology.spares if spare.id in targets))
        parts = await asyncio.gather(*(self.read(shard, sql, *arguments) for shard in shards), return_exceptions=True)
        rows: Rows = []
        for shard, part in zip(shards, parts, strict=True):
            if isinstance(part, BaseException):
                raise part
            # Old rows of a moved range are removed only some seconds after the move.
            rows.extend(row for row in part if "franchise_id" not in row or self.of_franchise(row["franchise_id"]) == shard)
        return rows
