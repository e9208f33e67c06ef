"""The interface between journeys and the client that sends their requests: it takes a request, and returns an answer or the reason why there is none.

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
"""How many seconds a customer waits for an answer."""


class Failure(StrEnum):
    """Why no answer came. A failure before the connection is established certainly had no effect; a later one may have had one."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    PROTOCOL = "protocol"
    TLS = "tls"
    """The connection could not be encrypted: the server's certificate has expired, is for another name, or is of an authority that is not trusted."""
    PROXY = UNPASSED
    """The proxy could not be reached, or did not forward the request."""
    SHORTAGE = SHORT
    """This machine had no descriptor, port, buffer, thread or memory for it."""
    STOPPED = "stopped"
    """The generator was stopped while the request was in flight."""

    @property
    def before_sending(self) -> bool:
        """Whether nothing can have reached the server."""
        return self in {Failure.REFUSED, Failure.UNREACHABLE, Failure.CONNECT_TIMEOUT, Failure.PROXY}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, and the kind of its operation in the history."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    writes: bool = False
    """Whether it may change the platform's state, so that no answer means *may have happened*."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request. ``status`` is 0 and ``failure`` set if there is no usable one. Times are monotonic nanoseconds."""

    started_ns: int
    ended_ns: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    failure: Failure | None = None
    sent: bool = True
    """Whether a byte of the request may have been sent; irrelevant for a failure that always comes before sending."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether the server may have seen the request."""
        return self.failure is None or (self.sent and not self.failure.before_sending)


class Transport(Protocol):
    """Sends one customer's requests to one edge. Never retries or follows redirects: one call is one HTTP request."""

    def send(self, request: Request) -> Answer:
        """Send and wait for the whole answer, within the time-outs. Never raises because of the network."""
        ...

    def close(self) -> None:
        """Close the customer's connections."""
        ...
