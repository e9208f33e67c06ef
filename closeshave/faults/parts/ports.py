"""TCP and HTTP on loopback: does a port answer, and what."""

from __future__ import annotations

import socket

import httpx

TIMEOUT_S = 1.0
# One client, because each new one reads the machine's certificates first; no proxy settings, because everything is loopback.
CLIENT = httpx.Client(trust_env=False, verify=False, timeout=TIMEOUT_S)  # noqa: S501 - plain HTTP, no certificate to verify


def refusal(port: int, timeout_s: float = TIMEOUT_S) -> str:
    """Why a connection to a loopback port fails (``ConnectionRefusedError`` …); empty when it is accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout_s).close()
    except OSError as error:
        return type(error).__name__
    return ""


def status(url: str) -> int:
    """The HTTP status of a URL; 0 when it does not answer."""
    try:
        return CLIENT.get(url).status_code
    except httpx.HTTPError:
        return 0


def text(url: str) -> str | None:
    """The body of a URL; ``None`` when it does not answer or not with success."""
    try:
        answer = CLIENT.get(url)
    except httpx.HTTPError:
        return None
    return answer.text if answer.is_success else None
