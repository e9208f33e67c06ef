"""What the kernel knows about the TCP connections of other processes: whether data arrived through a port, without sending any.

Linux reports it by ``sock_diag(7)`` over netlink, to any user; the layout is that of ``struct inet_diag_msg`` and ``struct tcp_info``.

This file needs only the standard library, because it also runs where nothing else is available (see ``hearing.py``): then it prints its result as JSON.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_DUMP = 0x301
ERROR, DONE = 2, 3
TCP_INFO = 2
ESTABLISHED = 1 << 1
HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
MESSAGE_BYTES = 72
"""The size of ``struct inet_diag_msg``, which is followed by attributes."""
LAST_DATA_RECEIVED_AT, BYTES_RECEIVED_AT = 52, 128
"""Offsets in ``struct tcp_info``: milliseconds since the last received data, and the number of received bytes."""


def heard_ms() -> dict[int, int]:
    """Local port → how many milliseconds ago a client's data last arrived through it, on any open connection.

    Ports on which no open connection has received data are missing. Raises :class:`OSError` if the kernel does not report it.
    """
    heard: dict[int, int] = {}
    for port, info in _connections():
        if len(info) >= BYTES_RECEIVED_AT + 8 and struct.unpack_from("=Q", info, BYTES_RECEIVED_AT)[0]:
            (ago_ms,) = struct.unpack_from("=I", info, LAST_DATA_RECEIVED_AT)
            heard[port] = min(ago_ms, heard.get(port, ago_ms))
    return heard


def _connections() -> Iterator[tuple[int, bytes]]:
    """Local port and ``struct tcp_info`` of every established connection of this machine, both ends each.

    IPv4 connections of both socket families: a server that listens on all addresses often uses an IPv6 socket for both, as every Go program does.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        yield from _connections_of(family)


def _connections_of(family: int) -> Iterator[tuple[int, bytes]]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        about = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 1 << (TCP_INFO - 1), 0, ESTABLISHED) + bytes(48)
        kernel.send(HEADER.pack(HEADER.size + len(about), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 1, 0) + about)
        while True:
            answer = kernel.recv(1 << 17)
            while answer:
                length, kind, *_ = HEADER.unpack_from(answer)
                if kind == DONE:
                    return
                if kind == ERROR:
                    raise OSError(-struct.unpack_from("=i", answer, HEADER.size)[0], "the kernel does not list its sockets")
                yield _parse(answer[HEADER.size : length])
                answer = answer[(length + 3) & ~3 :]


def _parse(message: bytes) -> tuple[int, bytes]:
    (port,) = struct.unpack_from("!H", message, 4)
    at = MESSAGE_BYTES
    while at < len(message):
        length, kind = ATTRIBUTE.unpack_from(message, at)
        if kind == TCP_INFO:
            return port, message[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return port, b""


if __name__ == "__main__":
    print(json.dumps(heard_ms()))  # noqa: T201 - its output is what it was run for
