"""One connection: sends a request and receives its answer, on a greenlet that sleeps in between.

``exchange`` is the hot path of the whole engine. Its steps: one assignment sets the deadline, one sets the greenlet to wake, a ``send``, a switch to
the hub, a ``recv``, and the parser's fast path. All other cases are in the methods below it.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from gevent.monkey import get_original
from greenlet import getcurrent

from closeshave.loadgen.dns import Address
from closeshave.loadgen.errors import ProtocolError, Reason, TransportError
from closeshave.loadgen.loop import EPOLLIN, EPOLLOUT, NEVER_NS, Loop
from closeshave.loadgen.parser import HeadMemo, Message, ResponseParser
from closeshave.loadgen.proxy import tunnelled
from closeshave.loadgen.shortage import is_shortage, of_ports
from closeshave.loadgen.tls import TlsLayer

_RECEIVE_BYTES: Final = 65536
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

_raw_socket = get_original("socket", "socket")


class Connection:
    """A non-blocking socket registered with the loop. Used by one greenlet at a time."""

    __slots__ = (
        "_loop", "_parser", "_pause", "_ready", "_recv", "_send", "_sent", "_sock", "deadline_ns", "exchanges", "fd", "on_close", "open", "stands", "tls",
        "watched_ns",
    )  # fmt: skip

    def __init__(self, loop: Loop, family: int, memo: HeadMemo) -> None:
        """An unconnected socket. Raises :class:`TransportError` when the process has no descriptor left, or the machine has no such address family."""
        try:
            self._sock = _raw_socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise TransportError(Reason.SHORTAGE if is_shortage(error) else Reason.UNREACHABLE, str(error), sent=False) from error
        self._sock.setblocking(False)
        if family != socket.AF_UNIX:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = self._sock.fileno()
        self._send, self._recv = self._sock.send, self._sock.recv
        self._loop, self._ready, self._pause = loop, loop.ready, loop.pause
        self._parser = ResponseParser(memo)
        self.tls: TlsLayer | None = None
        """The TLS layer, once it is established."""
        self.on_close: Callable[[], None] | None = None
        """Called by :meth:`close`; set once the connection is established."""
        self._sent = 0
        self.deadline_ns = self.watched_ns = NEVER_NS
        self.exchanges = 0
        """Answers received so far; above 0 the connection may be stale."""
        self.open = True
        self.stands = False
        """Whether the address has accepted the connection."""
        try:
            loop.register(self.fd, self._when_idle)
        except OSError as error:
            # The system watches so many descriptors for one user, and has no memory for more.
            self._sock.close()
            raise TransportError(Reason.SHORTAGE, str(error), sent=False) from error

    # -- the hot path ----------------------------------------------------------------------------------------------------------------------

    def exchange(self, wire: bytes, first_byte_due_ns: int, total_due_ns: int, bodiless: bool) -> Message:
        """Send ``wire`` and wait for the whole answer. ``bodiless`` for a HEAD.

        Raises :class:`TransportError`; after it, and after any other exception, the connection is closed.
        """
        self.deadline_ns = first_byte_due_ns if first_byte_due_ns < total_due_ns else total_due_ns  # noqa: FURB136 - a call less on the hot path
        if self.deadline_ns < self.watched_ns:
            self._loop.watch(self)
        self._ready[self.fd] = getcurrent().switch
        self._sent = 0
        try:
            if self.tls is not None or bodiless:
                message = self._exchange_slowly(wire, total_due_ns, bodiless)
            else:
                self._sent = self._send(wire)
                if self._sent != len(wire):
                    message = self._finish_sending(wire, total_due_ns, False)
                else:
                    if not self._pause():
                        raise self._late(total_due_ns)  # noqa: TRY301 - a call less on the hot path
                    data: bytes | None
                    try:
                        data = self._recv(_RECEIVE_BYTES)
                    except BlockingIOError:
                        data = None
                    whole = self._parser.whole(data) if data else None
                    message = whole if whole is not None else self._receive(data, total_due_ns, False)
        except OSError as error:
            self.close()
            raise self._broken(error) from error
        except ProtocolError as error:
            self.close()
            raise TransportError(Reason.PROTOCOL, str(error), sent=True, answered=True) from error
        except BaseException:
            # The greenlet was ended while an answer was under way.
            self.close()
            raise
        self.deadline_ns = NEVER_NS
        self._ready[self.fd] = self._when_idle
        self.exchanges += 1
        return message

    # -- what else can happen: TLS, answers in pieces, sends that do not fit, the end ----------------------------------------------------

    def _exchange_slowly(self, wire: bytes, total_due_ns: int, bodiless: bool) -> Message:
        if self.tls is not None:
            wire = self.tls.seal(wire)
        self._sent = self._send(wire)
        if self._sent != len(wire):
            return self._finish_sending(wire, total_due_ns, bodiless)
        if not self._pause():
            raise self._late(total_due_ns)
        data = self._read()
        whole = self._parser.whole(data) if data and not bodiless else None
        return whole if whole is not None else self._receive(data, total_due_ns, bodiless)

    def _finish_sending(self, wire: bytes, total_due_ns: int, bodiless: bool) -> Message:
        """Send the rest of a request that the socket's buffer had no room for, unless the server answers before that."""
        cut_short = False
        self._loop.want(self.fd, EPOLLIN | EPOLLOUT)
        while self._sent < len(wire) and not cut_short:
            events = self._pause()
            if not events:
                raise self._late(total_due_ns)
            if events & EPOLLIN:
                cut_short = True
            else:
                self._sent += self._send(memoryview(wire)[self._sent :])
        self._loop.want(self.fd, EPOLLIN)
        message = self._receive(None, total_due_ns, bodiless)
        message.reusable = message.reusable and not cut_short
        return message

    def _receive(self, data: bytes | None, total_due_ns: int, bodiless: bool) -> Message:
        """Receive the rest of the answer; ``data`` is what has come so far: ``None`` for nothing, ``b""`` if the server has closed."""
        parser = self._parser
        parser.start(bodiless=bodiless)
        while True:
            if data:
                message = parser.feed(data)
                if message is not None:
                    return message
                self.deadline_ns = total_due_ns
            elif data is not None:
                return self._at_end()
            if not self._pause():
                raise self._late(total_due_ns)
            data = self._read()

    def _at_end(self) -> Message:
        ragged = self.tls is not None and self.tls.ragged
        message = None if ragged else self._parser.eof()
        if message is None:
            answered = self._parser.begun
            reason = Reason.TRUNCATED if answered else Reason.CLOSED
            raise TransportError(reason, sent=self._sent > 0, answered=answered, stale=not answered and self.exchanges > 0)
        return message

    def _read(self) -> bytes | None:
        """The received bytes, decrypted: ``None`` for nothing, ``b""`` for the end. Raises :class:`OSError`."""
        try:
            data = self._recv(_RECEIVE_BYTES)
        except BlockingIOError:
            # Woken for nothing: by an event of this descriptor's previous life.
            return None
        tls = self.tls
        if tls is None:
            return bytes(data)
        if not data:
            tls.end()
            return b""
        plain = tls.open(data)
        if plain is None:
            return b""
        return plain or None

    def _late(self, total_due_ns: int) -> TransportError:
        # The deadline in force was the total one if it was the earlier, or once the answer had begun.
        answered = self._parser.begun
        reason = Reason.TOTAL_TIMEOUT if self.deadline_ns == total_due_ns else Reason.FIRST_BYTE_TIMEOUT
        return TransportError(reason, sent=self._sent > 0, answered=answered)

    def _broken(self, error: OSError) -> TransportError:
        answered = self._parser.begun
        if is_shortage(error) and not isinstance(error, ssl.SSLError):
            return TransportError(Reason.SHORTAGE, str(error), sent=self._sent > 0, answered=answered)
        reason = Reason.TLS if isinstance(error, ssl.SSLError) else Reason.RESET
        return TransportError(reason, str(error), sent=self._sent > 0, answered=answered, stale=not answered and self.exchanges > 0)

    # -- the ends of its life ------------------------------------------------------------------------------------------------------------------

    def connect(self, address: Address, due_ns: int, tls: TlsLayer | None, tunnel: bytes = b"") -> None:
        """Connect, and do the TLS handshake if needed; before that, ``tunnel`` is the request to the proxy at ``address`` for a tunnel.

        Raises :class:`TransportError`; then no request was sent, and the connection is closed.
        """
        self.deadline_ns = due_ns
        if due_ns < self.watched_ns:
            self._loop.watch(self)
        self._ready[self.fd] = getcurrent().switch
        try:
            self._establish(address[1])
            self.stands = True
            if tunnel:
                self._dig(tunnel)
            if tls is not None:
                self._shake_hands(tls)
        except ssl.SSLError as error:
            self.close()
            raise TransportError(Reason.TLS, str(error), sent=False) from error
        except OSError as error:
            self.close()
            raise TransportError(self._refused(error, address), str(error), sent=False) from error
        except BaseException:
            self.close()
            raise
        self.deadline_ns = NEVER_NS
        self._ready[self.fd] = self._when_idle

    def _refused(self, error: OSError, address: Address) -> Reason:
        """The reason why there is no connection, from the error of the attempt."""
        if is_shortage(error) and (error.errno != errno.EADDRNOTAVAIL or of_ports(*address)):
            return Reason.SHORTAGE
        if error.errno in _UNREACHABLE:
            return Reason.UNREACHABLE
        return Reason.REFUSED if self.tls is None else Reason.TLS

    def expire(self) -> None:
        """Called by the loop when the deadline has passed: wake the greenlet without events."""
        self._ready[self.fd](0)

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        if not self.open:
            return
        self.open = False
        self._loop.forget(self)
        self._loop.unregister(self.fd)
        self._sock.close()
        if self.on_close is not None:
            self.on_close()

    def _establish(self, address: Any) -> None:
        self._loop.want(self.fd, EPOLLOUT)
        error = self._sock.connect_ex(address)
        while error in {errno.EINPROGRESS, errno.EALREADY}:
            if not self._pause():
                raise TransportError(Reason.CONNECT_TIMEOUT, sent=False)
            # Asked again, the system tells how the first attempt went; a wake-up for nothing reads as "already under way".
            error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or self._sock.connect_ex(address)
        if error not in {0, errno.EISCONN}:
            raise OSError(error, os.strerror(error))
        self._loop.want(self.fd, EPOLLIN)

    def _dig(self, request: bytes) -> None:
        """Ask a proxy to connect this connection to the platform."""
        while request:
            # As below: smaller than any socket buffer.
            gone = self._send(request)
            request = request[gone:]
        received = b""
        while not tunnelled(received):
            if not self._pause():
                raise TransportError(Reason.CONNECT_TIMEOUT, "no answer to CONNECT", sent=False)
            try:
                part = self._recv(_RECEIVE_BYTES)
            except BlockingIOError:
                continue
            if not part:
                raise TransportError(Reason.PROXY, "it closed the connection", sent=False)
            received += part

    def _shake_hands(self, tls: TlsLayer) -> None:
        self.tls = tls
        done, outgoing = tls.shake(b"")
        while True:
            while outgoing:
                # A handshake flight is smaller than any socket buffer.
                gone = self._send(outgoing)
                outgoing = outgoing[gone:]
            if done:
                return
            if not self._pause():
                raise TransportError(Reason.CONNECT_TIMEOUT, "in the TLS handshake", sent=False)
            try:
                received = self._recv(_RECEIVE_BYTES)
            except BlockingIOError:
                continue
            if not received:
                raise ssl.SSLError("the server closed the connection in the handshake")
            done, outgoing = tls.shake(received)

    def _when_idle(self, _events: int) -> None:
        """Data arrived on a connection for which no greenlet waits: a TLS ticket, or its end."""
        try:
            if self._read() is not None:
                self.close()
        except OSError:
            self.close()
