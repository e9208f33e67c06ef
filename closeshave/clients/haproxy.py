"""HAProxy's runtime API: one command, one answer."""

from __future__ import annotations

import socket

from closeshave.clients.address import HOST

TIMEOUT_S = 2.0
ANSWER_BYTES_MAX = 1 << 20


def answer(port: int, command: str) -> str:
    """The answer to one command, on a connection of its own, which HAProxy closes after it. Raises :class:`OSError`."""
    with socket.create_connection((HOST, port), TIMEOUT_S) as connection:
        connection.sendall(f"{command}\n".encode())
        got = b""
        while (more := connection.recv(1 << 16)) and len(got) < ANSWER_BYTES_MAX:
            got += more
    return got.decode(errors="replace")
