"""Requests to some hosts through a proxy: a tunnel for TLS, absolute URLs for plain HTTP (RFC 9110, section 9.3.6; RFC 9112, section 3.2.2). Pure.

A request that the proxy does not forward says nothing about the platform: :attr:`Reason.PROXY`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field

from closeshave.loadgen.errors import Reason, TransportError
from closeshave.loadgen.wire import Origin, split

HEAD_BYTES_MAX = 65536
_NOT_REACHED = {502: Reason.UNREACHABLE, 503: Reason.UNREACHABLE, 504: Reason.CONNECT_TIMEOUT}
"""Statuses of a proxy that could not connect to the platform."""


@dataclass(frozen=True, slots=True)
class RequestProxy:
    """A proxy (in plain HTTP), and the hosts that are reached through it; all others are reached directly."""

    host: str
    port: int
    hosts: frozenset[str]
    login: str = field(default="", repr=False)
    """``user:password``; empty if it needs none."""

    @classmethod
    def of(cls, url: str, hosts: Iterable[str], login: str = "") -> RequestProxy:
        """``hosts`` are given as URLs. Raises :class:`ValueError` for an invalid URL."""
        at = split(url)[0]
        return cls(at.host, at.port, frozenset(split(each)[0].host for each in hosts), login)

    @property
    def itself(self) -> Origin:
        """The proxy's own origin."""
        return Origin(False, self.host, self.port)

    def form(self, origin: Origin) -> str:
        """The part of the request line before the path: empty in a tunnel, and without a proxy."""
        return f"http://{origin.authority}" if self._rewrites(origin) else ""

    def lines(self, origin: Origin) -> str:
        """Header lines of each request that are for the proxy, each with its line end."""
        return self._authorization() if self._rewrites(origin) else ""

    def tunnel(self, origin: Origin) -> bytes:
        """The request for a tunnel; empty if none is needed."""
        if not origin.tls or origin.host not in self.hosts:
            return b""
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        authority = f"{host}:{origin.port}"
        return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{self._authorization()}\r\n".encode("latin-1")

    def _rewrites(self, origin: Origin) -> bool:
        return not origin.tls and origin.host in self.hosts

    def _authorization(self) -> str:
        if not self.login:
            return ""
        return f"Proxy-Authorization: Basic {base64.b64encode(self.login.encode()).decode()}\r\n"


def tunnelled(received: bytes) -> bool:
    """Whether the answer to a request for a tunnel is complete and positive; ``False``: it is incomplete.

    Raises :class:`TransportError` for a negative one; then nothing was sent to the platform.
    """
    while True:
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end:
            if len(head) > HEAD_BYTES_MAX:
                raise _not_passed("its answer to CONNECT has no end")
            return False
        status = _status(head)
        if 100 <= status < 200:
            received = rest
            continue
        if not 200 <= status < 300:
            raise TransportError(_NOT_REACHED.get(status, Reason.PROXY), f"the proxy answered {status or 'no HTTP'} to CONNECT", sent=False)
        if rest:
            # In TLS the client speaks first: data that arrives now is not from the platform.
            raise _not_passed("it sends data into the tunnel")
        return True


def _status(head: bytes) -> int:
    """The status in an answer's head; 0 if it is not HTTP."""
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    good = len(words) > 1 and words[0].startswith(b"HTTP/1.") and len(words[1]) == 3 and words[1].isdigit()
    return int(words[1]) if good else 0


def _not_passed(why: str) -> TransportError:
    return TransportError(Reason.PROXY, why, sent=False)
