"""The server: routes, the headers of every answer, and what becomes of errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import routes
from .database import Failed, Unavailable
from .measured import HERE, Cost
from .payments import ProviderUnavailable
from .refusal import Refusal
from .settings import Settings
from .shop import Shop

LOG = logging.getLogger(__name__)


class Headers:
    """Adds the release and what the request cost to every answer."""

    def __init__(self, inner: ASGIApp, settings: Settings) -> None:
        self._inner, self._settings = inner, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        cost = Cost()
        HERE.set(cost)
        if self._settings.delay_s and scope["path"].startswith("/api/"):
            await asyncio.sleep(self._settings.delay_s)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-App-Version"] = self._settings.version
                headers["X-Cache"] = cost.cache
                if cost.ms:
                    headers["Server-Timing"] = cost.server_timing
            await send(message)

        await self._inner(scope, receive, sending)


def refused(_request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that cannot be done."""
    match error:
        case Refusal():
            status, kind, message = error.status, "http", error.message
        case Unavailable():
            status, kind, message = 503, "database", "The database cannot be reached"
        case ProviderUnavailable():
            status, kind, message = 503, "payments", "The payment provider cannot be reached"
        case _:
            status, kind, message = 500, "database", "The database refused a statement"
            LOG.error("%s: %s", type(error).__name__, error)
    return JSONResponse({"error": {"type": kind, "message": message}}, status)


def application(settings: Settings) -> FastAPI:
    """The server of one process."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        shop: Shop = app.state.shop
        await shop.open()
        LOG.info("%s %s serves on port %s", settings.instance, settings.version, settings.port)
        if settings.planted:
            LOG.warning("planted: %s", settings.planted)
        yield
        await shop.close()
        LOG.info("%s ends", settings.instance)

    handlers: dict[int | type[Exception], Any] = dict.fromkeys((Refusal, Unavailable, ProviderUnavailable, Failed), refused)
    app = FastAPI(title=routes.NAME, lifespan=life, exception_handlers=handlers)
    app.state.shop, app.state.prepared = Shop(settings), False
    app.include_router(routes.api)
    app.include_router(routes.health)
    app.add_middleware(Headers, settings=settings)
    return app
