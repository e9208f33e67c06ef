"""Why a request got no answer, and whether the server can have seen it."""

from __future__ import annotations

from enum import StrEnum

from closeshave.history import PROXY as UNPASSED
from closeshave.history import SHORTAGE as SHORT


class Reason(StrEnum):
    """Why a request failed: the network, the server, or a stop."""

    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    POOL_TIMEOUT = "pool_timeout"
    """No connection of a bounded pool became free in time."""
    TLS = "tls"
    """The handshake failed: certificate not trusted, wrong name, no common version, or refused by the server."""
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    RESET = "reset"
    CLOSED = "closed"
    """The server closed the connection before the first byte of an answer."""
    TRUNCATED = "truncated"
    """The server closed the connection in the middle of an answer."""
    PROTOCOL = "protocol"
    """The answer is not HTTP/1.x, contradicts itself, or exceeds a limit."""
    PROXY = UNPASSED
    """The proxy could not be reached, or did not forward the request; it says nothing about the platform."""
    SHORTAGE = SHORT
    """This machine had no descriptor, port, buffer, thread or memory for it; it says nothing about the platform."""
    STOPPED = "stopped"
    """The generator was stopped while the request was in flight."""


class TransportError(Exception):
    """No usable answer.

    ``sent`` is false only if no byte of the request can have reached the server: it certainly did not happen. ``answered``: a first byte of an answer
    came, so the server has seen the request, and sending it again would be a second request. ``stale``: a connection that had worked before ended
    before any byte of this answer, most likely because the server had closed it while it was idle.
    """

    def __init__(self, reason: Reason, detail: str = "", *, sent: bool, answered: bool = False, stale: bool = False) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason.value)
        self.reason = reason
        self.sent = sent
        self.answered = answered
        self.stale = stale


class ProtocolError(ValueError):
    """The bytes of an answer are not HTTP/1.x as this client accepts it."""
