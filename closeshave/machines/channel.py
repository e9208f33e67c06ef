"""One encrypted connection between a run and a load machine: whole messages, in both directions, from one thread at each end.

TLS 1.3 with certificates at both ends. A message that the other side begins and does not end, or that is too large, ends the connection.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from closeshave.clock import now_ns
from closeshave.machines import messages
from closeshave.machines.messages import FromMachine, FromRun, Unintelligible

HANDSHAKE_S = 5.0
SILENCE_S = 5.0
"""Seconds without a word after which the other side counts as lost; on both sides."""
SEND_S = 5.0
"""Seconds in which a message must be taken."""
HELLO_BYTES_MAX = 4096
"""Of the first message of somebody who may be anybody."""
JSON_BYTES_MAX, BLOB_BYTES_MAX = 1 << 26, 1 << 28
_LENGTHS = struct.Struct("!II")
_Heard = TypeVar("_Heard", FromMachine, FromRun)


class ChannelLost(Exception):
    """The connection has ended, or the other side does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class HeardMessage(Generic[_Heard]):
    """A message that came."""

    message: _Heard
    blob: bytes
    at_ns: int
    """When its last byte was read, on this machine's clock."""


class Channel:
    """Used by one thread."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        """The handshake is done."""
        connection.setblocking(False)
        self._socket = connection
        self._unread = bytearray()
        self._at_ns = now_ns()
        self._json_max, self._blob_max = HELLO_BYTES_MAX, 0

    def trust(self) -> None:
        """From now on the other side may send large messages: it has shown that it belongs to the run."""
        self._json_max, self._blob_max = JSON_BYTES_MAX, BLOB_BYTES_MAX

    def send(self, message: FromMachine | FromRun, blob: bytes = b"") -> None:
        """Send a whole message. Raises :class:`ChannelLost` when it is not taken within :data:`SEND_S` seconds."""
        told = messages.written(message)
        left = memoryview(_LENGTHS.pack(len(told), len(blob)) + told + blob)
        until_s = time.monotonic() + SEND_S + len(left) / 1e6
        while left:
            try:
                left = left[self._socket.send(left) :]
            except ssl.SSLWantWriteError:
                self._wait(until_s, writing=True)
            except ssl.SSLWantReadError:
                self._wait(until_s, writing=False)
            except OSError as error:
                raise ChannelLost(_said(error)) from None

    def heard_by_run(self, wait_s: float, silent_since_ns: int | None = None) -> HeardMessage[FromMachine] | None:
        """The next message of a load machine; ``None`` when none is complete within ``wait_s``. Raises :class:`ChannelLost`, also when none
        has come for :data:`SILENCE_S` seconds since ``silent_since_ns``."""
        frame = self._frame(wait_s, silent_since_ns)
        return None if frame is None else HeardMessage(_read(messages.from_machine, frame[0]), frame[1], self._at_ns)

    def heard_by_machine(self, wait_s: float, silent_since_ns: int | None = None) -> HeardMessage[FromRun] | None:
        """The next message of the run; as :meth:`heard_by_run`."""
        frame = self._frame(wait_s, silent_since_ns)
        return None if frame is None else HeardMessage(_read(messages.from_run, frame[0]), frame[1], self._at_ns)

    def close(self) -> None:
        """Never raises."""
        try:
            self._socket.close()
        except OSError:
            return

    def _frame(self, wait_s: float, silent_since_ns: int | None) -> tuple[bytes, bytes] | None:
        frame = self._next(wait_s)
        if frame is None and silent_since_ns is not None and now_ns() - silent_since_ns > SILENCE_S * 1e9:
            raise ChannelLost(f"nothing was heard for {SILENCE_S:g} s")
        return frame

    def _next(self, wait_s: float) -> tuple[bytes, bytes] | None:
        found = self._cut()
        until_s = time.monotonic() + wait_s
        while found is None:
            try:
                data = self._socket.recv(1 << 18)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                left_s = until_s - time.monotonic()
                if left_s <= 0 or not select.select([self._socket], [], [], left_s)[0]:
                    return None
                continue
            except OSError as error:
                raise ChannelLost(_said(error)) from None
            self._at_ns = now_ns()
            if not data:
                raise ChannelLost("the connection was closed")
            self._unread += data
            found = self._cut()
        return found

    def _cut(self) -> tuple[bytes, bytes] | None:
        if len(self._unread) < _LENGTHS.size:
            return None
        json_bytes, blob_bytes = _LENGTHS.unpack_from(self._unread)
        if json_bytes > self._json_max or blob_bytes > self._blob_max:
            raise ChannelLost("a message that is too large")
        end = _LENGTHS.size + json_bytes
        if len(self._unread) < end + blob_bytes:
            return None
        frame = bytes(self._unread[_LENGTHS.size : end]), bytes(self._unread[end : end + blob_bytes])
        del self._unread[: end + blob_bytes]
        return frame

    def _wait(self, until_s: float, *, writing: bool) -> None:
        left_s = until_s - time.monotonic()
        read, write = ([], [self._socket]) if writing else ([self._socket], [])
        if left_s <= 0 or not any(select.select(read, write, [], left_s)):
            raise ChannelLost("the other side does not read what it is sent")


def _read(reader: Callable[[bytes], _Heard], frame: bytes) -> _Heard:
    try:
        return reader(frame)
    except Unintelligible as error:
        raise ChannelLost(str(error)) from None


def _said(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return error.strerror or str(error)


def numeric(address: tuple[object, ...]) -> str:
    """An address and its port as text; of IPv6 in brackets."""
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connected(host: str, port: int, timeout_s: float) -> socket.socket:
    """A plain connection, by IPv6 or IPv4. Raises :class:`OSError`."""
    found = socket.create_connection((host, port), timeout_s)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found
