"""Ask a server a small question in its own protocol, straight or through a link, and take the time until it says anything."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from closeshave.clients.address import HOST
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

ANSWERED, SILENT = "answered", "silent"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    after_s: float
    """Until it came, or until it was clear that nothing would."""
    saw: str
    """``answered``, ``silent``, or how the connection ended: ``closed``, ``ConnectionResetError`` …"""


def through(link: Link, timeout_s: float) -> Reply:
    """Ask the far end of a link at its entrance."""
    return ask(link.port, QUESTIONS[link.kind], timeout_s)


def ask(port: int, question: bytes, timeout_s: float) -> Reply:
    """Connect to a loopback port, ask, and wait for the first byte."""
    began_s = time.monotonic()
    try:
        with socket.create_connection((HOST, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(question)
            saw = ANSWERED if connection.recv(1) else "closed"
    except TimeoutError:
        saw = SILENT
    except OSError as error:
        saw = type(error).__name__
    return Reply(time.monotonic() - began_s, saw)
