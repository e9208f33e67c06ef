"""A release that is slower, or that costs more processor time, by a known amount: for the proof that a gate notices it. Only tests set it.

The variable ``BURDEN`` says what: ``time 10`` makes every answer 10 % later, ``time 15 /api/v2/appointments/slots`` those of one path, ``cpu 0.5`` uses
0.5 ms of a processor before every answer, ``aside 0.5`` after it, so that the customer does not wait.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal, cast, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Carried = Literal["time", "cpu", "aside"]
AWAITED_PERCENT = 100
"""From this on the instance answers others meanwhile. If it blocked, its health checks and all other requests would be late too."""


@dataclass(frozen=True, slots=True)
class Burden:
    """How much, and of which requests."""

    what: Carried
    amount: float
    """Per cent of the time of a request, or milliseconds of a processor."""
    path: str = ""
    """Only requests of this path; empty: all but those for the health of an instance."""

    def carried_by(self, path: str) -> bool:
        """Whether a request has the burden."""
        return path == self.path if self.path else not path.startswith("/health")


def parse(text: str) -> Burden:
    """The burden of the variable. Raises :class:`ValueError`."""
    what, amount, *path = text.split()
    if what not in get_args(Carried) or len(path) > 1 or float(amount) <= 0:
        raise ValueError(f"{text!r} is no burden; one looks like 'time 10', 'cpu 0.5' or 'time 15 /path'")
    return Burden(cast("Carried", what), float(amount), *path)


class Burdened:
    """An application whose requests carry a burden."""

    def __init__(self, app: ASGIApp, burden: Burden) -> None:
        self._app, self._burden = app, burden

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        burden = self._burden
        if scope["type"] != "http" or not burden.carried_by(scope["path"]):
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                if burden.what == "time":
                    late_s = (time.perf_counter() - began_s) * burden.amount / 100
                    if burden.amount >= AWAITED_PERCENT:
                        await asyncio.sleep(late_s)
                    else:
                        # Shorter than the least that a timer of the event loop can wait; so it blocks, as slower code does.
                        time.sleep(late_s)  # noqa: ASYNC251
                elif burden.what == "cpu":
                    _spend(burden.amount)
            await send(message)

        await self._app(scope, receive, answer)
        if burden.what == "aside":
            _spend(burden.amount)


def _spend(ms: float) -> None:
    """Use so much of a processor, whoever else uses it meanwhile."""
    until_s = time.thread_time() + ms / 1e3
    while time.thread_time() < until_s:
        pass
