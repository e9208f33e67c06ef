"""The interface between journeys and the client that sends their requests: a request goes in; an answer, or the reason why there is none, comes out.

Journeys and canaries know only this; :mod:`closeshave.loadgen.carrier` sends their requests on the engine's connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from closeshave.history import PROXY as UNPASSED
from closeshave.history import SHORTAGE as SHORT

CONNECT_TIMEOUT_S = 1.0
TOTAL_TIMEOUT_S = 5.0
"""How long a customer waits for an answer."""


class Failure(StrEnum):
    """Why no answer came. What happens before the connection stands certainly had no effect; what happens after it may have had one."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    PROTOCOL = "protocol"
    PROXY = UNPASSED
    """The proxy on the way could not be reached, or did not pass it on."""
    SHORTAGE = SHORT
    """This machine had no descriptor, port, buffer, thread or memory for it."""
    STOPPED = "stopped"
    """The generator was told to stop while the request was under way."""

    @property
    def before_sending(self) -> bool:
        """Whether nothing can have reached the server."""
        return self in {Failure.REFUSED, Failure.UNREACHABLE, Failure.CONNECT_TIMEOUT, Failure.PROXY}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, and which operation of the history it is."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    writes: bool = False
    """Whether it may change the platform's state, so that no answer means *may have happened*."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``status`` is 0 and ``failure`` set when nothing usable did. Times are monotonic nanoseconds."""

    started_ns: int
    ended_ns: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    body: bytes = b""
    failure: Failure | None = None
    sent: bool = True
    """Whether a byte of the request may have left; irrelevant for a failure that always comes before sending."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether the server may have seen the request."""
        return self.failure is None or (self.sent and not self.failure.before_sending)


class Transport(Protocol):
    """Carries one customer's requests to one edge. Never retries or follows redirects by itself: one request here is one on the wire."""

    def send(self, request: Request) -> Answer:
        """Send and wait for the whole answer, at most as long as the carrier's timeouts allow. Never raises for what a network can do."""
        ...

    def close(self) -> None:
        """Give up the customer's connections."""
        ...
