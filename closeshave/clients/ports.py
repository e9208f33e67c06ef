"""TCP and HTTP on loopback: whether a port answers, and its answer."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import httpx

from closeshave.clients.address import HOST
from closeshave.files import foreign

TIMEOUT_S = 1.0
KEEPS_S = 0.05
Answer = httpx.Response
Failed = httpx.HTTPError
"""Raised by :data:`CLIENT` for no answer, and if requested for an error status."""
Late = httpx.ReadTimeout
"""Raised when the request was sent and no answer came in time."""
# One client, because each new one takes time to make; no proxy settings, because everything is loopback.
CLIENT = httpx.Client(trust_env=False, verify=False, timeout=TIMEOUT_S)  # noqa: S501 - plain HTTP, no certificate to verify
NEW = httpx.Client(trust_env=False, verify=False, timeout=TIMEOUT_S, limits=httpx.Limits(max_keepalive_connections=0))  # noqa: S501 - as above
"""Asks each question on a connection of its own: it tells whether a server accepts connections now, and no old one is in its way."""


def url(port: int, path: str = "", host: str = HOST) -> str:
    """The URL of the part that listens at this port."""
    return f"http://{host}:{port}{path}"


def unused() -> int:
    """A loopback port on which nothing listens now."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        port: int = listening.getsockname()[1]
        return port


def refusal(port: int, timeout_s: float = TIMEOUT_S) -> str:
    """Why a connection to a loopback port fails (``ConnectionRefusedError`` …); empty when it is accepted."""
    try:
        socket.create_connection((HOST, port), timeout_s).close()
    except OSError as error:
        return type(error).__name__
    return ""


def listens(port: int) -> bool:
    """Whether a server accepts a connection and keeps it open.

    A container engine's proxy accepts one for a container in which no program listens yet, and closes it at once.
    """
    try:
        with socket.create_connection((HOST, port), TIMEOUT_S) as connection:
            connection.settimeout(KEEPS_S)
            return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def get(url: str, headers: Mapping[str, str] | None = None) -> httpx.Response | None:
    """The answer of a URL, whatever its status; ``None`` when there is none."""
    try:
        return CLIENT.get(url, headers=headers)
    except httpx.HTTPError:
        return None


def status(url: str, headers: Mapping[str, str] | None = None) -> int:
    """The HTTP status of a URL; 0 when it does not answer."""
    answer = get(url, headers)
    return 0 if answer is None else answer.status_code


def fresh_status(url: str) -> int:
    """The HTTP status of a URL, asked on a connection of its own; 0 when it does not answer."""
    try:
        return NEW.get(url).status_code
    except httpx.HTTPError:
        return 0


def fresh_answer(url: str) -> tuple[int, str]:
    """The HTTP status and the text of a URL, asked on a connection of its own; 0 when it does not answer."""
    try:
        answer = NEW.get(url)
    except httpx.HTTPError:
        return 0, ""
    return answer.status_code, foreign.text(answer.content)


def answer(url: str) -> tuple[int, str]:
    """The HTTP status and the text of a URL; 0 when it does not answer."""
    found = get(url)
    return (0, "") if found is None else (found.status_code, foreign.text(found.content))


def told(url: str, question: Mapping[str, Any] | None = None) -> Any:
    """The JSON of a URL, or what it answers a JSON ``question``, whatever the status; ``None`` without an answer. On a connection of its own."""
    try:
        answer = NEW.get(url) if question is None else NEW.post(url, json=question)
        return foreign.loads(answer.content)
    except (httpx.HTTPError, ValueError):
        return None


def told_object(url: str, question: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """As :func:`told`, where a JSON object is expected; ``None`` for anything else."""
    answer = told(url, question)
    return answer if isinstance(answer, dict) else None
