"""A tiny real booking server for tests of the traffic: the routes that journeys use, in memory, one process, with counters of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MINUTES = {"Haircut": 30, "Shave": 20, "Haircut & Shave": 45}
ZONE = "Europe/Dublin"


class TinyPlatform:
    """The server's state, readable by tests while it runs."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.arrived_s: list[float] = []
        """When each request arrived, on the monotonic clock."""
        self.bookings: dict[int, dict[str, Any]] = {}
        self.by_key: dict[str, int] = {}
        self.intents: dict[str, int] = {}
        self.delay_s = 0.0
        """Before each answer."""
        self.broken: Callable[[str], int | None] = lambda path: None
        """Status to answer instead, by path."""
        self._ids = itertools.count(1)
        self.url = ""

    async def answer(self, request: Request) -> Response:
        """Everything passes here, so that everything is counted."""
        self.requests[request.method] += 1
        self.arrived_s.append(time.monotonic())
        if self.delay_s:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(self.delay_s)
        status = self.broken(request.url.path)
        if status is not None:
            return JSONResponse({"error": {"type": "http", "message": "broken"}}, status)
        handler: Callable[[Request], Awaitable[Any]] = getattr(self, "_" + request.scope["endpoint_name"])
        if request.method != "GET" and "auth" not in request.url.path:
            csrf = request.headers.get("X-CSRF-Token")
            if not csrf or request.cookies.get("csrf_token") != csrf:
                return JSONResponse({"error": {"type": "http", "message": "CSRF"}}, 403)
        found = await handler(request)
        if isinstance(found, Response):
            return found
        headers = {"X-Region": "here", "X-Shard": "1", "X-Cache": "hit", "Server-Timing": "db;dur=1.5, cache;dur=0.25"}
        return JSONResponse(found, headers=headers)

    async def _login(self, request: Request) -> Any:
        email = (await request.json())["email"]
        return {"access_token": f"token {email}", "refresh_token": "r", "token_type": "bearer", "csrf_token": "c"}

    async def _register(self, request: Request) -> Any:
        return {"message": "welcome", **await self._login(request)}

    async def _me(self, request: Request) -> Any:
        return {"id": 7, "email": _client(request)}

    async def _listing(self, request: Request) -> Any:
        return [{"id": 1, "name": "Haircut"}]

    async def _locations(self, request: Request) -> Any:
        return {"locations": [], "total": 0, "has_multiple_locations": False, "headquarters": None}

    async def _barbers(self, request: Request) -> Any:
        franchise = int(request.headers["X-Franchise-Id"])
        return [{"id": franchise * 10 + index, "name": f"B{index}"} for index in range(3)]

    async def _slots(self, request: Request) -> Any:
        day, barber = request.query_params["appointment_date"], request.query_params.get("barber_id")
        taken = {b["local"] for b in self.bookings.values() if b["status"] == "scheduled" and str(b["barber_id"]) == barber}
        times = [f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 30)]
        free = [{"time": t, "available": True, "is_next_available": False} for t in times if (day, t) not in taken]
        hours = {"start": "09:00", "end": "17:00"}
        return {"date": day, "slots": free, "business_hours": hours, "slot_duration_minutes": 30, "timezone": ZONE}

    async def _book(self, request: Request) -> Any:
        wanted, key = await request.json(), request.headers["Idempotency-Key"]
        if key in self.by_key:
            return _told(self.bookings[self.by_key[key]])
        start = _utc(wanted)
        end = start + timedelta(minutes=MINUTES[wanted["service"]])
        for other in self.bookings.values():
            if (
                other["barber_id"] == wanted["barber_id"]
                and other["status"] == "scheduled"
                and other["start"] < end
                and start < other["end"]
            ):
                return JSONResponse({"error": {"type": "http", "message": "This time slot is already booked"}}, 409)
        booking = {
            "id": next(self._ids), "barber_id": wanted["barber_id"], "client_id": 7, "start": start, "end": end, "status": "scheduled",
            "local": (wanted["date"], wanted["time"]), "price": 30.0, "notes": wanted["notes"], "version": 1, "email": _client(request),
        }  # fmt: skip
        self.bookings[booking["id"]] = booking
        self.by_key[key] = booking["id"]
        return _told(booking)

    async def _read(self, request: Request) -> Any:
        return _told(self.bookings[request.path_params["id"]])

    async def _reschedule(self, request: Request) -> Any:
        booking, wanted = self.bookings[request.path_params["id"]], await request.json()
        start = _utc(wanted)
        booking |= {"start": start, "end": start + (booking["end"] - booking["start"]), "version": booking["version"] + 1}
        return _told(booking)

    async def _cancel(self, request: Request) -> Any:
        booking = self.bookings[request.path_params["id"]]
        booking |= {"status": "cancelled", "version": booking["version"] + 1}
        return _told(booking)

    async def _intent(self, request: Request) -> Any:
        wanted = await request.json()
        intent = f"pi_{wanted['booking_id']}"
        self.intents[intent] = self.intents.get(intent, 0)
        return {"client_secret": "s", "payment_intent_id": intent, "amount": 30.0, "original_amount": 30.0, "payment_id": 1}

    async def _confirm(self, request: Request) -> Any:
        self.intents[(await request.json())["payment_intent_id"]] += 1
        return {"success": True}

    @contextlib.contextmanager
    def serving(self) -> Iterator[TinyPlatform]:
        """Listen on a free port of loopback until the block ends."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(self._application(), log_level="critical", lifespan="off", timeout_keep_alive=30))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield self
        finally:
            # Some tests leave answers pending on purpose; nobody waits for those.
            server.should_exit = server.force_exit = True
            thread.join()
            listener.close()

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                self._route("/api/v2/auth/login", "login", "POST"),
                self._route("/api/v2/auth/register-client", "register", "POST"),
                self._route("/api/v2/auth/me", "me"),
                self._route("/api/v2/public/services/", "listing"),
                self._route("/api/v2/locations/", "locations"),
                self._route("/api/v2/barbers/", "barbers"),
                self._route("/api/v2/appointments/slots", "slots"),
                self._route("/api/v2/appointments/", "book", "POST"),
                self._route("/api/v2/appointments/{id:int}", "read"),
                self._route("/api/v2/appointments/{id:int}/reschedule", "reschedule", "POST"),
                self._route("/api/v2/appointments/{id:int}/cancel", "cancel", "PUT"),
                self._route("/api/v2/payments/create-intent", "intent", "POST"),
                self._route("/api/v2/payments/confirm", "confirm", "POST"),
            ]
        )

    def _route(self, path: str, name: str, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            request.scope["endpoint_name"] = name
            return await self.answer(request)

        return Route(path, endpoint, methods=[method])


def _client(request: Request) -> str:
    return request.headers["Authorization"].removeprefix("Bearer token ")


def _utc(wanted: dict[str, str]) -> datetime:
    return datetime.fromisoformat(f"{wanted['date']}T{wanted['time']}").replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def _told(booking: dict[str, Any]) -> dict[str, Any]:
    minutes = int((booking["end"] - booking["start"]).total_seconds()) // 60
    told = {name: booking[name] for name in ("id", "barber_id", "client_id", "price", "status", "notes", "version")}
    return {**told, "start_time": booking["start"].replace(tzinfo=None).isoformat(), "duration_minutes": minutes}
