"""The requests that the doctor sends to a platform, one after the other, and the answers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

from closeshave.api.spoken import ApiRequest, SpokenApi, shipped
from closeshave.clients import web
from closeshave.deployment import Proxy
from closeshave.environments.remote import address
from closeshave.environments.remote.listing import Page
from closeshave.files import foreign

TIMEOUT_S = 10.0
NOBODY: Mapping[str, Any] = {"token": "", "csrf": None, "address": None, "client": None, "franchise": None}
"""The placeholders of a request without an account."""
SILENCE_S = 1.5
"""A server that keeps a connection this long after a refusal counts as keeping it."""
PATIENCE_S = 130.0
"""How long a request that must be answered waits for rate limits, in total: bookings of the examination must be cancelled."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to one call."""

    status: int
    """0 if there was no answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    body: Any = None
    """JSON, or ``None``. The right answer to an operation is in the harness's form."""
    trouble: str = ""
    dropped: bool = False
    """Whether the connection was closed without ``Connection: close``."""
    took_s: float = 0.0
    text: str = ""
    """The beginning of an answer that is not JSON."""
    words: str = ""
    """The message of a refusal where the API profile says that it is."""

    @property
    def good(self) -> bool:
        """A 2xx."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """Its status, and the message of a refusal."""
        if self.trouble:
            return self.trouble
        told = self.words[:100] or message(self.body)
        return f"answers {self.status}" + (f" ({told})" if told and not self.good else "")


class Asker:
    """Sends requests to one region of a platform, and keeps the answers by the name of the request."""

    def __init__(self, url: str, proxy: Proxy | None = None, api: SpokenApi | None = None) -> None:
        """``api`` is BookedBarber V2 by default."""
        self.url, self._proxy, self.api = url, proxy, api or shipped()
        self._client = web.client(TIMEOUT_S, proxy)
        self.heard: dict[str, Heard] = {}

    def ask(self, name: str, request: ApiRequest, operation: str = "") -> Any:
        """Send a request and keep the answer; returns its JSON, a right answer to an operation in the harness's form."""
        self.heard[name] = self.hear(request, operation)
        return self.heard[name].body

    def get(self, name: str, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """Send a plain GET and keep the answer; returns its JSON."""
        return self.ask(name, ApiRequest("GET", path, dict(headers or {})))

    def hear(self, request: ApiRequest, operation: str = "") -> Heard:
        """Send a request without keeping the answer."""
        self._client.cookies.clear()
        return self._hear(self._client, request, operation)

    def insist(self, request: ApiRequest, operation: str = "") -> Heard:
        """Send a request, and repeat it when a rate limit says to wait."""
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.hear(request, operation)
            wait_s = web.retry_after_s(answer.headers.get("retry-after", ""), 60.0)
            if not self.api.is_throttled(answer.status, answer.body) or time.monotonic() + wait_s > until:
                return answer
            time.sleep(wait_s)

    def page(self, request: ApiRequest, path: str) -> Page:
        """A page of a list at a path. Raises :class:`RuntimeError` without a good answer."""
        answer = self.insist(replace(request, path=path))
        if not answer.good:
            raise RuntimeError(answer.said)
        return Page(answer.body, answer.headers.get("link", ""))

    def ask_at_once(self, name: str, times: int, request: ApiRequest, operation: str) -> list[Heard]:
        """Send the same change several times at the same instant, each on a connection of its own; the last answer is also kept."""
        clients = [web.client(TIMEOUT_S, self._proxy) for _ in range(times)]
        try:
            for client in clients:
                # Opened before, so that the requests arrive together.
                self._hear(client, ApiRequest("GET", self.api.profile.ready, {}), "")
            # No thread sends before all are ready: the request of a late thread would come second.
            everybody = Barrier(times)

            def one(client: web.Client) -> Heard:
                everybody.wait(TIMEOUT_S)
                return self._hear(client, request, operation)

            with ThreadPoolExecutor(times) as pool:
                found = list(pool.map(one, clients))
        finally:
            for client in clients:
                client.close()
        self.heard[name] = found[-1]
        return found

    def ask_without_csrf(self) -> None:
        """Send a change without a CSRF pair on a connection of its own: is it refused, and is the connection then closed without notice?

        Not done through a proxy, because the connection would be the proxy's, nor for an API without such a pair.
        """
        book = self.api.profile.operations.book
        if self._proxy is not None or not self.api.has_csrf or "{" in book.path:
            return
        host = urlsplit(self.url).netloc
        sent = f"{book.method} {book.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
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

    def _hear(self, client: web.Client, request: ApiRequest, operation: str) -> Heard:
        begun = time.monotonic()
        try:
            answer = client.request(request.method, self.url + request.path, content=request.body, headers=request.headers)
        except web.FAILED as error:
            return Heard(0, trouble=type(error).__name__, took_s=time.monotonic() - begun)
        heard = Heard(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, took_s=time.monotonic() - begun)
        try:
            body = foreign.loads(answer.content)
        except ValueError:
            if heard.good and operation and not answer.content:
                return replace(heard, body=self.api.told(operation, None))
            return replace(heard, text=foreign.text(answer.content)[:200])
        if not heard.good:
            return replace(heard, body=body, words=self.api.message(body))
        return replace(heard, body=self.api.told(operation, body) if operation else body)


def ask_as_anybody(asker: Asker, fingerprint: str) -> None:
    """Send all requests that need no account and change nothing."""
    asker.get("fingerprint", fingerprint)
    api, more = asker.api, asker.api.profile.examined
    for name, path in more.health.items():
        asker.get(name, path)
    if more.client_address is not None:
        asker.get("client address", more.client_address, address.headers(api))
    services = api.profile.operations.services
    if services is not None and not services.personal:
        asker.get("public services", api.request("services", dict(NOBODY)).path)
    if more.without_slash is not None:
        asker.get("no slash", more.without_slash)


def message(body: Any) -> str:
    """The message of a refusal, in any of the forms that the API uses. Pure."""
    if not isinstance(body, dict):
        return ""
    told = body.get("error") or body.get("detail") or body.get("message")
    if isinstance(told, dict):
        told = told.get("message") or told.get("type")
    return str(told)[:100] if told else ""
