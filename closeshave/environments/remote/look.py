"""The first requests to each region of a platform: is it the platform of the file?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from closeshave.clients import web
from closeshave.environments.remote.definition import Remote
from closeshave.files import foreign

TIMEOUT_S = 10.0
SHOWN = ("/", "/health", "/health/detailed", "/openapi.json", "/api/v2/payments/config")
"""Paths at which platforms are known to show their payment keys publicly."""
_LIVE = re.compile(r"\b(?:sk|pk|rk)_live_[0-9A-Za-z]+")
"""Stripe's prefixes of keys that move real money (docs.stripe.com/keys)."""


@dataclass(frozen=True, slots=True)
class RegionAnswer:
    """The answers of one region. Never holds a key, only whether one was shown."""

    region: str
    answer: Mapping[str, str]
    """The expected members of the fingerprint, as text; a member that the answer lacks is absent."""
    trouble: str = ""
    """Why there is no answer; empty when there is one."""
    live_keys_at: tuple[str, ...] = ()
    """Paths whose answers hold a live payment key."""


def look(definition: Remote) -> tuple[RegionAnswer, ...]:
    """Read the fingerprint of every region, and a few pages that must not show a live payment key. Redirects are not followed."""
    with web.client(TIMEOUT_S, definition.proxy) as client:
        return tuple(_look(client, definition, region, url) for region, url in definition.regions.items())


def _look(client: web.Client, definition: Remote, region: str, url: str) -> RegionAnswer:
    try:
        answer = client.get(url + definition.fingerprint.path)
    except web.FAILED as error:
        return RegionAnswer(region, {}, _trouble(url, error))
    if answer.is_redirect:
        there = foreign.address(answer.headers.get("location", ""))
        return RegionAnswer(region, {}, f"is redirected to {(there and there.netloc) or 'another path'}, which is not followed")
    try:
        told = members(foreign.loads(answer.content), tuple(definition.fingerprint.expect))
    except ValueError:
        return RegionAnswer(region, {}, f"answers {answer.status_code} without JSON")
    shown = tuple(path for path in SHOWN if _LIVE.search(_text(client, url + path)))
    return RegionAnswer(region, told, live_keys_at=shown)


def members(document: Any, names: tuple[str, ...]) -> dict[str, str]:
    """The named members of a JSON document (nested ones with dots), as text; missing ones are left out. Pure."""
    found = {}
    for name in names:
        value = document
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found[name] = str(value)
    return found


def shows_live_key(text: str) -> bool:
    """Whether a text holds a key that moves real money. Pure."""
    return _LIVE.search(text) is not None


def _text(client: web.Client, url: str) -> str:
    try:
        return foreign.text(client.get(url).content)
    except web.FAILED:
        # A page that cannot be read shows no key; the fingerprint checks whether the platform answers at all.
        return ""


def _trouble(url: str, error: Exception) -> str:
    host = urlsplit(url).hostname
    reason = str(error).lower()
    if "name or service not known" in reason or "nodename nor servname" in reason or "name resolution" in reason:
        return f"unknown host {host}"
    return f"{host} cannot be reached: {type(error).__name__}: {error}"
