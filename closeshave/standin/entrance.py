"""The steps of every request before and after its route: franchise, CSRF pair, headers of the answer, errors, metrics.

Plain ASGI in one layer: it runs for every request, and the usual middleware classes cost more than most routes.
"""

from __future__ import annotations

import logging
from time import perf_counter

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from closeshave.standin import keeping
from closeshave.standin.errors import Json, Refused
from closeshave.standin.platform import Platform
from closeshave.standin.serving import ServedRequest
from closeshave.standin.visit import CURRENT

NOT_ANSWERED = 0

SECURITY = (
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-xss-protection", b"0"),
    (b"x-content-type-options", b"nosniff"),
)
"""Headers of every answer of a hardened platform."""
_LOG = logging.getLogger(__name__)
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_NO_PAIR_NEEDED = ("/api/v2/auth/login", "/api/v2/auth/register", "/api/v2/auth/refresh", "/api/v2/webhooks/")


class Entrance:
    """Wraps the application. The platform is in FastAPI's state before the first request."""

    def __init__(self, app: ASGIApp, fastapi: FastAPI) -> None:
        self._app = app
        self._state = fastapi.state

    @property
    def platform(self) -> Platform:
        """The platform that serves."""
        platform: Platform = self._state.platform
        return platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        platform = self.platform
        visit = ServedRequest(platform)
        CURRENT.set(visit)
        started = perf_counter()
        status = NOT_ANSWERED

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _label(message, visit, scope["path"])
            await send(message)

        try:
            refusal = _admit(scope, visit)
            failure = platform.operations.failure(scope["path"])
            await (failure or (refusal.response() if refusal else self._app))(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  # a bug in a route: it is logged, and answered
            _LOG.exception("%s %s", scope["method"], scope["path"])
            if status == NOT_ANSWERED:
                await _unhandled(error)(scope, receive, answer)
        route = scope.get("route")
        platform.metrics.answered(scope["method"], route.path if route else "", status, perf_counter() - started)


def _unhandled(error: Exception) -> Json:
    """The answer after an unexpected exception: 500, without internal details."""
    return Json({"error": "Internal server error", "message": type(error).__name__, "request_id": f"{id(error):x}"}, 500)


def _admit(scope: Scope, visit: ServedRequest) -> Refused | None:
    """Read the headers into the visit; returns a refusal if the request is not valid."""
    cookie = pair = b""
    for name, value in scope["headers"]:
        if name == b"x-franchise-id":
            franchise = int(value) if value.isdigit() and len(value) < 10 else 0
            visit.shard = visit.platform.shards.of_franchise(franchise)
            if visit.shard is None:
                return Refused(404, "Franchise not found")
            visit.franchise = franchise
        elif name == b"authorization":
            visit.authorization = value.decode("latin-1")
        elif name == b"cookie":
            cookie = value
        elif name == b"x-csrf-token":
            pair = value
        elif name == b"x-forwarded-for":
            # The proxy in front adds to the right; the customer is the leftmost.
            visit.address = value.split(b",")[0].strip().decode("latin-1")
    if not visit.address:
        visit.address = scope["client"][0] if scope.get("client") else ""
    if scope["method"] in _SAFE or scope["path"].startswith(_NO_PAIR_NEEDED) or (pair and pair.decode("latin-1") == _csrf_cookie(cookie)):
        return None
    return Refused(403, "CSRF token missing or invalid", {"Connection": "close"})


def _csrf_cookie(header: bytes) -> str | None:
    for cookie in header.split(b";"):
        name, _, value = cookie.strip().partition(b"=")
        if name == b"csrf_token":
            return value.strip(b'"').decode("latin-1")
    return None


def _label(message: Message, visit: ServedRequest, path: str) -> None:
    settings = visit.platform.settings
    timing = f"db;dur={visit.db_ms:.2f}, cache;dur={visit.cache_ms:.2f}"
    headers = message.setdefault("headers", [])
    headers += (
        (b"x-region", settings.region.encode()),
        (b"x-app-version", settings.version.encode()),
        (b"x-cache", visit.cache.encode()),
        (b"server-timing", timing.encode()),
        *keeping.said(path, message["status"]),
    )
    if settings.hardened:
        headers += SECURITY
    if visit.shard:
        headers.append((b"x-shard", str(visit.shard.id).encode()))
