"""The client of the payment provider. Every call has a key that stays the same when it is repeated."""

from __future__ import annotations

from typing import Any

import httpcore
import orjson

from closeshave.standin.errors import ProviderUnavailable

CONNECT_S = 0.5
ANSWER_S = 2.0
CONNECTIONS = 8
"""The most payments at once; others wait, and fail after :data:`CONNECT_S` seconds, so that a hanging provider cannot block the whole process."""

_TIMEOUTS = {"timeout": {"connect": CONNECT_S, "write": CONNECT_S, "pool": CONNECT_S, "read": ANSWER_S}}


class Provider:
    """The provider, through this region's link."""

    __slots__ = ("_pool", "_url")

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = httpcore.AsyncConnectionPool(max_connections=CONNECTIONS)

    async def intent(self, booking: int, franchise: int, amount_cents: int) -> tuple[str, str]:
        """ID and client secret of the intent for a booking: always the same for the same booking."""
        body = {"booking": booking, "franchise": franchise, "amount": amount_cents, "key": f"intent_{booking}"}
        made = await self._post("/intents", body)
        return made["intent"], made["client_secret"]

    async def capture(self, intent: str, booking: int, franchise: int, amount_cents: int) -> str:
        """ID of the only capture of an intent: a repeated charge with the same key returns the first one's."""
        body = {"intent": intent, "booking": booking, "franchise": franchise, "amount": amount_cents, "key": f"capture_{intent}"}
        capture: str = (await self._post("/captures", body))["capture"]
        return capture

    async def captured(self, intent: str) -> str | None:
        """ID of the capture of an intent; ``None`` when it was never charged."""
        found = await self._call("GET", f"/captures/capture_{intent}")
        capture: str | None = found["capture"]
        return capture

    async def close(self) -> None:
        """Drop every connection."""
        await self._pool.aclose()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._call("POST", path, orjson.dumps(body))

    async def _call(self, method: str, path: str, content: bytes | None = None) -> dict[str, Any]:
        try:
            response = await self._pool.request(
                method,
                self._url + path,
                headers=[("Host", "payments"), ("Content-Type", "application/json")],
                content=content,
                extensions=_TIMEOUTS,
            )
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise ProviderUnavailable("The payment provider is unavailable") from error
        if response.status != 200:
            raise ProviderUnavailable(f"The payment provider answered {response.status}")
        answer: dict[str, Any] = orjson.loads(response.content)
        return answer
