"""The few calls that the harness itself sends to a platform outside the measured window: register, log in, read back, cancel.

The customers' traffic has its own client; this one sends one call after the other, and waits when a rate limit says so.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from closeshave.caps.pace import FREE, Pace
from closeshave.clients import web
from closeshave.deployment import Account, Capabilities, Proxy
from closeshave.environments.remote.listing import Page
from closeshave.files import foreign

TIMEOUT_S = 15.0
PATIENCE_S = 120.0
"""How long a call waits for rate limits of the platform, in total, before it counts as refused."""


class CallRefused(RuntimeError):
    """The platform refused a call; names the call and its answer, never a credential."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """The status of the answer; 0 if there was none."""


@dataclass(frozen=True, slots=True)
class ApiUser:
    """A user who is logged in."""

    token: str
    csrf: str
    address: str
    refresh_token: str = ""
    client: str | None = None
    """The platform's ID of the customer, as bookings name it."""


class Api:
    """One platform's base URL, for calls of the harness itself."""

    def __init__(
        self, url: str, capabilities: Capabilities, patience_s: float = PATIENCE_S, pace: Pace = FREE, proxy: Proxy | None = None
    ) -> None:
        """``pace`` is shared by all clients of one platform, because its cap counts their requests together."""
        self.url, self._capabilities, self._patience_s, self._pace = url, capabilities, patience_s, pace
        self._client = web.client(TIMEOUT_S, proxy)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def register(self, account: Account) -> None:
        """Register the account. Raises :class:`CallRefused`, but not if the account already exists."""
        wanted = {"first_name": "Close", "last_name": "Shave", "email": account.email, "password": account.password}
        answer = self._ask("POST", "/api/v2/auth/register-client", address_of(account.email), wanted)
        if answer.status_code != 200 and b"already" not in answer.content:
            raise CallRefused(f"registering an account answers {answer.status_code}")

    def log_in(self, email: str, password: str) -> ApiUser:
        """Tokens for an account. Raises :class:`CallRefused`."""
        address = address_of(email)
        answer = self._ask("POST", "/api/v2/auth/login", address, {"email": email, "password": password})
        body = _json(answer, f"logging {email} in")
        token = _token(answer, body, f"logging {email} in")
        user = body.get("user")
        client = user.get("id") if isinstance(user, dict) else None
        csrf = body["csrf_token"] if foreign.sendable(body.get("csrf_token")) else secrets.token_hex(8)
        return ApiUser(token, csrf, address, str(body.get("refresh_token") or ""), None if client is None else str(client))

    def refresh(self, caller: ApiUser) -> ApiUser:
        """The same caller with a new token. Raises :class:`CallRefused`."""
        answer = self._ask("POST", "/api/v2/auth/refresh", caller.address, {"refresh_token": caller.refresh_token})
        body = _json(answer, "refreshing a token")
        token = _token(answer, body, "refreshing a token")
        return replace(caller, token=token, refresh_token=str(body.get("refresh_token") or caller.refresh_token))

    def whoami(self, caller: ApiUser) -> str | None:
        """The platform's ID of the caller; ``None`` if the answer has none. Raises :class:`CallRefused`."""
        told = self.get(caller, "/api/v2/auth/me")
        return str(told["id"]) if isinstance(told, dict) and told.get("id") is not None else None

    def get(self, caller: ApiUser, path: str, franchise: int | None = None) -> Any:
        """The JSON of a path. Raises :class:`CallRefused`."""
        return self.page(caller, path, franchise).body

    def page(self, caller: ApiUser, path: str, franchise: int | None = None) -> Page:
        """A page of a list, with the header that may name the next one. Raises :class:`CallRefused`."""
        answer = self._ask("GET", path, caller.address, None, _headers(caller, franchise))
        if answer.status_code != 200:
            raise CallRefused(f"GET {path} answers {answer.status_code}", answer.status_code)
        return Page(_json(answer, f"GET {path}"), answer.headers.get("link", ""))

    def book(self, caller: ApiUser, wanted: Mapping[str, object], franchise: int | None, key: str) -> dict[str, Any]:
        """Book; returns the booking as answered. Raises :class:`CallRefused`."""
        answer = self._ask("POST", "/api/v2/appointments/", caller.address, wanted, _headers(caller, franchise) | {"Idempotency-Key": key})
        told = _json(answer, "booking")
        if answer.status_code not in {200, 201} or not isinstance(told, dict):
            raise CallRefused(f"booking answers {answer.status_code}", answer.status_code)
        return told

    def cancel(self, caller: ApiUser, booking: int | str, franchise: int | None = None) -> None:
        """Cancel a booking of the caller's. Raises :class:`CallRefused`."""
        answer = self._ask(
            "PUT", f"/api/v2/appointments/{foreign.segment(booking)}/cancel", caller.address, {}, _headers(caller, franchise)
        )
        if answer.status_code != 200:
            raise CallRefused(f"cancelling booking {booking} answers {answer.status_code}", answer.status_code)

    def _ask(
        self, method: str, path: str, address: str, wanted: Mapping[str, object] | None, headers: Mapping[str, str] | None = None
    ) -> web.Answer:
        """Send one call, and repeat it when a rate limit says to wait. Raises :class:`CallRefused` when there is no answer."""
        sent = dict(headers or {})
        if self._capabilities.forwarded_for:
            sent["X-Forwarded-For"] = address
        deadline = time.monotonic() + self._patience_s
        while True:
            # A client that keeps cookies would send one customer's to the next.
            self._client.cookies.clear()
            self._pace.wait()
            try:
                answer = self._client.request(method, self.url + path, json=wanted, headers=sent)
            except web.FAILED as error:
                raise CallRefused(f"{method} {path}: {type(error).__name__}: {error}") from None
            wait_s = _retry_after_s(answer)
            if wait_s is None or time.monotonic() + wait_s > deadline:
                return answer
            time.sleep(wait_s)


def _json(answer: web.Answer, what: str) -> Any:
    """The JSON of an answer. Raises :class:`CallRefused` if it is not JSON."""
    try:
        return foreign.loads(answer.content)
    except ValueError:
        raise CallRefused(f"{what} answers {answer.status_code} without JSON", answer.status_code) from None


def _token(answer: web.Answer, body: Any, what: str) -> str:
    """The access token of an answer. Raises :class:`CallRefused` if there is none, or if it cannot be sent in a header."""
    token = body.get("access_token") if answer.status_code == HTTPStatus.OK and isinstance(body, dict) else None
    if not token:
        raise CallRefused(f"{what} answers {answer.status_code}", answer.status_code)
    if not foreign.sendable(token):
        raise CallRefused(f"{what} returned an access_token that cannot be sent in a header")
    return str(token)


def _headers(caller: ApiUser, franchise: int | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {caller.token}", "X-CSRF-Token": caller.csrf, "Cookie": f"csrf_token={caller.csrf}"}
    return headers | ({"X-Franchise-Id": str(franchise)} if franchise is not None else {})


def _retry_after_s(answer: web.Answer) -> float | None:
    if answer.status_code != 429:
        return None
    return web.retry_after_s(answer.headers.get("retry-after", ""), 60.0)


def address_of(email: str) -> str:
    """An address of 10.0.0.0/8 for a customer, always the same, because limits are per address and customers do not share one."""
    digest = hashlib.blake2b(email.encode(), digest_size=3).digest()
    return f"10.{digest[0]}.{digest[1]}.{digest[2] or 1}"
