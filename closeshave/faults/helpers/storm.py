"""A retry storm: reads of shops' pages at a region's edge, each repeated at once, several times, when its answer is late or bad.

``python -m closeshave.faults.helpers.storm ROOT REGION RATE_PER_S RETRIES PATIENCE_S AT_NS LASTS_S``. A retry does not cancel the first request: the
platform serves both. Every request is noted just before it is sent, and its answer is waited for, so that the edge's counter can still be explained.
Rate, retries and duration limit the number of requests.
"""

from __future__ import annotations

import asyncio
import random
import signal
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from closeshave import deployment as deployments
from closeshave.clients import web
from closeshave.clock import now_ns
from closeshave.deployment import OWN_REQUESTS
from closeshave.faults.waiting import SECOND_NS
from closeshave.files import append_line

_REQUEST = "GET /api/v2/locations/ HTTP/1.1\r\nHost: {door}\r\nConnection: close\r\nX-Franchise-Id: {franchise}\r\nX-Forwarded-For: {address}\r\n\r\n"
ANSWER_S = 17.0
"""Longer than any proxy on the way waits for its server: the helper never gives up on a request, so that it is always counted."""


@dataclass(frozen=True, slots=True)
class Storm:
    """Settings of the clients. ``rate_per_s`` is the rate of new reads; each may become ``1 + retries`` requests."""

    root: Path
    region: str
    rate_per_s: float
    retries: int
    patience_s: float
    at_ns: int
    lasts_s: float

    async def run(self, over: asyncio.Event, draw: random.Random) -> None:
        """Start reads at their instants, until the time is over or ``over`` is set; then wait for the requests in flight."""
        deployment = deployments.load(self.root)
        door = urlsplit(deployment.edge(self.region).url)
        tls = web.trusted(deployment.authority) if door.scheme == "https" else None
        shards = [shard for shard in deployment.topology.shards if shard.home == self.region] or list(deployment.topology.shards)
        # If it is late, it does not send the missed requests.
        began_ns = max(self.at_ns, now_ns())
        async with asyncio.TaskGroup() as reads:
            for number in range(round(self.rate_per_s * self.lasts_s)):
                due_ns = began_ns + round(number / self.rate_per_s * SECOND_NS)
                if await _set_within(over, (due_ns - now_ns()) / SECOND_NS):
                    return
                shard = draw.choice(shards)
                request = _REQUEST.format(door=door.netloc, franchise=draw.randint(shard.first, shard.last), address=_address(number))
                reads.create_task(self._read(door, tls, request.encode(), over))

    async def _read(self, door: SplitResult, tls: ssl.SSLContext | None, request: bytes, over: asyncio.Event) -> None:
        """One client's read: repeated until one of its requests is answered well and in time."""
        async with asyncio.TaskGroup() as attempts:
            waiting: set[asyncio.Task[bool]] = set()
            for _ in range(1 + self.retries):
                waiting.add(attempts.create_task(self._send(door, tls, request)))
                answered, waiting = await asyncio.wait(waiting, timeout=self.patience_s, return_when=asyncio.FIRST_COMPLETED)
                if over.is_set() or any(attempt.result() for attempt in answered):
                    return

    async def _send(self, door: SplitResult, tls: ssl.SSLContext | None, request: bytes) -> bool:
        """Whether one request is answered well.

        It uses a plain socket, because hundreds of requests at once would overload a connection pool before the platform.
        """
        try:
            reader, writer = await asyncio.open_connection(door.hostname, door.port, ssl=tls)
        except OSError:
            return False
        try:
            append_line(self.root / OWN_REQUESTS, {"region": self.region})
            writer.write(request)
            answer = await asyncio.wait_for(reader.read(), ANSWER_S)
            return answer.partition(b" ")[2].startswith(b"200 ")
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()


def _address(number: int) -> str:
    """The client address of a read: a client of its own, with its own rate limits."""
    return f"10.254.{number >> 8 & 255}.{number & 255}"


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
    await storm.run(over, random.Random(storm.at_ns))  # noqa: S311 - nothing secret about it


if __name__ == "__main__":
    root, region, rate_per_s, retries, patience_s, at_ns, lasts_s = sys.argv[1:]
    asyncio.run(_main(Storm(Path(root), region, float(rate_per_s), int(retries), float(patience_s), int(at_ns), float(lasts_s))))
