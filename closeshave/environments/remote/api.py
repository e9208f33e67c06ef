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

from closeshave.api.spoken import ApiRequest, SpokenApi, shipped
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
        self,
        url: str,
        capabilities: Capabilities,
        patience_s: float = PATIENCE_S,
        pace: Pace = FREE,
        proxy: Proxy | None = None,
        spoken: SpokenApi | None = None,
        authority: str = "",
    ) -> None:
        """``pace`` is shared by all clients of one platform, because its cap counts their requests together. ``spoken`` is BookedBarber V2 by default.
        ``authority`` is the file of the only authority that is trusted; empty: the system's."""
        self.url, self._capabilities, self._patience_s, self._pace = url, capabilities, patience_s, pace
        self.spoken = spoken or shipped()
        self._client = web.client(TIMEOUT_S, proxy, authority=authority)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def register(self, account: Account) -> None:
        """Register the account. Raises :class:`CallRefused`, but not if the account already exists."""
        if "register" not in self.spoken.offers:
            raise CallRefused(f"the API profile {self.spoken.profile.name} has no operations.register")
        answer = self._ask("register", _nobody(account.email), email=account.email, password=account.password)
        if not _good(answer) and not self.spoken.says_registered(_json_or_none(answer)):
            raise CallRefused(f"registering an account answers {answer.status_code}")

    def log_in(self, email: str, password: str) -> ApiUser:
        """Tokens for an account. Raises :class:`CallRefused`."""
        caller, what = _nobody(email), f"logging {email} in"
        body = self._credentials(self._ask("login", caller, email=email, password=password), "login", what)
        client = body.get("client_id")
        csrf = body["csrf_token"] if foreign.sendable(body.get("csrf_token")) else caller.csrf
        refresh = str(body.get("refresh_token") or "")
        return ApiUser(str(body["access_token"]), csrf, caller.address, refresh, None if client is None else str(client))

    def refresh(self, caller: ApiUser) -> ApiUser:
        """The same caller with a new token. Raises :class:`CallRefused`."""
        if "refresh" not in self.spoken.offers:
            raise CallRefused("the platform renews no tokens")
        body = self._credentials(self._ask("refresh", caller, refresh_token=caller.refresh_token), "refresh", "refreshing a token")
        return replace(caller, token=str(body["access_token"]), refresh_token=str(body.get("refresh_token") or caller.refresh_token))

    def whoami(self, caller: ApiUser) -> str | None:
        """The platform's ID of the caller; ``None`` if the answer has none. Raises :class:`CallRefused`."""
        told = self.told(caller, "profile") if "profile" in self.spoken.offers else None
        return str(told["client_id"]) if isinstance(told, dict) and told.get("client_id") is not None else None

    def told(self, caller: ApiUser, operation: str, franchise: int | None = None, **values: Any) -> Any:
        """The answer to a read in the harness's form. Raises :class:`CallRefused`."""
        answer = self._ask(operation, caller, franchise, **values)
        if not _good(answer):
            raise CallRefused(f"{operation} answers {answer.status_code}", answer.status_code)
        return self.spoken.told(operation, _json(answer, operation))

    def path(self, caller: ApiUser, operation: str, franchise: int | None = None) -> str:
        """The path of a list with its query."""
        return self._request(operation, caller, franchise).path

    def page(self, caller: ApiUser, operation: str, path: str, franchise: int | None = None) -> Page:
        """A page of the list ``operation`` at a path, with the header that may name the next one. Raises :class:`CallRefused`."""
        answer = self._send(replace(self._request(operation, caller, franchise), path=path))
        if answer.status_code != 200:
            raise CallRefused(f"GET {path} answers {answer.status_code}", answer.status_code)
        return Page(_json(answer, f"GET {path}"), answer.headers.get("link", ""))

    def book(self, caller: ApiUser, wanted: Mapping[str, Any], franchise: int | None, key: str) -> dict[str, Any]:
        """Book what the placeholders of a slot say; returns the booking as answered. Raises :class:`CallRefused`."""
        answer = self._ask("book", caller, franchise, key=key, **{"barber": None, "service": self.spoken.usual, **wanted})
        told = self.spoken.told("book", _json(answer, "booking"))
        if not _good(answer) or not isinstance(told, dict):
            raise CallRefused(f"booking answers {answer.status_code}", answer.status_code)
        return told

    def cancel(self, caller: ApiUser, booking: int | str, franchise: int | None = None) -> None:
        """Cancel a booking of the caller's. Raises :class:`CallRefused`."""
        answer = self._ask("cancel", caller, franchise, booking=booking)
        if not _good(answer):
            raise CallRefused(f"cancelling booking {booking} answers {answer.status_code}", answer.status_code)

    def _credentials(self, answer: web.Answer, operation: str, what: str) -> dict[str, Any]:
        """The answer with an access token. Raises :class:`CallRefused` if there is none, or if it cannot be sent in a header."""
        raw = _json(answer, what)
        body = self.spoken.told(operation, raw) if answer.status_code in _LOGGED_IN else None
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not token:
            raise CallRefused(f"{what} answers {answer.status_code}", answer.status_code)
        if not foreign.sendable(token):
            raise CallRefused(f"{what} returned an access_token that cannot be sent in a header")
        return body

    def _ask(self, operation: str, caller: ApiUser, franchise: int | None = None, **values: Any) -> web.Answer:
        return self._send(self._request(operation, caller, franchise, **values))

    def _request(self, operation: str, caller: ApiUser, franchise: int | None = None, **values: Any) -> ApiRequest:
        """Without what the platform must not get. A path with a franchise needs one also where there are none."""
        values |= {
            "token": caller.token,
            "csrf": caller.csrf,
            "address": caller.address,
            "client": caller.client,
            "franchise": franchise or 1,
        }
        made = self.spoken.request(operation, values)
        withheld = self.spoken.withheld(franchises=franchise is not None, forwarded_for=self._capabilities.forwarded_for)
        return replace(made, headers={name: value for name, value in made.headers.items() if name not in withheld})

    def _send(self, made: ApiRequest) -> web.Answer:
        """Send one call, and repeat it when a rate limit says to wait. Raises :class:`CallRefused` when there is no answer."""
        deadline = time.monotonic() + self._patience_s
        while True:
            # A client that keeps cookies would send one customer's to the next.
            self._client.cookies.clear()
            self._pace.wait()
            try:
                answer = self._client.request(made.method, self.url + made.path, content=made.body, headers=made.headers)
            except web.FAILED as error:
                raise CallRefused(f"{made.method} {made.path}: {type(error).__name__}: {error}") from None
            wait_s = self._wait_s(answer)
            if wait_s is None or time.monotonic() + wait_s > deadline:
                return answer
            time.sleep(wait_s)

    def _wait_s(self, answer: web.Answer) -> float | None:
        if answer.status_code < 400 or not self.spoken.is_throttled(answer.status_code, _json_or_none(answer)):
            return None
        return web.retry_after_s(answer.headers.get("retry-after", ""), 60.0)


_LOGGED_IN = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})


def _nobody(email: str) -> ApiUser:
    """Somebody who is not logged in yet."""
    return ApiUser("", secrets.token_hex(8), address_of(email))


def _good(answer: web.Answer) -> bool:
    return 200 <= answer.status_code < 300


def _json_or_none(answer: web.Answer) -> Any:
    try:
        return foreign.loads(answer.content)
    except ValueError:
        return None


def _json(answer: web.Answer, what: str) -> Any:
    """The JSON of an answer. Raises :class:`CallRefused` if it is not JSON."""
    try:
        return foreign.loads(answer.content)
    except ValueError:
        raise CallRefused(f"{what} answers {answer.status_code} without JSON", answer.status_code) from None


def address_of(email: str) -> str:
    """An address of 10.0.0.0/8 for a customer, always the same, because limits are per address and customers do not share one."""
    digest = hashlib.blake2b(email.encode(), digest_size=3).digest()
    return f"10.{digest[0]}.{digest[1]}.{digest[2] or 1}"
