"""Answers that are late, or that hide an error."""

from __future__ import annotations

import asyncio
import random

from starlette.types import Receive, Scope, Send

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
        await super().__call__(scope, receive, send)


def _instead(platform: Platform, scope: Scope) -> Json | None:
    """An answer with status 200 that holds an error."""
    on, path = platform.switches.on, scope["path"]
    if path == "/health/ready" and on(Defect.ALWAYS_READY):
        return Json({"status": "ready", "checks": {link.name: True for link in platform.shards.links}})
    if path == "/api/v2/appointments/slots" and on(Defect.ERROR_IN_200) and _chance(ERROR_SHARE):
        return Json({"error": {"type": "database", "message": "the list could not be read"}})
    return None


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
