"""One process of the stand-in: ``python -m closeshave.standin.app``, its settings in the file that an environment variable names."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from closeshave.standin import settings as settings_file
from closeshave.standin.defective import burden
from closeshave.standin.defective.burden import Burdened
from closeshave.standin.defective.entrance import DefectiveEntrance
from closeshave.standin.direct import REFUSALS, Direct
from closeshave.standin.errors import Json, failure
from closeshave.standin.platform import Platform
from closeshave.standin.routes import appointments, auth, availability, catalogue, health, networks, payments, updates, webhooks
from closeshave.standin.settings import StandinSettings
from closeshave.standin.waking import serve
from closeshave.standin.watch import DependencyWatch

SHUTDOWN_S = 2


def application(settings: StandinSettings) -> ASGIApp:
    """The ASGI application of one instance: :mod:`.entrance`, :mod:`.direct`, FastAPI."""

    signing_key = Path(settings.signing_key).read_bytes()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.platform = await Platform.open(settings, signing_key)
        app.state.watch = DependencyWatch(app.state.platform)
        app.state.watch.start()
        live = app.state.platform.live
        if live is not None:
            live.start()
        # Objects from start-up live as long as the process: garbage collection need not check them.
        gc.collect()
        gc.freeze()
        yield
        if live is not None:
            live.stop()
        app.state.watch.stop()
        await app.state.platform.close()

    app = FastAPI(title="BookedBarber stand-in", version=settings.version, openapi_url=None, lifespan=life)
    # Availability before appointments: /slots is no appointment's ID.
    areas = (availability, appointments, catalogue, payments, webhooks, auth, networks, health)
    for area in areas:
        app.include_router(area.router)
    for known in REFUSALS:
        app.add_exception_handler(known, _say)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(404, _missing)
    app.include_router(updates.router)
    routes = [route for area in areas for route in area.router.routes if isinstance(route, APIRoute)]
    entrance = DefectiveEntrance(Direct(app, routes), app)
    return Burdened(entrance, burden.parse(settings.burden)) if settings.burden else entrance


def main() -> None:
    """Serve until SIGTERM."""
    settings = settings_file.of_process(os.environ)
    serve(
        application(settings),
        host=settings.bind,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="wsproto" if settings.live else "none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,  # the entrance reads the relevant header
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


async def _say(_request: Request, error: Exception) -> Json:
    assert isinstance(error, REFUSALS)
    return error.response()


async def _invalid(_request: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)
    detail = [{"loc": problem["loc"], "msg": problem["msg"], "type": problem["type"]} for problem in error.errors()]
    return Json({"detail": detail}, 422)


async def _missing(_request: Request, _error: Exception) -> Json:
    return failure(404, "http", "Not Found")


if __name__ == "__main__":
    main()
