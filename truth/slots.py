"""A server with k slots and one queue in order of arrival, whose saturation is known by construction: ``python -m truth.slots JSON``.

Plain asyncio and HTTP/1.1, in a process of its own. A request takes the slot that is free first, for its service time, and is answered when that is
over; the server computes nothing meanwhile, so its slots are the only limit. It says its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import random
import sys
import time
from dataclasses import asdict, dataclass

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True, slots=True)
class SlotServer:
    """What the server does."""

    slots: int
    service_s: float
    """Of one request; its mean where it is exponential."""
    exponential: bool = False
    seed: int = 1
    leaks_per_min: float = 0.0
    """Each minute the service time grows by this share of the first one."""
    cold: float = 0.0
    """At the start the service time is longer by this share, which decays within ``warms_s``."""
    warms_s: float = 10.0
    sheds_above: int = 0
    """So many in the system, and further requests are refused at once with 503; 0 for never."""
    collapses: float = 0.0
    """Each waiting request makes the service longer by this share."""

    def told(self) -> str:
        """The argument of the process."""
        return json.dumps(asdict(self))

    def factor(self, age_s: float, waiting: int) -> float:
        """On the service time."""
        return (1 + self.leaks_per_min * age_s / 60) * (1 + self.cold * math.exp(-age_s / self.warms_s)) * (1 + self.collapses * waiting)


class Slots:
    """The queue. Instants are those of the event loop's clock, in seconds."""

    def __init__(self, server: SlotServer) -> None:
        self.server = server
        self.began_s = time.monotonic()
        self.inside = 0
        self._free = [0.0] * server.slots
        self._rng = random.Random(server.seed)  # noqa: S311 -- not a secret

    def take(self, now_s: float) -> float | None:
        """When a request that comes now is answered; ``None`` if it is refused."""
        server = self.server
        if server.sheds_above and self.inside >= server.sheds_above:
            return None
        need_s = server.service_s * (self._rng.expovariate(1.0) if server.exponential else 1.0)
        need_s *= server.factor(now_s - self.began_s, max(0, self.inside - server.slots))
        done_s = max(now_s, heapq.heappop(self._free)) + need_s
        heapq.heappush(self._free, done_s)
        self.inside += 1
        return done_s


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            _, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            loop = asyncio.get_running_loop()
            done_s = self._slots.take(loop.time())
            if done_s is None:
                self._write(REFUSAL)
            else:
                loop.call_at(done_s, self._answer)

    def _answer(self) -> None:
        self._slots.inside -= 1
        self._write(ANSWER)

    def _write(self, content: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(content)


async def serve(server: SlotServer) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    slots = Slots(server)
    listening = await loop.create_server(lambda: _Connection(slots), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    listening.close()


if __name__ == "__main__":
    asyncio.run(serve(SlotServer(**json.loads(sys.argv[1]))))
