"""The requests that the doctor sends to a platform, one after the other, and the answers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

from closeshave.clients import web
from closeshave.deployment import Proxy
from closeshave.environments.remote import address
from closeshave.environments.remote.listing import Page
from closeshave.files import foreign

TIMEOUT_S = 10.0
SILENCE_S = 1.5
"""A server that keeps a connection this long after a refusal counts as keeping it."""
PATIENCE_S = 130.0
"""How long a request that must be answered waits for rate limits, in total: bookings of the examination must be cancelled."""
HEALTH: Mapping[str, str] = {
    "health": "/health",
    "health/": "/health/",
    "health/live": "/health/live",
    "ready": "/health/ready",
    "health/detailed": "/health/detailed",
    "health/database": "/health/database",
    "health/redis": "/health/redis",
    "health/dependencies": "/health/dependencies",
    "metrics": "/metrics",
}
"""Requests that need no account."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to one call."""

    status: int
    """0 if there was no answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    body: Any = None
    """JSON, or ``None``."""
    trouble: str = ""
    dropped: bool = False
    """Whether the connection was closed without ``Connection: close``."""
    took_s: float = 0.0
    text: str = ""
    """The beginning of an answer that is not JSON."""

    @property
    def good(self) -> bool:
        """A 2xx."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """Its status, and the message of a refusal."""
        if self.trouble:
            return self.trouble
        told = message(self.body)
        return f"answers {self.status}" + (f" ({told})" if told and not self.good else "")


class Asker:
    """Sends requests to one region of a platform, and keeps the answers by the name of the request."""

    def __init__(self, url: str, proxy: Proxy | None = None) -> None:
        self.url, self._proxy = url, proxy
        self._client = web.client(TIMEOUT_S, proxy)
        self.heard: dict[str, Heard] = {}

    def ask(self, name: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Send a request and keep the answer; returns its JSON."""
        self.heard[name] = self.hear(method, path, body, headers)
        return self.heard[name].body

    def hear(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Heard:
        """Send a request without keeping the answer."""
        self._client.cookies.clear()
        return _hear(self._client, method, self.url + path, body, headers)

    def insist(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Heard:
        """Send a request, and repeat it when a rate limit says to wait."""
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.hear(method, path, body, headers)
            wait_s = web.retry_after_s(answer.headers.get("retry-after", ""), 60.0)
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() + wait_s > until:
                return answer
            time.sleep(wait_s)

    def page(self, headers: Mapping[str, str], path: str) -> Page:
        """A page of a list. Raises :class:`RuntimeError` without a good answer."""
        answer = self.insist("GET", path, None, headers)
        if not answer.good:
            raise RuntimeError(answer.said)
        return Page(answer.body, answer.headers.get("link", ""))

    def ask_at_once(self, name: str, times: int, path: str, body: object, headers: Mapping[str, str]) -> list[Heard]:
        """Send the same change several times at the same instant, each on a connection of its own; the last answer is also kept."""
        clients = [web.client(TIMEOUT_S, self._proxy) for _ in range(times)]
        try:
            for client in clients:
                # Opened before, so that the requests arrive together.
                _hear(client, "GET", self.url + "/health", None, None)
            # No thread sends before all are ready: the request of a late thread would come second.
            everybody = Barrier(times)

            def one(client: web.Client) -> Heard:
                everybody.wait(TIMEOUT_S)
                return _hear(client, "POST", self.url + path, body, headers)

            with ThreadPoolExecutor(times) as pool:
                found = list(pool.map(one, clients))
        finally:
            for client in clients:
                client.close()
        self.heard[name] = found[-1]
        return found

    def ask_without_csrf(self) -> None:
        """Send a change without a CSRF pair on a connection of its own: is it refused, and is the connection then closed without notice?

        Not done through a proxy, because the connection would be the proxy's.
        """
        if self._proxy is not None:
            return
        host = urlsplit(self.url).netloc
        sent = f"POST /api/v2/appointments/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        try:
            received, closed = web.answer_to(self.url, sent.encode(), TIMEOUT_S, SILENCE_S)
        except OSError as error:
            self.heard["no csrf"] = Heard(0, trouble=type(error).__name__)
            return
        status = received.split(b" ", 2)[1:2]
        said = b"connection: close" in received.lower()
        self.heard["no csrf"] = Heard(
            int(status[0]) if status and re.fullmatch(rb"[0-9]{3}", status[0]) else 0, dropped=closed and not said
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def ask_as_anybody(asker: Asker, fingerprint: str) -> None:
    """Send all requests that need no account and change nothing."""
    asker.ask("fingerprint", "GET", fingerprint)
    for name, path in HEALTH.items():
        asker.ask(name, "GET", path)
    asker.ask("client address", "GET", address.ROUTE, None, {"X-Forwarded-For": address.SENT})
    asker.ask("public services", "GET", "/api/v2/public/services/")
    asker.ask("no slash", "GET", "/api/v2/public/services")


def message(body: Any) -> str:
    """The message of a refusal, in any of the forms that the API uses. Pure."""
    if not isinstance(body, dict):
        return ""
    told = body.get("error") or body.get("detail") or body.get("message")
    if isinstance(told, dict):
        told = told.get("message") or told.get("type")
    return str(told)[:100] if told else ""


def _hear(client: web.Client, method: str, url: str, body: object, headers: Mapping[str, str] | None) -> Heard:
    begun = time.monotonic()
    try:
        answer = client.request(method, url, json=body, headers=dict(headers or {}))
    except web.FAILED as error:
        return Heard(0, trouble=type(error).__name__, took_s=time.monotonic() - begun)
    heard = Heard(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, took_s=time.monotonic() - begun)
    try:
        return replace(heard, body=foreign.loads(answer.content))
    except ValueError:
        return replace(heard, text=foreign.text(answer.content)[:200])
