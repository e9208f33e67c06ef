"""Carries requests with Locust's FastHttpSession. To be imported in a Locust process only: gevent has patched the interpreter there.

Each customer has connections of their own. It costs a TCP handshake per visit, as it does in life, and it keeps customers apart: a
connection that died with its server spoils one visit, not a pool that everybody draws from.
"""

from __future__ import annotations

import socket
import zlib
from typing import TYPE_CHECKING, Any

import gevent
from gevent import Timeout
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from greenlet import getcurrent, greenlet
from locust.contrib.fasthttp import FastHttpSession, FastResponse
from locust.event import EventHook

from closeshave.clock import now_ns
from closeshave.traffic.transport import Answer, Failure, Request

if TYPE_CHECKING:
    from geventhttpclient.connectionpool import ConnectionPool

CONNECT_TIMEOUT_S = 1.0
TOTAL_TIMEOUT_S = 5.0
IDLE_LIMIT_NS = 4_000_000_000
"""A connection unused for longer is not used again: servers close idle ones after five seconds or more, and a request that crosses such a
close would be a failure of nobody's making."""

_ANY_STATUS = frozenset(range(100, 600))


_UNDER_WAY: set[greenlet] = set()
"""Whoever waits for an answer now, in this process."""


class Stopped(BaseException):
    """Thrown into a customer whose request is under way when the generator must end now. Not an error that anybody may swallow."""


def stop_waiting() -> None:
    """Let every request under way end at once, as :attr:`Failure.STOPPED`, so that its sender can still record it."""
    for waiting in list(_UNDER_WAY):
        gevent.kill(waiting, Stopped)


class FastHttpTransport:
    """One customer's requests to one edge (:class:`closeshave.traffic.transport.Transport`)."""

    def __init__(self, url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, total_timeout_s: float = TOTAL_TIMEOUT_S) -> None:
        self._url = url
        self._connect_timeout_s, self._total_timeout_s = connect_timeout_s, total_timeout_s
        self._used_ns = 0
        self._session: FastHttpSession | None = None

    def send(self, request: Request) -> Answer:
        """See :meth:`closeshave.traffic.transport.Transport.send`."""
        started_ns = now_ns()
        if started_ns - self._used_ns > IDLE_LIMIT_NS:
            self.close()
        me = getcurrent()
        _UNDER_WAY.add(me)
        try:
            with Timeout(self._total_timeout_s):
                answer = self._exchange(request, started_ns)
        except Timeout:
            answer = Answer(started_ns, now_ns(), failure=Failure.TIMEOUT)
        except Stopped:
            answer = Answer(started_ns, now_ns(), failure=Failure.STOPPED)
        finally:
            _UNDER_WAY.discard(me)
        self._used_ns = answer.ended_ns
        # A refused CSRF pair closes the connection without announcing it, and after a failure nobody knows what is still on the wire.
        if answer.failure is not None or answer.status == 403:
            self.close()
        return answer

    def close(self) -> None:
        """See :meth:`closeshave.traffic.transport.Transport.close`."""
        if self._session is not None:
            self._session.client.close()
            self._session = None

    def _exchange(self, request: Request, started_ns: int) -> Answer:
        session = self._session = self._session or self._new_session()
        try:
            self._connect(session)
        except OSError as error:
            return Answer(started_ns, now_ns(), failure=_before_sending(error))
        body: Any = request.body  # bytes are fine, whatever Locust's annotation says
        try:
            response: FastResponse = session.request(request.method, request.path, data=body, headers=dict(request.headers))
        except (ValueError, zlib.error):
            # An encoding that no client knows, or a body that is not in the one it claims.
            return Answer(started_ns, now_ns(), failure=Failure.PROTOCOL)
        ended_ns = now_ns()
        reason: BaseException | None = getattr(response, "error", None)
        if reason is not None or not response.status_code:
            return Answer(started_ns, ended_ns, failure=_after_sending(reason))
        headers = {name.lower(): value for name, value in (response.headers or {}).items()}
        try:
            content = response.content or b""
        except (OSError, HTTPParseError, zlib.error) as broken:
            return Answer(started_ns, ended_ns, failure=_after_sending(broken))
        parsed = response._response  # noqa: SLF001 -- the library takes a body that was cut short for a whole one
        if parsed is None or not parsed.message_complete:
            return Answer(started_ns, ended_ns, failure=Failure.CLOSED)
        return Answer(started_ns, ended_ns, response.status_code, headers, content)

    def _new_session(self) -> FastHttpSession:
        session = FastHttpSession(
            self._url,
            # Statistics get the verdict on the answer, not its status: the session of the customer reports, not this one.
            EventHook(),  # type: ignore[no-untyped-call]  # Locust's own gap
            None,
            insecure=False,
            connection_timeout=self._connect_timeout_s,
            network_timeout=self._total_timeout_s,
            max_redirects=0,
            max_retries=0,
            concurrency=1,
        )
        session.client.valid_response_codes = _ANY_STATUS  # type: ignore[misc]  # of this customer's client only
        return session

    def _connect(self, session: FastHttpSession) -> None:
        """Have a living connection in the pool, so that what fails from here on may have reached the server. Raises :class:`OSError`."""
        client = session.client.clientpool.get_client(self._url)
        pool: ConnectionPool = client._connection_pool  # noqa: SLF001 -- the library has no other way to tell a failed connect from a failed read
        pool.return_socket(pool.get_socket())
        # The client resends idempotent requests by itself, this many times and once more. One operation must be one request on the wire.
        pool.size = -1


def _before_sending(error: OSError) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure.CONNECT_TIMEOUT
    return Failure.REFUSED if isinstance(error, ConnectionRefusedError) else Failure.UNREACHABLE


_MEANINGS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Failure], ...] = (
    ((Timeout, TimeoutError, socket.timeout), Failure.TIMEOUT),
    (HTTPConnectionClosed, Failure.CLOSED),
    (HTTPParseError, Failure.PROTOCOL),
    (zlib.error, Failure.PROTOCOL),
    (OSError, Failure.RESET),
)


def _after_sending(error: BaseException | None) -> Failure:
    """The failure that an exception of the client, or the one that it wraps, stands for."""
    while error is not None:
        for types, failure in _MEANINGS:
            if isinstance(error, types):
                return failure
        error = getattr(error, "original", None) or error.__cause__ or error.__context__
    return Failure.PROTOCOL
