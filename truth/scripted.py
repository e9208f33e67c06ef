"""A server that follows a script: an outage of known kind, length and share, acknowledged bookings that it loses, and late answers.

Plain asyncio and HTTP/1.1, in a separate thread. The outage begins with a hook's call, or some time after it; the call returns at once or at the end.
The server records everything by the machine's monotonic clock, so that the harness's figures can be compared with it.
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
from closeshave.traffic.population import reserved
from truth import lists

REGIONS = ("here", "there")
TOPOLOGY = Topology(REGIONS, (Shard(1, 1, 1000, "here", "there"), Shard(2, 1001, 2000, "there", "here")))
MODES = ("503", "hang", "reset", "slow")
FOREVER_S = 1e6
TAKEN = 409
CUT_OFF = 0
"""Instead of a status: the connection is reset."""
TIMES = [f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 30)]
MINUTES = 30
"""The length of every booking, so that an offered time is available."""
CUSTOMERS = tuple((1001 + number, REGIONS[number % len(REGIONS)]) for number in range(4))
"""Clients and their regions. Few, so that each has many bookings."""
EARLIER = 130
"""The number of older bookings of each customer at each shard, so that the run's own bookings begin on a later page of the list."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script, drawn from a seed. Times in seconds; those of the outage count from the arrival of the call that begins it."""

    seed: int
    mode: str
    """What happens to a request during the outage: refused, held until its end, connection reset, or answered late."""
    bites_s: float
    """The outage begins so long after the call."""
    outage_s: float
    """Its length; :data:`FOREVER_S` lasts until it is undone."""
    share: float
    """Share of the first shard's requests that the outage affects."""
    late_s: float
    """The delay of answers in the mode *slow*: more than the canaries' latency bound."""
    returns_s: float
    """The call returns so long after its arrival."""
    lost_s: float
    """Bookings of that shard that were acknowledged at most so long before the outage are lost."""
    errors: float
    """Share of customers' requests that fail at any time."""
    slow: float
    """Share of requests that take :attr:`slow_s`."""
    slow_s: float
    allowed: float
    """The objective's bound, as a multiple of the true recovery."""
    lists: str
    """One of :data:`truth.lists.SHAPES`."""
    page_rows: int
    """The page size of lists."""

    @classmethod
    def drawn(cls, seed: int) -> Script:
        """The script of a seed: the modes in turn; every second outage is partial, every third begins late, every fifth has a blocking call."""
        rng = random.Random(seed)  # noqa: S311 -- not a secret
        outage_s = FOREVER_S if seed % 10 == 0 else rng.uniform(1.5, 4.5)
        bites_s = rng.uniform(0.3, 2.0) if seed % 3 == 0 else 0.0
        return cls(
            seed=seed,
            mode=MODES[seed % len(MODES)],
            bites_s=bites_s,
            outage_s=outage_s,
            share=rng.uniform(0.2, 1.0) if seed // len(MODES) % 2 else 1.0,
            late_s=rng.uniform(1.2, 1.7),
            returns_s=bites_s + min(outage_s, 4.0) + 1.0 if seed % 5 == 1 else 0.0,
            lost_s=rng.uniform(0.2, 1.5),
            errors=rng.uniform(0.0, 0.03),
            slow=rng.uniform(0.0, 0.08),
            slow_s=rng.uniform(0.05, 0.2),
            allowed=rng.choice((0.6, 0.85, 0.93, 0.98, 1.02, 1.07, 1.15, 1.4)),
            lists=(shape := rng.choice(lists.SHAPES)),
            page_rows=100 if shape in {"skip", "everywhere"} else rng.choice((20, 25, 50, 100)),
        )


@dataclass(slots=True)
class Kept:
    """The server's record. Instants are monotonic nanoseconds."""

    customers: int = 0
    customers_good: int = 0
    called_ns: int | None = None
    """When the call that begins the outage arrived."""
    began_ns: int | None = None
    ended_ns: int | None = None
    """From when on no request is affected any more."""
    bookings: dict[int, dict[str, Any]] = field(default_factory=dict)
    """The acknowledged bookings, with ``acknowledged_ns``."""


