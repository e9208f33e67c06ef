"""The payment provider, a stub outside every region: ``python -m closeshave.standin.payments --port P --ledger FILE [--webhook URL …]``.

Its ledger is a file of JSON lines, one for each capture, synced to disk before the answer: independent evidence of all charges. A key charges once,
also after a restart. It stores nothing else: an intent's ID is computed from its key, and the behaviour that was set (``/operations``) is lost when
it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from closeshave.files import append_line, read_lines
from closeshave.standin.behaviour import BEHAVIOUR, Behaviour
from closeshave.standin.waking import serve
from closeshave.standin.webhooks import Webhooks

Endpoint = Callable[[Request], Awaitable[JSONResponse]]


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of the ledger; the fields of :class:`closeshave.history.Capture`."""

    capture: str
    booking: int
    franchise: int
    amount: int
    """Cents."""
    key: str
    at: float
    """Seconds since the epoch."""


class CaptureLedger:
    """The captures, by key; the file is read at the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        _cut_torn_line(path)
        self._by_key = {record["key"]: Charge(**record) for record in read_lines(path)}

    def find(self, key: str) -> Charge | None:
        """The capture of this key, if there is one."""
        return self._by_key.get(key)

    def charge(self, booking: int, franchise: int, amount: int, key: str, at: float) -> Charge:
        """The capture of this key: the one in the ledger, or a new one, which is on disk when this returns. Raises :class:`OSError`."""
        found = self.find(key)
        if found is None:
            found = Charge(f"ch_{_digest(key)}", booking, franchise, amount, key, at)
            append_line(self._path, asdict(found), durable=True)
            self._by_key[key] = found
        return found


class Stub:
    """The provider's API over a ledger, and its current behaviour."""

    def __init__(self, ledger: CaptureLedger, webhooks: Webhooks) -> None:
        self._ledger = ledger
        self._webhooks = webhooks
        self._behaviour = Behaviour()

    def application(self) -> Starlette:
        """As ASGI."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/intents", self.erring(self.intents), methods=["POST"]),
                Route("/captures", self.erring(self.captures), methods=["POST"]),
                Route("/captures/{key}", self.erring(self.capture)),
                Route("/ping", self.ping, methods=["POST"]),
                Route("/operations", self.operations, methods=["GET", "PUT", "DELETE"]),
            ]
        )

    def erring(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, which fails as often as configured."""

        async def answer(request: Request) -> JSONResponse:
            if random.random() < self._behaviour.error_share:  # noqa: S311 - nothing secret about it
                return JSONResponse({"error": "internal error"}, 500)
            return await endpoint(request)

        return answer

    async def health(self, _request: Request) -> JSONResponse:
        """The process serves."""
        return JSONResponse({"status": "healthy"})

    async def intents(self, request: Request) -> JSONResponse:
        """The intent of a key."""
        body = await request.json()
        intent = f"pi_{_digest(body['key'])}"
        return JSONResponse({"intent": intent, "client_secret": f"{intent}_secret", "amount": body["amount"]})

    async def captures(self, request: Request) -> JSONResponse:
        """Charge, send the webhook, and answer, late if configured."""
        body = await request.json()
        answer = self._charge(body) if body["amount"] > 0 else JSONResponse({"error": "nothing to charge"}, 400)
        await asyncio.sleep(self._behaviour.late_s)
        return answer

    async def capture(self, request: Request) -> JSONResponse:
        """Whether a key was charged."""
        charge = self._ledger.find(request.path_params["key"])
        return JSONResponse({"capture": charge.capture if charge else None})

    async def ping(self, _request: Request) -> JSONResponse:
        """Send the platform a test event."""
        self._webhooks.send({"id": f"evt_{time.time_ns():x}", "type": "ping"}, self._behaviour.webhook_copies)
        return JSONResponse({"sent": True}, 202)

    async def operations(self, request: Request) -> JSONResponse:
        """Read, set (missing values are normal ones) or reset the behaviour."""
        if request.method == "PUT":
            try:
                self._behaviour = BEHAVIOUR.validate_json(await request.body())
            except ValidationError as error:
                return JSONResponse({"error": str(error)}, 422)
        elif request.method == "DELETE":
            self._behaviour = Behaviour()
        return JSONResponse(asdict(self._behaviour))

    def _charge(self, body: dict[str, int | str]) -> JSONResponse:
        # No await between reading and writing: in one event loop that is enough mutual exclusion.
        booking, franchise, amount, key = int(body["booking"]), int(body["franchise"]), int(body["amount"]), str(body["key"])
        known = self._ledger.find(key)
        charge = known or self._ledger.charge(booking, franchise, amount, key, time.time())
        if known is None:
            event = {"id": f"evt_{charge.capture}", "type": "capture.succeeded", "booking": booking}
            self._webhooks.send(event, self._behaviour.webhook_copies)
        return JSONResponse({"capture": charge.capture, "amount": charge.amount, "at": charge.at})


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="The payment provider's stub.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--webhook", action="append", default=[], help="where events are sent; of several, to the first that accepts them")
    arguments = parser.parse_args()
    serve(
        application(CaptureLedger(arguments.ledger), arguments.webhook),
        host=arguments.host,
        port=arguments.port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )


def application(ledger: CaptureLedger, webhooks: Sequence[str] = ()) -> Starlette:
    """The provider's API over a ledger; events are sent to the first of the URLs that accepts them."""
    return Stub(ledger, Webhooks(webhooks)).application()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _cut_torn_line(path: Path) -> None:
    """Remove an incomplete last line after a kill, so that the next one is not appended to it. Its charge was never answered."""
    if path.exists():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


if __name__ == "__main__":
    main()
