"""A server that does what its script says: an outage of known start, length and share, acknowledged bookings that it forgets, and late answers.

Plain asyncio and HTTP/1.1, in a thread of its own. It writes down all that it did by the monotonic clock of the machine, so that what the harness
measures can be held against what was.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from closeshave.clock import now_ns
from closeshave.topology import Shard, Topology
from closeshave.traffic.dialect import MINUTES
from closeshave.traffic.population import reserved

TOPOLOGY = Topology(("here",), (Shard(1, 1, 1000, "here", "here"), Shard(2, 1001, 2000, "here", "here")))
TIMES = [f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 30)]


@dataclass(frozen=True, slots=True)
class Script:
    """What will happen, drawn from a seed. Times in seconds after the load's start."""

    seed: int
    outage_at: float
    outage_s: float
    share: float
    """Of the first shard's requests during the outage that are refused."""
    lost_s: float
    """Bookings of that shard acknowledged so shortly before the outage are forgotten."""
    errors: float
    """Share of customers' requests that fail at any time."""
    slow: float
    """Share of requests that take :attr:`slow_s`."""
    slow_s: float

    @classmethod
    def drawn(cls, seed: int, calm_s: float) -> Script:
        """The script of a seed; the outage begins within two seconds after the calm phase."""
        rng = random.Random(seed)  # noqa: S311 -- not a secret
        return cls(
            seed=seed,
            outage_at=calm_s + rng.uniform(1.0, 2.0),
            outage_s=rng.uniform(0.8, 4.0),
            share=rng.choice((1.0, rng.uniform(0.4, 1.0))),
            lost_s=rng.uniform(0.2, 1.5),
            errors=rng.uniform(0.0, 0.03),
            slow=rng.uniform(0.0, 0.08),
            slow_s=rng.uniform(0.05, 0.2),
        )


@dataclass(slots=True)
class Kept:
    """What really happened. Instants are monotonic nanoseconds."""

    customers: int = 0
    customers_good: int = 0
    refused_ns: list[int] = field(default_factory=list)
    """When canaries were refused."""
    bookings: dict[int, dict[str, Any]] = field(default_factory=dict)
    """As acknowledged, with ``acknowledged_ns``."""


class Scripted:
    """The server."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.kept = Kept()
        self.start_ns: int | None = None
        """The load's start, from which the script counts; before it, all is well."""
        self.url = ""
        self._ids = itertools.count(1)
        self._rng = random.Random(f"server {script.seed}")  # noqa: S311 -- not a secret

    def at_ns(self, seconds: float) -> int:
        """The instant of the script's time."""
        assert self.start_ns is not None
        return self.start_ns + round(seconds * 1e9)

    def lost(self, booking: dict[str, Any]) -> bool:
        """Whether the script forgets this booking."""
        age_ns = self.at_ns(self.script.outage_at) - booking["acknowledged_ns"]
        return booking["franchise"] in TOPOLOGY.shards[0] and 0 < age_ns <= self.script.lost_s * 1e9

    @contextlib.contextmanager
    def serving(self) -> Iterator[Scripted]:
        """Listen on a free port of loopback until the block ends."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        loop = asyncio.new_event_loop()
        done = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.run_until_complete(self._serve(listener, done)))
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(done.set)
            thread.join()
            loop.close()

    async def _serve(self, listener: socket.socket, done: asyncio.Event) -> None:
        server = await asyncio.start_server(self._converse, sock=listener)
        await done.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                request, *lines = head.split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = request.split()
                status, answer = await self._answer(method, target, headers, json.loads(body) if body else {})
                payload = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload
                )
                made = self.kept.bookings.get(answer["id"]) if isinstance(answer, dict) and "duration_minutes" in answer else None
                if made is not None:
                    made.setdefault("acknowledged_ns", now_ns())
        writer.close()

    async def _answer(self, method: str, target: str, headers: dict[str, str], wanted: dict[str, Any]) -> tuple[int, Any]:
        franchise = int(headers.get("x-franchise-id", 0))
        canary = any(franchise in reserved(shard) for shard in TOPOLOGY.shards)
        running = self.start_ns is not None and now_ns() >= self.start_ns
        status = self._status(franchise, canary=canary) if running else 200
        if running and self._rng.random() < self.script.slow:
            await asyncio.sleep(self.script.slow_s)
        if not canary and running:
            self.kept.customers += 1
            self.kept.customers_good += status == 200
        if status != 200:
            return status, {"error": {"type": "database", "message": "scripted"}}
        return 200, self._content(method, urlsplit(target), franchise, wanted)

    def _status(self, franchise: int, *, canary: bool) -> int:
        since_s = (now_ns() - self.at_ns(self.script.outage_at)) / 1e9
        if franchise in TOPOLOGY.shards[0] and 0 <= since_s < self.script.outage_s and self._rng.random() < self.script.share:
            if canary:
                self.kept.refused_ns.append(now_ns())
            return 503
        return 500 if not canary and self._rng.random() < self.script.errors else 200

    def _content(self, method: str, target: Any, franchise: int, wanted: dict[str, Any]) -> Any:
        """A body as the API's, just good enough for the harness's checks."""
        path, last = target.path, target.path.rstrip("/").rsplit("/", 1)[-1]
        if path.endswith("/appointments/slots"):
            slots = [{"time": time, "available": True} for time in TIMES]
            return {"slots": slots, "business_hours": {"start": "09:00", "end": "17:00"}, "slot_duration_minutes": 30, "timezone": "UTC"}
        if path.endswith(("/barbers/", "/services/")):
            return [{"id": franchise * 10 + number, "name": "scripted"} for number in range(1, 4)]
        if path.endswith("/appointments/") and method == "POST":
            return self._book(franchise, wanted)
        if "/appointments/" in path:
            number = next(int(part) for part in path.split("/") if part.isdigit())
            booking = self.kept.bookings[number]
            if last == "cancel":
                booking["status"] = "cancelled"
            if last in {"cancel", "reschedule"}:
                booking["version"] += 1
            return _told(booking)
        if last == "create-intent":
            return {"payment_intent_id": f"pi_{wanted['booking_id']}", "amount": 30.0}
        return {"id": 1, "access_token": "t", "refresh_token": "r", "locations": [{"version": 1}], **parse_qs(target.query)}

    def _book(self, franchise: int, wanted: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        start = datetime.fromisoformat(f"{wanted['date']}T{wanted['time']}").replace(tzinfo=UTC)
        self.kept.bookings[number] = {
            "id": number, "franchise": franchise, "barber": wanted.get("barber_id") or franchise * 10 + 1, "start": start, "status": "scheduled",
            "minutes": MINUTES[wanted["service"]], "version": 1, "made_s": datetime.now(UTC).timestamp(),
        }  # fmt: skip
        return _told(self.kept.bookings[number])


def _told(booking: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": booking["id"],
        "barber_id": booking["barber"],
        "client_id": 7,
        "start_time": booking["start"].replace(tzinfo=None).isoformat(),
        "duration_minutes": booking["minutes"],
        "price": 30.0,
        "status": booking["status"],
        "version": booking["version"],
        "franchise_id": booking["franchise"],
    }
