"""Franchise data for a shop's page: cached for an hour in its home region's cache tier, and removed at each change.

A reader that finds no entry reads the primary and stores the result, unless the franchise was changed in between: every change raises the franchise's
generation, which is compared when storing. Without the tier each request reads the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any

import orjson

from closeshave.standin.caches import Tier
from closeshave.standin.errors import DependencyUnavailable, OutcomeUnknown, Refused
from closeshave.standin.shards import Shards
from closeshave.standin.visit import current
from closeshave.topology import Shard

TTL_S = 3600

PAGE = """
SELECT json_build_object(
    'franchise', (SELECT row_to_json(f) FROM franchises f WHERE f.id = $1),
    'hours', (SELECT row_to_json(h) FROM opening_hours h WHERE h.franchise_id = $1),
    'barbers', ARRAY(SELECT row_to_json(b) FROM barbers b WHERE b.franchise_id = $1 AND b.active ORDER BY b.id),
    'services', ARRAY(SELECT row_to_json(s) FROM services s ORDER BY s.id)
)::text AS content
"""

_CHANGE = """
WITH hours AS (UPDATE opening_hours SET opens = coalesce($4, opens), closes = coalesce($5, closes) WHERE franchise_id = $1)
UPDATE franchises SET name = coalesce($2, name), phone = coalesce($3, phone), version = version + 1 WHERE id = $1 RETURNING id
"""

_STORE = "if (redis.call('GET', KEYS[2]) or '') == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 1"


@dataclass(frozen=True, slots=True)
class FranchiseChange:
    """New values of a franchise; ``None`` leaves the old one."""

    name: str | None = None
    phone: str | None = None
    opens: time | None = None
    closes: time | None = None


class Franchises:
    """Reads pages through the cache and keeps the cache up to date."""

    __slots__ = ("_caches", "_shards", "_stale")

    def __init__(self, shards: Shards, caches: dict[str, Tier]) -> None:
        self._shards = shards
        self._caches = caches
        self._stale: dict[int, Shard] = {}

    async def page(self, franchise: int, shard: Shard) -> dict[str, Any]:
        """``franchise``, ``hours``, ``barbers`` and ``services`` as stored. Raises :class:`DependencyUnavailable`."""
        visit = current()
        visit.cache = "miss"
        # Only the home region's own tier may hold the entry (residency); without it there is none to ask.
        tier = self._caches.get(shard.home)
        found = await tier.run(("MGET", entry(franchise), _generation(franchise))) if tier else None
        if found and found[0][0] is not None:
            visit.cache = "hit"
            return _parse(found[0][0])
        try:
            [row] = await self._shards.read_latest(shard, PAGE, franchise)
        except DependencyUnavailable:
            # A replica's answer may be older than the last change: it may be shown, but not cached for an hour.
            [row] = await self._shards.read(shard, PAGE, franchise)
        else:
            if tier and found:
                generation = found[0][1] or b""
                await tier.run(("EVAL", _STORE, 2, entry(franchise), _generation(franchise), generation, row["content"], self._lives_s()))
        return _parse(row["content"])

    def _lives_s(self) -> int:
        """How long an entry that is stored now lives, in seconds."""
        return TTL_S

    async def change(self, franchise: int, shard: Shard, change: FranchiseChange) -> None:
        """Store new values, then delete the cache entries of this franchise and no other. Raises :class:`Refused` (404), and as a write."""
        try:
            changed = await self._shards.write(shard, _CHANGE, franchise, change.name, change.phone, change.opens, change.closes)
        except OutcomeUnknown:
            self._stale[franchise] = shard  # it may have been stored
            raise
        if not changed:
            raise Refused(404, "Location not found")
        self._stale[franchise] = shard
        await self.forget_stale()

    async def forget_stale(self) -> None:
        """Delete the cache entries of changed franchises. If a tier is lost, they are deleted when it is back.

        The new generation keeps current readers from storing data that they read before the change.
        """
        for franchise, shard in list(self._stale.items()):
            tier = self._caches.get(shard.home)
            generation = _generation(franchise)
            forget = (("INCR", generation), ("EXPIRE", generation, 2 * TTL_S), ("DEL", entry(franchise)))
            if tier is None or await tier.run(*forget) is not None:
                self._stale.pop(franchise, None)


def _parse(content: str | bytes) -> dict[str, Any]:
    page: dict[str, Any] = orjson.loads(content)
    return page


def entry(franchise: int) -> str:
    """The key of a franchise's entry."""
    return f"franchise:{franchise}"


def franchise_of(key: str) -> int | None:
    """The franchise of an entry's key; ``None`` for every other key."""
    prefix, _, number = key.partition(":")
    return int(number) if prefix == "franchise" and number.isdecimal() else None


def _generation(franchise: int) -> str:
    # In a cluster both keys are asked for at once, so they must be in one slot: what stands in braces decides which.
    return f"generation:{{{entry(franchise)}}}"
