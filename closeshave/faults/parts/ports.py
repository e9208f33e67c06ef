"""TCP and HTTP on loopback: does a port answer, and what."""

from __future__ import annotations

import socket

import httpx

TIMEOUT_S = 1.0


def refusal(port: int, timeout_s: float = TIMEOUT_S) -> str:
    """Why a connection to a loopback port fails (``ConnectionRefusedError`` …); empty when it is accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout_s).close()
    except OSError as error:
        return type(error).__name__
    return ""


def status(method: str, url: str, timeout_s: float = TIMEOUT_S) -> int:
    """The HTTP status of a URL; 0 when it does not answer."""
    try:
        return httpx.request(method, url, timeout=timeout_s).status_code
    except httpx.HTTPError:
        return 0


def text(url: str, timeout_s: float = TIMEOUT_S) -> str | None:
    """The body of a URL; ``None`` when it does not answer or not with success."""
    try:
        answer = httpx.get(url, timeout=timeout_s)
    except httpx.HTTPError:
        return None
    return answer.text if answer.is_success else None
