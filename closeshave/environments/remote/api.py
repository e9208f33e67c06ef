"""The few calls that the harness itself makes of a platform outside the measured window: register, log in, read back, cancel.

Customers' traffic speaks the API in a room of its own; this one asks gently, one call after the other, and waits when it is told to.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from closeshave.deployment import Account, Capabilities

TIMEOUT_S = 15.0
PATIENCE_S = 120.0
"""How long a limit of the platform is waited for, all in all, before a call counts as refused."""


class Refused(RuntimeError):
    """The platform did not do what it was asked; names the call and its answer, never a credential."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is logged in."""

    token: str
    csrf: str
    address: str


class Api:
    """One platform's base URL, spoken to by the harness itself."""

    def __init__(self, url: str, capabilities: Capabilities, patience_s: float = PATIENCE_S) -> None:
        self._url, self._capabilities, self._patience_s = url, capabilities, patience_s
        self._client = httpx.Client(timeout=TIMEOUT_S)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def register(self, account: Account) -> None:
        """Make the account. Raises :class:`Refused`; one that exists already is fine."""
        wanted = {"first_name": "Close", "last_name": "Shave", "email": account.email, "password": account.password}
        answer = self._ask("POST", "/api/v2/auth/register-client", _address(account.email), wanted)
        if answer.status_code != 200 and "already" not in answer.text:
            raise Refused(f"registering an account answers {answer.status_code}")

    def log_in(self, email: str, password: str) -> Caller:
        """Tokens for an account. Raises :class:`Refused`."""
        address = _address(email)
        answer = self._ask("POST", "/api/v2/auth/login", address, {"email": email, "password": password})
        if answer.status_code != 200:
            raise Refused(f"logging {email} in answers {answer.status_code}")
        body = answer.json()
        return Caller(str(body["access_token"]), str(body.get("csrf_token") or secrets.token_hex(8)), address)

    def get(self, caller: Caller, path: str, franchise: int | None = None) -> Any:
        """The JSON of a path. Raises :class:`Refused`."""
        answer = self._ask("GET", path, caller.address, None, _headers(caller, franchise))
        if answer.status_code != 200:
            raise Refused(f"GET {path} answers {answer.status_code}")
        return answer.json()

    def cancel(self, caller: Caller, booking: int, franchise: int | None = None) -> None:
        """Cancel a booking of the caller's. Raises :class:`Refused`."""
        answer = self._ask("PUT", f"/api/v2/appointments/{booking}/cancel", caller.address, {}, _headers(caller, franchise))
        if answer.status_code != 200:
            raise Refused(f"cancelling booking {booking} answers {answer.status_code}")

    def _ask(
        self, method: str, path: str, address: str, wanted: Mapping[str, object] | None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One call, and again when a limit asks for patience. Raises :class:`Refused` when there is no answer."""
        sent = dict(headers or {})
        if self._capabilities.forwarded_for:
            sent["X-Forwarded-For"] = address
        deadline = time.monotonic() + self._patience_s
        while True:
            # A client that keeps cookies would send one customer's to the next.
            self._client.cookies.clear()
            try:
                answer = self._client.request(method, self._url + path, json=wanted, headers=sent)
            except httpx.HTTPError as error:
                raise Refused(f"{method} {path}: {type(error).__name__}: {error}") from None
            wait_s = _retry_after_s(answer)
            if wait_s is None or time.monotonic() + wait_s > deadline:
                return answer
            time.sleep(wait_s)


def _headers(caller: Caller, franchise: int | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {caller.token}", "X-CSRF-Token": caller.csrf, "Cookie": f"csrf_token={caller.csrf}"}
    return headers | ({"X-Franchise-Id": str(franchise)} if franchise is not None else {})


def _retry_after_s(answer: httpx.Response) -> float | None:
    if answer.status_code != 429:
        return None
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else 60.0


def _address(email: str) -> str:
    """An address of 10.0.0.0/8 for a customer, always the same: limits are per address, and customers are people of their own."""
    digest = hashlib.blake2b(email.encode(), digest_size=3).digest()
    return f"10.{digest[0]}.{digest[1]}.{digest[2] or 1}"
