"""The payment provider's webhooks: each event is sent to the first of the platform's endpoints that accepts it, and is repeated until one does.

Undelivered events are only in memory: a killed provider loses them. The platform does not depend on them, because a repeated confirmation gives the
same result.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import httpcore
import orjson

RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts; after the last one the event is dropped."""
CONNECTIONS = 8
_TIMEOUTS = {"timeout": {"connect": 1.0, "write": 1.0, "pool": 30.0, "read": 5.0}}
_LOG = logging.getLogger(__name__)


class Webhooks:
    """The deliveries in progress. ``urls`` are tried in order."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._pool = httpcore.AsyncConnectionPool(max_connections=CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, event: dict[str, Any], copies: int) -> None:
        """Start to deliver an event this many times in the running event loop, without waiting."""
        for _ in range(copies if self._urls else 0):
            task = asyncio.create_task(self._deliver(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: dict[str, Any]) -> None:
        for pause_s in (*RETRY_S, None):
            for url in self._urls:
                if await self._taken(url, event):
                    return
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        _LOG.error("%s was given up", event["id"])

    async def _taken(self, url: str, event: dict[str, Any]) -> bool:
        try:
            response = await self._pool.request(
                "POST",
                url,
                headers=[("Host", "platform"), ("Content-Type", "application/json")],
                content=orjson.dumps(event),
                extensions=_TIMEOUTS,
            )
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            return False
        return 200 <= response.status < 300
