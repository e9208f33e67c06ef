"""Which hosts may be loaded by hand: this machine, and platforms that an environment file names as development or staging."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from contextlib import suppress
from functools import cache

from closeshave.files import foreign
from closeshave.files.shipped import available, locate
from closeshave.files.yamlfile import InvalidFile, document


def refusal(url: str, named: Collection[str]) -> str:
    """Why this base URL must not be loaded; empty when it may. ``named`` are base URLs of environment files. Pure."""
    parts = foreign.address(url)
    host = (parts.hostname if parts is not None else None) or ""
    if is_loopback(host) or url.rstrip("/") in {other.rstrip("/") for other in named}:
        return ""
    return (
        f"{host or url!r} is neither this machine nor a platform that a file in environments/ names as development or staging; "
        "add such a file, or use closeshave run"
    )


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine. Pure."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


@cache
def named() -> frozenset[str]:
    """The base URLs that environment files name as development or staging. Other platforms may only be loaded by ``closeshave run``."""
    found: set[str] = set()
    for name in available("environments"):
        with suppress(InvalidFile):
            raw = document(locate("environments", name))
            regions = raw.get("regions")
            if raw.get("kind") == "remote" and raw.get("stage") in ("development", "staging") and isinstance(regions, dict):
                found |= {str(url) for url in regions.values()}
    return frozenset(found)
