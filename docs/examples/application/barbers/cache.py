"""Valkey: entries that may be lost at any time. Without it the application is slower, and nothing else."""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from . import measured

ANSWER_S = 0.25
AWAY_S = 1.0
"""After a failure the cache is left alone for so long, so that not every request waits for it."""
KEPT_S = 30
STAMPS_KEPT_S = 3600
LOST = (RedisError, OSError, TimeoutError)
LOG = logging.getLogger(__name__)


class Cache:
    """Entries by name. Each has a stamp, and is valid only while its name still has that stamp.

    So an entry that was read from the database before a change, and stored after it, is never used.
    """

    def __init__(self, url: str | None) -> None:
        self._client = (
            Redis.from_url(
                url, decode_responses=True, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=Retry(NoBackoff(), 1)
            )
            if url
            else None
        )
        self._away_until_s = 0.0
        self._lost = False
        self._owed: set[str] = set()
        """Entries that became invalid while the cache did not answer."""

    async def find(self, name: str) -> tuple[Any, str | None]:
        """The entry, ``None`` if there is none; and the stamp with which a new one must be stored, ``None`` if the cache does not answer."""
        if self._client is None or time.monotonic() < self._away_until_s:
            return None, None
        try:
            with measured.timed("cache"):
                await self._pay()
                found = await self._client.mget(f"stamp:{name}", f"entry:{name}")
                stamp, entry = (str(text) if text else None for text in found)
                if stamp is None:
                    stamp = secrets.token_hex(8)
                    if not await self._client.set(f"stamp:{name}", stamp, nx=True, ex=STAMPS_KEPT_S):
                        # Another process was faster.
                        stamp = str(await self._client.get(f"stamp:{name}"))
        except LOST as error:
            self._note_lost(error)
            return None, None
        self._note_found()
        told = json.loads(entry) if entry else {}
        valid = stamp is not None and told.get("stamp") == stamp
        if (cost := measured.HERE.get(None)) is not None:
            cost.cache = "hit" if valid else "miss"
        return (told["value"] if valid else None), stamp

    async def store(self, name: str, value: Any, stamp: str | None) -> None:
        """Store an entry with the stamp that :meth:`find` returned before the value was read."""
        if self._client is None or stamp is None:
            return
        try:
            with measured.timed("cache"):
                await self._client.set(f"entry:{name}", json.dumps({"stamp": stamp, "value": value}), ex=KEPT_S)
        except LOST as error:
            self._note_lost(error)

    async def forget(self, *names: str) -> None:
        """Make entries invalid after a change. If the cache does not answer, it is done before it is used again."""
        if self._client is None:
            return
        self._owed.update(names)
        if time.monotonic() < self._away_until_s:
            return
        try:
            with measured.timed("cache"):
                await self._pay()
        except LOST as error:
            self._note_lost(error)

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._client.aclose()

    async def _pay(self) -> None:
        assert self._client is not None
        while self._owed:
            name = self._owed.pop()
            try:
                await self._client.set(f"stamp:{name}", secrets.token_hex(8), ex=STAMPS_KEPT_S)
            except BaseException:
                self._owed.add(name)
                raise

    def _note_lost(self, error: BaseException) -> None:
        self._away_until_s = time.monotonic() + AWAY_S
        if not self._lost:
            self._lost = True
            LOG.warning("the cache is lost: %s: %s", type(error).__name__, error)

    def _note_found(self) -> None:
        if self._lost:
            self._lost = False
            LOG.warning("the cache answers again")
