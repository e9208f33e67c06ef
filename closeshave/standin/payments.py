"""The payment provider, a stub outside every region: ``python -m closeshave.standin.payments --port P --ledger FILE``.

Its ledger is a file of JSON lines, one a capture, synced to disk before the answer: the independent witness of what was charged. A key
charges once, also across restarts. It keeps nothing else: an intent's ID follows from its key.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from closeshave.files import append_line, read_lines


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


class Ledger:
    """The captures, by key; the file is the truth and is read at the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        _cut_torn_line(path)
        self._by_key = {record["key"]: Charge(**record) for record in read_lines(path)}

    def charge(self, booking: int, franchise: int, amount: int, key: str, at: float) -> Charge:
        """The capture of this key: the one in the ledger, or else a new one, on disk when this returns. Raises :class:`OSError`."""
        found = self._by_key.get(key)
        if found is None:
            found = Charge(f"ch_{_digest(key)}", booking, franchise, amount, key, at)
            append_line(self._path, asdict(found), durable=True)
            self._by_key[key] = found
        return found


def application(ledger: Ledger) -> Starlette:
    """The provider's API over a ledger."""

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "healthy"})

    async def intents(request: Request) -> JSONResponse:
        body = await request.json()
        intent = f"pi_{_digest(body['key'])}"
        return JSONResponse({"intent": intent, "client_secret": f"{intent}_secret", "amount": body["amount"]})

    async def captures(request: Request) -> JSONResponse:
        body = await request.json()
        # No await between looking and writing: in one event loop that is all the mutual exclusion there need be.
        charge = ledger.charge(body["booking"], body["franchise"], body["amount"], body["key"], time.time())
        return JSONResponse({"capture": charge.capture, "amount": charge.amount, "at": charge.at})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/intents", intents, methods=["POST"]),
            Route("/captures", captures, methods=["POST"]),
        ]
    )


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="The payment provider's stub.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        application(Ledger(arguments.ledger)),
        host="127.0.0.1",
        port=arguments.port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _cut_torn_line(path: Path) -> None:
    """Remove what a kill left of a line: the next one must not be glued to it. It was never answered for."""
    if path.exists():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


if __name__ == "__main__":
    main()
