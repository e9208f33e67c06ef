"""Sends a server a small request in its own protocol, directly or through a link, and measures the time to the first byte."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from closeshave.clients.address import HOST
from closeshave.deployment import Link

POSTGRES = bytes.fromhex("0000000804d2162f")
"""SSLRequest: PostgreSQL answers it with one byte, as the first message of a connection."""
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
class WireReply:
    """The result of a request."""

    after_s: float
    """Seconds until the first byte, or until it was clear that none comes."""
    saw: str
    """``answered``, ``silent``, or how the connection ended: ``closed``, ``ConnectionResetError`` …"""


def through(link: Link, timeout_s: float) -> WireReply:
    """Send a request through a link."""
    return ask(link.port, QUESTIONS[link.kind], timeout_s)


def ask(port: int, question: bytes, timeout_s: float) -> WireReply:
    """Connect to a loopback port, send a request, and wait for the first byte."""
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
    return WireReply(time.monotonic() - began_s, saw)
