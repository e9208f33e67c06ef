"""Background tasks of a process: probe every dependency, so that a recovery is noticed at once and readiness needs no request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine

from closeshave.standin.database import DatabaseLink
from closeshave.standin.platform import Platform

_LOG = logging.getLogger(__name__)

PROBE_S = 1.0
"""Seconds between probes of a database that answers. What a customer's request proves needs no probe."""
RETRY_S = 0.2
"""Seconds between probes of a lost dependency, and so the longest time until its recovery is noticed."""
FRESH_S = 3.0
"""Seconds for which a shard counts as reachable after its last answer, so that a process with a blocked event loop is not ready."""


class DependencyWatch:
    """Probes databases always, and Valkey tiers while they are lost. Times are ``time.monotonic`` seconds."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._answered: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all probes in the running event loop."""
        for link in self._platform.shards.links:
            self._keep(self._keep_asking(link))
        self._keep(_mend(self._platform))

    def stop(self) -> None:
        """End all probes."""
        for task in self._tasks:
            task.cancel()

    def reachable(self) -> list[str]:
        """The databases that have answered a moment ago."""
        now = time.monotonic()
        return [name for name, at in self._answered.items() if now - at < FRESH_S]

    def cut_off(self) -> bool:
        """Whether every primary that has ever answered is lost: then the reachable replicas are most likely cut off too, and lag behind."""
        known = {link.name for link in self._platform.shards.links if link.primary and link.name in self._answered}
        return bool(known) and known.isdisjoint(self.reachable())

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(_ended)
        self._tasks.append(task)

    async def _keep_asking(self, link: DatabaseLink) -> None:
        while True:
            proven_for_s = link.proven_at + PROBE_S - time.monotonic()
            if proven_for_s > 0 and not link.breaker.open:
                self._answered[link.name] = link.proven_at
                await asyncio.sleep(proven_for_s)
                continue
            alive = await link.probe()
            if alive:
                self._answered[link.name] = time.monotonic()
            await asyncio.sleep(PROBE_S if alive else RETRY_S)


def _ended(task: asyncio.Task[None]) -> None:
    """A probe never ends by itself: if one does, it is a bug, and its database counts as unreachable from then on."""
    if not task.cancelled():
        _LOG.critical("a probe has ended", exc_info=task.exception())


async def _mend(platform: Platform) -> None:
    """Probe lost tiers, and delete entries that could not be deleted while their tier was lost. One task: each would wake the process as often."""
    while True:
        await asyncio.gather(*(tier.probe() for tier in platform.tiers if tier.breaker.open), platform.franchises.forget_stale())
        await asyncio.sleep(RETRY_S)