class Scripted:
    """The server."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.kept = Kept()
        self.start_ns: int | None = None
        """The load's start, from which the script counts; before it there are no errors."""
        self.over = False
        """Whether the load is over: from then on all requests are answered well."""
        self.url = ""
        self._ids = itertools.count(1)
        self._slot: dict[tuple[int, datetime], list[int]] = {}
        """Franchise and start → bookings."""
        self._rng = random.Random(f"server {script.seed}")  # noqa: S311 -- not a secret
        self._course: asyncio.Task[None] | None = None
        self._earlier = {
            (client, shard.id): [self._from_before(client, shard) for _ in range(EARLIER)]
            for client, _ in CUSTOMERS
            for shard in TOPOLOGY.shards
        }

    def at_ns(self, seconds: float) -> int:
        """The monotonic instant so many seconds after the load's start."""
        assert self.start_ns is not None
        return self.start_ns + round(seconds * 1e9)

    def lost(self, booking: dict[str, Any]) -> bool:
        """Whether the script loses this booking."""
        if self.kept.began_ns is None or booking["franchise"] not in TOPOLOGY.shards[0]:
            return False
        age_ns: int = self.kept.began_ns - booking.get("acknowledged_ns", self.kept.began_ns)
        return 0 < age_ns <= self.script.lost_s * 1e9

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
        self._up, self._undone = asyncio.Event(), asyncio.Event()
        self._up.set()
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
                if status == CUT_OFF:
                    writer.transport.abort()
                    return
                payload = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload
                )
                made = self.kept.bookings.get(answer["id"]) if isinstance(answer, dict) and "duration_minutes" in answer else None
                if made is not None:
                    made.setdefault("acknowledged_ns", now_ns())
        writer.close()

    async def _answer(self, method: str, target: str, headers: dict[str, str], wanted: dict[str, Any]) -> tuple[int, Any]:
        if target.startswith("/control/"):
            return await self._control(target.removeprefix("/control/"))
        franchise = int(headers.get("x-franchise-id", 0))
        canary = any(franchise in reserved(shard) for shard in TOPOLOGY.shards)
        running = self.start_ns is not None and now_ns() >= self.start_ns and not self.over
        status = await self._status(franchise, canary=canary) if running else 200
        if running and self._rng.random() < self.script.slow:
            await asyncio.sleep(self.script.slow_s)
        if status == 200:
            status, body = self._content(method, urlsplit(target), franchise, _client(headers), wanted)
        else:
            body = {"error": {"type": "database", "message": "scripted"}}
        if not canary and running:
            self.kept.customers += 1
            # That a slot is taken is a good answer.
            self.kept.customers_good += status in {200, TAKEN}
        return status, body

    async def _control(self, what: str) -> tuple[int, Any]:
        """What an operator's hook calls: ``inject``, ``observe``, ``undo`` and ``check``."""
        down = not self._up.is_set()
        if what == "inject":
            self.kept.called_ns = now_ns()
            self._course = asyncio.get_running_loop().create_task(self._suffer())
            await asyncio.sleep(self.script.returns_s)
        elif what == "undo":
            self._undone.set()
        elif what == "observe":
            return (200 if down else 409), {}
        return 200, {"status": "not_ready" if down else "ready", "cache": {"status": "ready"}}

    async def _suffer(self) -> None:
        await asyncio.sleep(self.script.bites_s)
        self._up.clear()
        self.kept.began_ns = now_ns()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._undone.wait(), self.script.outage_s)
        self.kept.ended_ns = now_ns()
        self._up.set()

    async def _status(self, franchise: int, *, canary: bool) -> int:
        down = not self._up.is_set() and franchise in TOPOLOGY.shards[0]
        if down and self._rng.random() < self.script.share:
            match self.script.mode:
                case "503":
                    return 503
                case "reset":
                    return CUT_OFF
                case "hang":
                    await self._up.wait()
                case _:
                    await asyncio.sleep(self.script.late_s)
        return 500 if not canary and self._rng.random() < self.script.errors else 200

    def _content(self, method: str, target: Any, franchise: int, client: int, wanted: dict[str, Any]) -> tuple[int, Any]:
        """Status and body in the form of the API, sufficient for the harness's checks."""
        path, last = target.path, target.path.rstrip("/").rsplit("/", 1)[-1]
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if path.endswith("/appointments/slots"):
            return 200, self._slots(franchise, query)
        if path.endswith(("/barbers/", "/services/")):
            return 200, [{"id": barber, "name": "scripted"} for barber in _barbers(franchise)]
        if path.endswith("/appointments/"):
            return self._book(franchise, client, wanted) if method == "POST" else (200, self._list(franchise, client, query, path))
        if "/appointments/" in path:
            number = next(int(part) for part in path.split("/") if part.isdigit())
            booking = self.kept.bookings[number]
            if last == "cancel":
                booking["status"] = "cancelled"
            if last in {"cancel", "reschedule"}:
                booking["version"] += 1
            return 200, _told(booking)
        return 200, _other(last, client, wanted, query)

    def _slots(self, franchise: int, query: dict[str, str]) -> dict[str, Any]:
        """Times at which the requested barber, or any barber, is free."""
        asked = [int(query["barber_id"])] if "barber_id" in query else _barbers(franchise)
        slots = [{"time": time, "available": bool(self._free(franchise, asked, query["appointment_date"], time))} for time in TIMES]
        return {"slots": slots, "business_hours": {"start": "09:00", "end": "17:00"}, "slot_duration_minutes": MINUTES, "timezone": "UTC"}

    def _free(self, franchise: int, barbers: list[int], day: str, time: str) -> list[int]:
        """Those of these barbers who are free then."""
        held = (self.kept.bookings[number] for number in self._slot.get((franchise, _start(day, time)), ()))
        taken = {each["barber"] for each in held if each["status"] != "cancelled" and not self.lost(each)}
        return [barber for barber in barbers if barber not in taken]

    def _book(self, franchise: int, client: int, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked = [wanted["barber_id"]] if wanted.get("barber_id") else _barbers(franchise)
        free = self._free(franchise, asked, wanted["date"], wanted["time"])
        if not free:
            return TAKEN, {"error": {"type": "conflict", "message": "already booked"}}
        start = _start(wanted["date"], wanted["time"])
        booking = self._made(franchise, free[0], client, start, str(wanted.get("notes", "")))
        self.kept.bookings[booking["id"]] = booking
        self._slot.setdefault((franchise, start), []).append(booking["id"])
        return 200, _told(booking)

    def _made(self, franchise: int, barber: int, client: int, start: datetime, notes: str) -> dict[str, Any]:
        return {
            "id": next(self._ids), "franchise": franchise, "barber": barber, "client": client, "start": start, "status": "scheduled",
            "minutes": MINUTES, "version": 1, "made_s": datetime.now(UTC).timestamp(), "notes": notes,
        }  # fmt: skip

    def _from_before(self, client: int, shard: Shard) -> dict[str, Any]:
        franchise = self._rng.randint(shard.first, shard.last)
        return self._made(franchise, _barbers(franchise)[0], client, datetime(2020, 1, 1, tzinfo=UTC), "somebody's own")

    def _list(self, franchise: int, client: int, query: dict[str, str], path: str) -> Any:
        """A customer's bookings: at the requested shard, or at all."""
        asked = [shard for shard in TOPOLOGY.shards if self.script.lists == "everywhere" or franchise in shard]
        rows = [each for shard in asked for each in self._earlier.get((client, shard.id), ())]
        rows += [each for each in self.kept.bookings.values()
                 if each["client"] == client and any(each["franchise"] in shard for shard in asked) and not self.lost(each)]  # fmt: skip
        return lists.answer(self.script.lists, self.script.page_rows, [_told(each) for each in rows], query, path)


def _other(last: str, client: int, wanted: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    """Answers to all other requests."""
    if last == "login":
        known = int(wanted["email"].partition("@")[0])
        return {"access_token": token(known), "refresh_token": "r", "user": {"id": known}}
    if last == "create-intent":
        return {"payment_intent_id": f"pi_{wanted['booking_id']}", "amount": 30.0}
    return {"id": client, "access_token": token(client), "refresh_token": "r", "locations": [{"version": 1}], **query}


def token(client: int) -> str:
    """The token of a customer."""
    return f"token-{client}"


def _client(headers: dict[str, str]) -> int:
    """The customer of a request's token; 0 without a token."""
    told = headers.get("authorization", "").rpartition("-")[2]
    return int(told) if told.isdecimal() else 0


def _barbers(franchise: int) -> list[int]:
    return [franchise * 10 + number for number in range(1, 4)]


def _start(day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)


def _told(booking: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": booking["id"],
        "barber_id": booking["barber"],
        "client_id": booking["client"],
        "start_time": booking["start"].replace(tzinfo=None).isoformat(),
        "duration_minutes": booking["minutes"],
        "price": 30.0,
        "status": booking["status"],
        "version": booking["version"],
        "franchise_id": booking["franchise"],
        "notes": booking["notes"],
        "created_at": datetime.fromtimestamp(booking["made_s"], UTC).isoformat(),
    }
