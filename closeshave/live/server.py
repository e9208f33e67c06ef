"""The HTTP server: one page, one JSON document for it, nothing else. No file of the run is served, so no path leads to one.

Everything runs in one thread: a look at the run takes milliseconds, and whoever waits for the next picture costs nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from closeshave.live import guard, page, telling
from closeshave.live.access import Access
from closeshave.live.picture import Picture, Stage
from closeshave.live.telling import RoleSight
from closeshave.live.watcher import Watcher

LOOK_EVERY_S, IDLE_EVERY_S, CATCH_UP_EVERY_S = 0.5, 2.0, 0.02
"""Between two looks: while somebody watches, while nobody does, and while there is more to be read at once."""
WATCHED_S = 10.0
"""For how long after a request somebody counts as watching."""
HELD_S = 15.0
"""How long a request for the next picture waits for it."""
LINGER_S = 5.0
"""How long the last picture is served."""
HEADERS = (
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
_NUMBER_MAX = 1 << 53
SightOf = Callable[[str], RoleSight]
"""What a role may see now."""


@dataclass(slots=True)
class Screen:
    """The newest picture, and everybody who waits for the next one."""

    picture: Picture | None = None
    asked_s: float = 0.0
    """When somebody asked last (``time.monotonic``)."""
    _next: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, picture: Picture) -> None:
        """Hand it to everybody who waits."""
        self.picture = picture
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, version: int) -> Picture:
        """A newer picture than this one, or after :data:`HELD_S` seconds the newest that there is."""
        self.asked_s = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_S):
                while self.picture is None or self.picture.version <= version:
                    await self._next.wait()
        if self.picture is None:
            raise TimeoutError
        return self.picture

    def hurry(self) -> None:
        """Look at once."""
        self._hurry.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until somebody is in a hurry."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)
        self._hurry.clear()


class PageAnswers:
    """The JSON documents of one picture: each is made once, however many pages ask for it."""

    def __init__(self, watcher: Watcher, sight_of: SightOf) -> None:
        self._watcher, self._sight_of = watcher, sight_of
        self._version = 0
        self._made: dict[object, bytes] = {}

    def of(self, picture: Picture, role: str, wanted: WantedIntervals) -> bytes:
        """Everything that a page asks for, with what its role may see."""
        if picture.version != self._version:
            self._version = picture.version
            self._made.clear()
        told = self._once(("picture", role), lambda: telling.encoded({"role": role, **telling.picture(picture, self._sight_of(role))}))
        series = self._once(("series", wanted.whole, wanted.width_s, wanted.begins), lambda: self._series(picture, wanted))
        return b'{"picture":%b,"series":%b}' % (told, series)

    def _once(self, what: object, make: Callable[[], bytes]) -> bytes:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]

    def _series(self, picture: Picture, wanted: WantedIntervals) -> bytes:
        series = self._watcher.series
        if series is None:
            return b"null"
        width_s = series.width_s(whole=wanted.whole)
        begins = wanted.begins if wanted.width_s == width_s else 0
        return telling.encoded(telling.stretch(series.stretch(width_s, begins, picture.now_s), series))


@dataclass(frozen=True, slots=True)
class WantedIntervals:
    """Which intervals a page asks for: those that it has are not sent again."""

    after: int
    """The version of the picture that it has."""
    whole: bool
    """The whole run, rather than its newest part in detail."""
    width_s: int
    """Of the intervals that it has."""
    begins: int
    """The first of them that may have changed."""


def wanted(query: dict[str, str]) -> WantedIntervals:
    """What a query asks for. Raises :class:`ValueError` for anything else."""
    if not set(query) <= {"after", "span", "width", "from"} or query.get("span", "whole") not in {"whole", "recent"}:
        raise ValueError("after, span (whole or recent), width and from")
    numbers = [query.get(name, "0") for name in ("after", "width", "from")]
    if not all(one.isascii() and one.isdecimal() and len(one) <= 16 and int(one) < _NUMBER_MAX for one in numbers):
        raise ValueError("after, width and from are whole numbers")
    after, width_s, begins = map(int, numbers)
    return WantedIntervals(after, query.get("span", "whole") == "whole", width_s, begins)


def application(watcher: Watcher, access: Access, sight_of: SightOf, over: Callable[[], None]) -> FastAPI:
    """The page of one run; ``over`` is called when its trial has ended and everybody has had time to see that."""
    screen, answers = Screen(), PageAnswers(watcher, sight_of)

    @asynccontextmanager
    async def looking(_app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_look(watcher, screen, over))
        try:
            yield
        finally:
            task.cancel()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=looking)

    @app.get("/")
    async def _page() -> Response:
        nonce = secrets.token_urlsafe(18)
        return Response(page.render(nonce), media_type="text/html", headers={"content-security-policy": page.policy(nonce)})

    @app.get("/live")
    async def _live(request: Request) -> Response:
        role = access.role_of(guard.token(request.scope["headers"]))
        if role is None:
            return _refused(401, "this link is of another run, or is no longer valid")
        try:
            asked = wanted(dict(request.query_params))
        except ValueError as error:
            return _refused(400, str(error))
        try:
            picture = await screen.after(asked.after)
        except TimeoutError:
            return _refused(503, "nothing has been read yet")
        return Response(answers.of(picture, role, asked), media_type="application/json")

    return app


class Guarded:
    """An application that is asked only what :mod:`.guard` lets through, and whose every answer has :data:`HEADERS`."""

    def __init__(self, app: Any, hosts: frozenset[str], scheme: str) -> None:
        self._app, self._hosts, self._scheme = app, hosts, scheme

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as ASGI says."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There is no WebSocket here.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *((name.encode(), value.encode()) for name, value in HEADERS)]
            await send(message)

        refusal = guard.refusal(scope["method"], scope["path"], scope["headers"], self._hosts, self._scheme)
        answer = self._app if refusal is None else _refused(refusal.status, refusal.why)
        await answer(scope, receive, sent)


def serve(server: uvicorn.Server, sockets: Any) -> None:
    """Serve until the server is told to exit."""
    server.run(sockets=sockets)


def server(app: Any, certificate: str | None = None, key: str | None = None) -> uvicorn.Server:
    """A server that logs nothing of a request: neither its path nor its headers."""
    return uvicorn.Server(
        uvicorn.Config(
            app, access_log=False, log_level="warning", server_header=False, date_header=False, proxy_headers=False, ws="none", lifespan="on",
            ssl_certfile=certificate, ssl_keyfile=key, limit_concurrency=256, timeout_keep_alive=30, timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=16_384,
        )
    )  # fmt: skip


async def _look(watcher: Watcher, screen: Screen, over: Callable[[], None]) -> None:
    while True:
        picture = watcher.look()
        screen.show(picture)
        if picture.stage is Stage.OVER and not watcher.catching_up:
            await asyncio.sleep(LINGER_S)
            over()
            return
        watched = time.monotonic() - screen.asked_s < WATCHED_S
        await screen.pause(CATCH_UP_EVERY_S if watcher.catching_up else LOOK_EVERY_S if watched else IDLE_EVERY_S)


def _refused(status: int, why: str) -> Response:
    return Response(telling.encoded({"error": why}), status, media_type="application/json")
