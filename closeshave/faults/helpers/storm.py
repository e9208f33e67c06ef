"""A retry storm: reads of shops' pages at a region's edge, each repeated at once, several times, when its answer is late or bad.

``python -m closeshave.faults.helpers.storm ROOT REGION RATE_PER_S RETRIES PATIENCE_S AT_NS LASTS_S``. A retry does not take the first request
back: that is served too, as platforms know it. Every request is noted before it is sent, so that the edge's counter can still be explained;
rate, retries and duration bound how many there can ever be.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from closeshave import deployment as deployments
from closeshave.clock import now_ns
from closeshave.deployment import OWN_REQUESTS
from closeshave.faults.waiting import SECOND_NS
from closeshave.files import append_line

ANSWER_S = 20.0
"""Longer than any proxy on the way waits: what was sent is never given up on, so it is always counted."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What the clients do. ``rate_per_s`` is that of new reads; each may become ``1 + retries`` requests."""

    root: Path
    region: str
    rate_per_s: float
    retries: int
    patience_s: float
    at_ns: int
    lasts_s: float

    async def rage(self, over: asyncio.Event, draw: random.Random) -> None:
        """Begin a read at each of its instants, until the time or the storm is over; then wait for what is under way."""
        deployment = deployments.load(self.root)
        url = f"{deployment.edge(self.region).url}/api/v2/locations/"
        shards = [shard for shard in deployment.topology.shards if shard.home == self.region] or list(deployment.topology.shards)
        async with _client() as client, asyncio.TaskGroup() as reads:
            for number in range(round(self.rate_per_s * self.lasts_s)):
                due_ns = self.at_ns + round(number / self.rate_per_s * SECOND_NS)
                if await _set_within(over, (due_ns - now_ns()) / SECOND_NS):
                    return
                shard = draw.choice(shards)
                headers = {
                    "X-Franchise-Id": str(draw.randint(shard.first, shard.last)),
                    "X-Forwarded-For": f"10.254.{number >> 8 & 255}.{number & 255}",
                }
                reads.create_task(self._read(client, url, headers, over))

    async def _read(self, client: httpx.AsyncClient, url: str, headers: dict[str, str], over: asyncio.Event) -> None:
        """One client's read: sent again as long as none of its requests was answered well in time."""
        async with asyncio.TaskGroup() as attempts:
            waiting: set[asyncio.Task[bool]] = set()
            for _ in range(1 + self.retries):
                waiting.add(attempts.create_task(self._send(client, url, headers)))
                answered, waiting = await asyncio.wait(waiting, timeout=self.patience_s, return_when=asyncio.FIRST_COMPLETED)
                if over.is_set() or any(attempt.result() for attempt in answered):
                    return

    async def _send(self, client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bool:
        append_line(self.root / OWN_REQUESTS, {"region": self.region})
        try:
            return (await client.get(url, headers=headers)).status_code == 200
        except httpx.HTTPError:
            return False


def _client() -> httpx.AsyncClient:
    """Any number of connections; no proxies and no certificates, because everything is loopback."""
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(trust_env=False, verify=False, timeout=ANSWER_S, limits=limits)  # noqa: S501 - plain HTTP


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait so long for an event; says whether it came."""
    try:
        await asyncio.wait_for(event.wait(), max(0.0, seconds))
    except TimeoutError:
        return False
    return True


async def _main(storm: Storm) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await storm.rage(over, random.Random(storm.at_ns))  # noqa: S311 - nothing secret about it


if __name__ == "__main__":
    root, region, rate_per_s, retries, patience_s, at_ns, lasts_s = sys.argv[1:]
    asyncio.run(_main(Storm(Path(root), region, float(rate_per_s), int(retries), float(patience_s), int(at_ns), float(lasts_s))))
