"""A :class:`closeshave.loadgen.transport.Transport` on the engine's connections, for the requests of the booking journeys.

Journeys classify and record answers themselves, so this sends one request and returns the result: no retries, no redirects, no cookies, no record.
"""

from __future__ import annotations

from collections.abc import Mapping

import gevent
from greenlet import getcurrent, greenlet

from closeshave.clock import now_ns
from closeshave.loadgen.engine import Engine
from closeshave.loadgen.errors import Reason, TransportError
from closeshave.loadgen.pool import Pool
from closeshave.loadgen.transport import CONNECT_TIMEOUT_S, TOTAL_TIMEOUT_S, Answer, Failure, Request
from closeshave.loadgen.wire import build, constant_lines, split

IDLE_LIMIT_NS = 4_000_000_000
"""A connection that was idle for longer is not used again: servers close idle ones after five seconds or more, and a request at that moment would
fail although the platform works."""

PROXY_REFUSES = 407
"""A status that only a proxy sends, and that means that it has not forwarded the request."""

_FAILURES: Mapping[Reason, Failure] = {
    Reason.DNS: Failure.UNREACHABLE,
    Reason.REFUSED: Failure.REFUSED,
    Reason.UNREACHABLE: Failure.UNREACHABLE,
    Reason.CONNECT_TIMEOUT: Failure.CONNECT_TIMEOUT,
    Reason.POOL_TIMEOUT: Failure.CONNECT_TIMEOUT,
    Reason.TLS: Failure.TLS,
    Reason.FIRST_BYTE_TIMEOUT: Failure.TIMEOUT,
    Reason.TOTAL_TIMEOUT: Failure.TIMEOUT,
    Reason.RESET: Failure.RESET,
    Reason.CLOSED: Failure.CLOSED,
    Reason.TRUNCATED: Failure.CLOSED,
    Reason.PROTOCOL: Failure.PROTOCOL,
    Reason.PROXY: Failure.PROXY,
    Reason.SHORTAGE: Failure.SHORTAGE,
}

_under_way: set[greenlet] = set()
"""The greenlets of this process that currently wait for an answer."""


class Stopped(BaseException):
    """Raised in a customer's greenlet whose request is in flight when the generator must end. Not an error: it must not be caught."""


def stop_waiting() -> None:
    """End every request in flight at once, as :attr:`Failure.STOPPED`, so that its sender can still record it."""
    for waiting in list(_under_way):
        gevent.kill(waiting, Stopped)


class EngineTransport:
    """Sends one customer's requests to one edge, on connections of its own."""

    def __init__(
        self, engine: Engine, url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, total_timeout_s: float = TOTAL_TIMEOUT_S
    ) -> None:
        """Raises :class:`ValueError` for an invalid URL."""
        self._engine = engine
        self._origin, prefix = split(url)
        self._prefix = prefix.rstrip("/")
        self._constant = constant_lines(self._origin, {"Accept-Encoding": "gzip, deflate", "User-Agent": "closeshave"})
        proxy = engine.settings.proxy
        self._form = proxy.form(self._origin) if proxy else ""
        self._constant += proxy.lines(self._origin) if proxy else ""
        self._connect_ns, self._total_ns = int(connect_timeout_s * 1e9), int(total_timeout_s * 1e9)
        self._pool: Pool | None = None
        self._used_ns = 0

    def send(self, request: Request) -> Answer:
        """See :meth:`closeshave.loadgen.transport.Transport.send`."""
        wire = build(request.method, self._prefix + request.path, self._constant, request.headers, request.body, self._form)
        started_ns = now_ns()
        if started_ns - self._used_ns > IDLE_LIMIT_NS:
            self.close()
        pool = self._pool = self._pool or self._engine.own_pool(self._origin)
        due_ns = started_ns + self._total_ns
        me = getcurrent()
        _under_way.add(me)
        try:
            connection = pool.take(started_ns + self._connect_ns)
            message = connection.exchange(wire, due_ns, due_ns, request.method == "HEAD")
        except TransportError as error:
            return Answer(started_ns, now_ns(), failure=_failure(error), sent=error.sent)
        except Stopped:
            return Answer(started_ns, now_ns(), failure=Failure.STOPPED)
        finally:
            _under_way.discard(me)
        self._used_ns = ended_ns = now_ns()
        status = message.head.status
        # A refused CSRF pair closes the connection without announcing it.
        pool.give(connection, message.reusable and status != 403)
        if status == PROXY_REFUSES and self._form:
            return Answer(started_ns, ended_ns, failure=Failure.PROXY, sent=False)
        return Answer(started_ns, ended_ns, status, dict(message.head.fields()), message.body)

    def close(self) -> None:
        """See :meth:`closeshave.loadgen.transport.Transport.close`."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _failure(error: TransportError) -> Failure:
    failure = _FAILURES[error.reason]
    # Whatever it is called: no byte of it left, and the outcome goes by that.
    known = error.sent or failure.before_sending or failure in {Failure.SHORTAGE, Failure.TLS}
    return failure if known else Failure.UNREACHABLE
