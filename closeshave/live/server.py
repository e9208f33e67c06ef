"""The HTTP server: one page, one JSON document for it, nothing else. No file of the run is served, so no path leads to one.

Everything runs in one thread: a look at the run takes milliseconds, and whoever waits for the next picture costs nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from closeshave.clock import now_ns
from closeshave.files import foreign
from closeshave.gameday import presses
from closeshave.gameday.presses import WrongPress
from closeshave.gameday.roles import PressAction
from closeshave.live import exercise, guard, page, pulse, telling
from closeshave.live.access import Access
from closeshave.live.exercise import NotAllowed
from closeshave.live.picture import Picture, Stage
from closeshave.live.pulse import Pulse
from closeshave.live.telling import EVERYTHING
from closeshave.live.watcher import Watcher

LOOK_EVERY_S, IDLE_EVERY_S, CATCH_UP_EVERY_S = 0.5, 2.0, 0.02
"""Between two looks: while somebody watches, while nobody does, and while there is more to be read at once."""
STALE_S = 2 * LOOK_EVERY_S
"""An older picture is not shown: a page is a second late at most."""
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
NO_ROLE = "this link is of another run, or is no longer valid"
_STATUS: Mapping[type[Exception], int] = {NotAllowed: 403, WrongPress: 400}


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
        before_s, self.asked_s = self.asked_s, time.monotonic()
        if self.asked_s - before_s > WATCHED_S:
            # Nobody has watched until now: the next look is not due for long.
            self.hurry()
        if self.picture is not None and _stale(self.picture):
            version = max(version, self.picture.version)
            self.hurry()
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


def _stale(picture: Picture) -> bool:
    """Whether a page must not begin with it."""
    return picture.stage is not Stage.OVER and now_ns() - picture.at_ns > STALE_S * 1e9


class PageAnswers:
    """The JSON documents of one picture: each is made once, however many pages ask for it."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.pressed: dict[str, str] = {}
        """Which role pressed what by a page of this server, by the ID of the press."""
        self._version = 0
        self._made: dict[object, bytes] = {}

    def of(self, picture: Picture, role: str, wanted: WantedIntervals) -> bytes:
        """Everything that a page asks for, with what its role may see."""
        if picture.version != self._version:
            self._version = picture.version
            self._made.clear()
        told = self._once(("picture", role), lambda: telling.encoded(self._told(picture, role)))
        series = self._once(("series", wanted.whole, wanted.width_s, wanted.begins), lambda: self._series(picture, wanted))
        return b'{"picture":%b,"series":%b}' % (told, series)

    def _told(self, picture: Picture, role: str) -> dict[str, Any]:
        if not picture.held:
            return {"role": role, **telling.picture(picture, EVERYTHING)}
        # Left out before anything is made of it: what is hidden must be in no answer.
        told = telling.picture(replace(picture, gameday=None), exercise.sight(picture.gameday, role))
        if picture.gameday is not None:
            told["gameday"] = exercise.shown(picture.gameday, role, picture.at_ns - round(picture.now_s * 1e9), self.pressed)
        return {"role": role, **told}

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


class PageServer:
    """The page of one run: what each of its addresses answers. Nothing here waits for the run but :meth:`live`."""

    def __init__(self, run: Path, watcher: Watcher, access: Access, over: Callable[[], None]) -> None:
        """``over`` is called when the trial has ended and everybody has had time to see that."""
        self._run, self._watcher, self._access, self._over = run, watcher, access, over
        self._screen, self._answers = Screen(), PageAnswers(watcher)
        self._pulse = Pulse(time.monotonic())

    async def page(self) -> Response:
        """The page itself: it holds no data, so nobody is asked who they are."""
        nonce = secrets.token_urlsafe(18)
        return Response(page.render(nonce), media_type="text/html", headers={"content-security-policy": page.policy(nonce)})

    async def live(self, request: Request) -> Response:
        """The next picture, for one role."""
        role = self._access.role_of(guard.token(request.scope["headers"]))
        if role is None:
            return _refused(401, NO_ROLE)
        try:
            asked = wanted(dict(request.query_params))
            picture = await self._screen.after(asked.after)
        except TimeoutError:
            return _refused(503, "nothing has been read yet")
        except ValueError as error:
            return _refused(400, str(error))
        return Response(self._answers.of(picture, role, asked), media_type="application/json")

    async def press(self, request: Request) -> Response:
        """What a person pressed in a game day: written for the trial, which decides."""
        role = self._access.role_of(guard.token(request.scope["headers"]))
        if role is None:
            return _refused(401, NO_ROLE)
        picture = self._screen.picture
        if picture is None or not picture.held:
            return _refused(404, "this run is no game day")
        try:
            pressed = exercise.press(now_ns(), role, _json(await request.body()), picture.gameday)
            stood_s = self._pulse.stood_still_s(time.monotonic())
            if stood_s is not None and pressed.action is not PressAction.STOP_AND_HEAL:
                return _refused(
                    503, f"the server of this page stood still for {stood_s:.0f} s, so this may have been pressed long ago: press again"
                )
            presses.write(self._run, pressed)
        except (NotAllowed, WrongPress, OSError) as error:
            return _refused(_STATUS.get(type(error), 503), str(error))
        self._answers.pressed[pressed.id] = role
        # What becomes of it is to be seen soon.
        self._screen.hurry()
        return Response(telling.encoded({"id": pressed.id}), 202, media_type="application/json")

    async def beat(self) -> None:
        """Show again and again that this server goes on."""
        while True:
            self._pulse.beat(time.monotonic())
            await asyncio.sleep(pulse.BEAT_S)

    async def look(self) -> None:
        """Look at the run again and again, until its trial has ended."""
        while True:
            picture = self._watcher.look()
            self._screen.show(picture)
            if picture.stage is Stage.OVER and not self._watcher.catching_up:
                await asyncio.sleep(LINGER_S)
                self._over()
                return
            watched = time.monotonic() - self._screen.asked_s < WATCHED_S
            await self._screen.pause(CATCH_UP_EVERY_S if self._watcher.catching_up else LOOK_EVERY_S if watched else IDLE_EVERY_S)


def application(run: Path, watcher: Watcher, access: Access, over: Callable[[], None]) -> FastAPI:
    """The page of one run; ``over`` is called when its trial has ended and everybody has had time to see that."""
    served = PageServer(run, watcher, access, over)

    @asynccontextmanager
    async def looking(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each) for each in (served.look(), served.beat())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=looking)
    app.add_api_route("/", served.page, methods=["GET"], response_model=None)
    app.add_api_route("/live", served.live, methods=["GET"], response_model=None)
    app.add_api_route("/press", served.press, methods=["POST"], response_model=None)
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


def server(app: Any, certificate: str | None = None, key: str | None = None) -> uvicorn.Server:
    """A server that logs nothing of a request: neither its path nor its headers."""
    return uvicorn.Server(
        uvicorn.Config(
            app, access_log=False, log_level="warning", server_header=False, date_header=False, proxy_headers=False, ws="none", lifespan="on",
            ssl_certfile=certificate, ssl_keyfile=key, limit_concurrency=256, timeout_keep_alive=30, timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=16_384,
        )
    )  # fmt: skip


def _json(body: bytes) -> Any:
    """Raises :class:`closeshave.gameday.presses.WrongPress` for what is none."""
    try:
        return foreign.loads(body)
    except ValueError:
        raise WrongPress("not JSON") from None


def _refused(status: int, why: str) -> Response:
    return Response(telling.encoded({"error": why}), status, media_type="application/json")
