"""Answers that are late, that hide an error or show one of the database, that lack a header, or that show a key."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection

from starlette.types import Message, Receive, Scope, Send

from closeshave.standin.entrance import Entrance
from closeshave.standin.errors import Json
from closeshave.standin.platform import Platform
from closeshave.standin.switches import Defect

SLOW_S = 1.5
SLOW_SHARE = 0.05
"""Share of the slow region's requests: enough for its p99, too few for its p95."""
SLOW_SHARE_HOTTEST = 0.5
SLOW_THROUGHOUT_S = 0.3
ERROR_SHARE = 0.2
"""Share of the lists of free times."""
HEADERS = {Defect.NO_FRAME_OPTIONS: b"x-frame-options", Defect.NO_TRANSPORT_SECURITY: b"strict-transport-security"}
"""The header that answers lack."""
SLOTS, DEPENDENCIES = "/api/v2/appointments/slots", "/health/detailed"
QUOTED = (b"%27", b"%22", b"'")
"""A quotation mark in a query."""
LIVE_KEY = "_".join(("sk", "live", "0000closeshave0000nobody"))
"""It opens nothing; put together here, so that no search for leaked keys finds one in the sources."""


class DefectiveEntrance(Entrance):
    """The entrance with planted defects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Correct, unless one of the switches is on."""
        if scope["type"] == "http":
            platform = self.platform
            if (answer := _instead(platform, scope)) is not None:
                await answer(scope, receive, send)
                return
            if (delay_s := _delay_s(platform, scope)) > 0:
                await asyncio.sleep(delay_s)
            if lacking := {name for defect, name in HEADERS.items() if platform.switches.on(defect)}:
                send = _without(send, lacking)
        await super().__call__(scope, receive, send)


def _instead(platform: Platform, scope: Scope) -> Json | None:
    """An answer that no correct platform gives; ``None`` for the usual one."""
    on, path = platform.switches.on, scope["path"]
    if path == "/health/ready" and on(Defect.ALWAYS_READY):
        return Json({"status": "ready", "checks": {link.name: True for link in platform.shards.links}})
    if path == SLOTS and on(Defect.ERROR_IN_200) and _chance(ERROR_SHARE):
        return Json({"error": {"type": "database", "message": "the list could not be read"}})
    if path == SLOTS and on(Defect.RAW_ERRORS) and any(mark in scope["query_string"] for mark in QUOTED):
        return Json({"error": 'syntax error at or near "\'"'}, 500)
    if path == DEPENDENCIES and on(Defect.LIVE_KEY_SHOWN):
        return Json({"status": "healthy", "dependencies": {}, "payments": {"key": LIVE_KEY}})
    return None


def _without(send: Send, names: Collection[bytes]) -> Send:
    """The same, but for headers of these names."""

    async def lacking(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [pair for pair in message["headers"] if pair[0] not in names]}
        await send(message)

    return lacking


def _delay_s(platform: Platform, scope: Scope) -> float:
    settings = platform.settings
    if scope["path"].startswith("/health"):
        return 0.0
    if platform.switches.on(Defect.SLOW_REGION) and settings.region == settings.topology.regions[-1] and _chance(SLOW_SHARE):
        return SLOW_S
    if platform.switches.on(Defect.SLOW_HOTTEST) and platform.switches.hits(Defect.SLOW_HOTTEST, _franchise(scope)):
        return SLOW_S if _chance(SLOW_SHARE_HOTTEST) else 0.0
    return SLOW_THROUGHOUT_S if platform.switches.on(Defect.SLOW_THROUGHOUT) else 0.0


def _franchise(scope: Scope) -> int | None:
    value = next((value for name, value in scope["headers"] if name == b"x-franchise-id"), b"")
    return int(value) if value.isdigit() else None


def _chance(share: float) -> bool:
    return random.random() < share  # noqa: S311 -- not a secret
