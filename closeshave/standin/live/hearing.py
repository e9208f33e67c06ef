"""Listens to what the primaries tell of changed bookings, and asks for what it may not have heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no annotations

from closeshave.standin.errors import DependencyUnavailable
from closeshave.standin.live.hub import Hub, Update
from closeshave.standin.settings import StandinSettings
from closeshave.standin.shards import Shards
from closeshave.topology import Shard

CHANNEL = "bookings"
AGAIN_S = 0.5
ASKED_EVERY_S = 2.0
"""A connection that a proxy holds open to a dead server says nothing: it is asked."""
_OF = "SELECT client_id, id, version, status FROM bookings WHERE client_id = ANY($1::bigint[])"
_LOG = logging.getLogger(__name__)


def heard(payload: str) -> Update:
    """An update as a database tells it. Raises :class:`ValueError`, :class:`KeyError` or :class:`TypeError`."""
    told = json.loads(payload)
    return Update(int(told["client"]), int(told["booking"]), int(told["version"]), str(told["status"]))


class Hearing:
    """One process's ears: a connection to every primary, from :meth:`start` to :meth:`stop`."""

    def __init__(self, settings: StandinSettings, shards: Shards, hub: Hub) -> None:
        self._settings = settings
        self._shards = shards
        self.hub = hub
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Listen, in the running event loop."""
        self._tasks = [asyncio.create_task(self._listen(shard)) for shard in self._shards.topology.shards]

    def stop(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()

    async def catch_up(self, shard: Shard, clients: Sequence[int]) -> None:
        """Tell these customers of their bookings on a shard, as they are now. Raises :class:`DependencyUnavailable`."""
        if clients:
            rows = await self._shards.read_latest(shard, _OF, list(clients))
            self.hub.tell(Update(row["client_id"], row["id"], row["version"], row["status"]) for row in rows)

    async def welcome(self, client: int) -> None:
        """Tell a customer who has just connected of everything; of what a lost shard holds, as soon as it can be asked again."""
        left = list(self._shards.topology.shards)
        while left:
            for shard in tuple(left):
                with contextlib.suppress(DependencyUnavailable):
                    await self.catch_up(shard, [client])
                    left.remove(shard)
            if left:
                await asyncio.sleep(AGAIN_S)

    async def _listen(self, shard: Shard) -> None:
        while True:
            try:
                await self._hear(shard)
            except (OSError, TimeoutError, DependencyUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _LOG.debug("shard %d is not heard: %s", shard.id, error)
            await asyncio.sleep(AGAIN_S)

    async def _hear(self, shard: Shard) -> None:
        """Listen until the connection breaks, or leads to no primary any more."""
        settings = self._settings
        connection = await asyncpg.connect(
            host=settings.host, port=settings.primaries[shard.id], user=settings.user, database=settings.database, ssl=False, timeout=2,
            server_settings={"application_name": f"{settings.instance} live"},
        )  # fmt: skip
        try:
            # On a standby this is refused.
            await connection.add_listener(CHANNEL, self._take)
            # First listen, then ask: what happens in between is heard, and nothing is missed.
            await self.catch_up(shard, self.hub.clients)
            while await connection.fetchval("SELECT NOT pg_is_in_recovery()", timeout=2):  # noqa: ASYNC110 - a server tells nobody that it was demoted
                await asyncio.sleep(ASKED_EVERY_S)
        finally:
            connection.terminate()

    def _take(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        try:
            self.hub.tell([heard(payload)])
        except (ValueError, KeyError, TypeError):
            _LOG.warning("not an update: %.100r", payload)
