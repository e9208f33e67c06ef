"""The client address that a platform sees: if the platform returns it, one request shows whether it uses ``X-Forwarded-For``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from closeshave.api.spoken import SpokenApi

SENT = "10.77.13.9"
"""A private address, like those that the harness gives its customers."""
NAMES = ("client_ip", "clientIp", "client_address", "remote_addr", "remote_address", "ip")


@dataclass(frozen=True, slots=True)
class Known:
    """How the platform answered with and without the header."""

    honoured: bool | None
    """Whether the platform uses the header; ``None`` if it does not show that."""
    as_: str = ""
    """The address that it sees for this machine, with or without the header; empty if it does not show it."""


def headers(api: SpokenApi) -> dict[str, str]:
    """What a customer of that address sends by the API's profile; ``X-Forwarded-For`` if it says nothing."""
    found = api.addressed(SENT)
    return found or {"X-Forwarded-For": SENT}


def known(without: Any, with_header: Any) -> Known:
    """Conclude from two answers of a health route. Pure."""
    plain, forwarded = told(without), told(with_header)
    if not forwarded:
        return Known(None, plain)
    if forwarded.split(",")[0].strip() == SENT:
        return Known(True, plain)
    return Known(False, forwarded)


def told(body: Any) -> str:
    """The caller's address anywhere in a body; empty if there is none. Pure."""
    if not isinstance(body, Mapping):
        return ""
    for name in NAMES:
        if isinstance(body.get(name), str):
            return str(body[name])
    return next((found for value in body.values() if (found := told(value))), "")
