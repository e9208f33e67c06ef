"""Ask the far end of a link a small question in its own protocol and take the time until it says anything."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from closeshave.deployment import Link

POSTGRES = bytes.fromhex("0000000804d2162f")
"""SSLRequest: any PostgreSQL answers it with one byte, before anything else is said."""
VALKEY = b"PING\r\n"
HTTP = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
QUESTIONS = {
    "app-database": POSTGRES,
    "replication": POSTGRES,
    "app-cache": VALKEY,
    "app-payments": HTTP,
    "ingress": HTTP,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back through a link."""

    after_s: float
    """Until it came, or until it was clear that nothing would."""
    saw: str
    """``answered``, ``silent``, or how the connection ended: ``closed``, ``ConnectionResetError`` …"""


def ask(link: Link, timeout_s: float) -> Reply:
    """Connect to a link's entrance, ask, and wait for the first byte."""
    began_s = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", link.port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(QUESTIONS[link.kind])
            saw = "answered" if connection.recv(1) else "closed"
    except TimeoutError:
        saw = "silent"
    except OSError as error:
        saw = type(error).__name__
    return Reply(time.monotonic() - began_s, saw)
