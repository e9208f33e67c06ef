"""A handful of gentle calls to a platform, one after the other: what each answered, for whoever judges it. One booking is made and cancelled."""

from __future__ import annotations

import secrets
import socket
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from closeshave.deployment import Account
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.people import new_account, read

TIMEOUT_S = 10.0
SILENCE_S = 1.5
"""How long a server may keep a refused connection before it counts as one that keeps it."""
TAG = "closeshave:doctor"
DAYS_AHEAD = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What one call was answered."""

    status: int
    """0: not at all."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    body: Any = None
    """JSON, or ``None``."""
    trouble: str = ""
    dropped: bool = False
    """The connection was closed without ``Connection: close``."""


class Asker:
    """Asks one region of a platform, and keeps what it heard by the name of the question."""

    def __init__(self, url: str) -> None:
        self._url, self._client = url, httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        self.heard: dict[str, Heard] = {}

    def ask(self, name: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Ask and keep the answer; returns its JSON."""
        self._client.cookies.clear()
        try:
            answer = self._client.request(method, self._url + path, json=body, headers=dict(headers or {}))
        except httpx.HTTPError as error:
            self.heard[name] = Heard(0, trouble=type(error).__name__)
            return None
        try:
            told = answer.json()
        except ValueError:
            told = None
        self.heard[name] = Heard(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, told)
        return told

    def ask_without_csrf(self) -> None:
        """A change without a CSRF pair, on a connection of its own: is it refused, and is the connection then dropped in silence?"""
        parts = urlsplit(self._url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        sent = f"POST /api/v2/appointments/ HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        received = b""
        try:
            with socket.create_connection((parts.hostname or "", port), TIMEOUT_S) as plain:
                carried = (
                    ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) if parts.scheme == "https" else plain
                )
                carried.sendall(sent.encode())
                carried.settimeout(SILENCE_S)
                closed = False
                try:
                    while part := carried.recv(65536):
                        received += part
                    closed = True
                except TimeoutError:
                    # It keeps the connection, as HTTP/1.1 says.
                    closed = False
        except OSError as error:
            self.heard["no csrf"] = Heard(0, trouble=type(error).__name__)
            return
        status = received.split(b" ", 2)[1:2]
        said = b"connection: close" in received.lower()
        self.heard["no csrf"] = Heard(int(status[0]) if status and status[0].isdigit() else 0, dropped=closed and not said)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def ask(definition: Remote, *, write: bool) -> Mapping[str, Heard]:
    """What the first region answers. With ``write`` an account logs in, books once, and cancels. Raises :class:`EnvironmentFailed` for accounts."""
    region, url = next(iter(definition.regions.items()))
    asker = Asker(url)
    try:
        asker.ask("fingerprint", "GET", definition.fingerprint.path)
        asker.ask("ready", "GET", "/health/ready")
        asker.ask("public services", "GET", "/api/v2/public/services/")
        asker.ask("no slash", "GET", "/api/v2/public/services")
        if write:
            asker.ask_without_csrf()
            listed = definition.accounts.file
            account = read(Path.cwd() / listed, tuple(definition.regions))[0] if listed else new_account(region)
            _as_customer(asker, account, register=listed is None)
    finally:
        asker.close()
    return asker.heard


def _as_customer(asker: Asker, account: Account, *, register: bool) -> None:
    if register:
        wanted = {"first_name": "Close", "last_name": "Shave", "email": account.email, "password": account.password}
        asker.ask("register", "POST", "/api/v2/auth/register-client", wanted)
    told = asker.ask("login", "POST", "/api/v2/auth/login", {"email": account.email, "password": account.password})
    if not isinstance(told, dict) or "access_token" not in told:
        return
    csrf = str(told.get("csrf_token") or secrets.token_hex(8))
    headers = {
        "Authorization": f"Bearer {told['access_token']}",
        "X-CSRF-Token": csrf,
        "Cookie": f"csrf_token={csrf}",
        "X-Franchise-Id": "1",
    }
    asker.ask("refresh", "POST", "/api/v2/auth/refresh", {"refresh_token": told.get("refresh_token", "")})
    asker.ask("profile", "GET", "/api/v2/auth/me", None, headers)
    asker.ask("franchise", "GET", "/api/v2/locations/", None, headers)
    asker.ask("services", "GET", "/api/v2/services/", None, headers)
    barbers = asker.ask("barbers", "GET", "/api/v2/barbers/", None, headers)
    day = (datetime.now(UTC).date() + timedelta(days=DAYS_AHEAD)).isoformat()
    barber = barbers[0].get("id") if isinstance(barbers, list) and barbers and isinstance(barbers[0], dict) else None
    only = f"&barber_id={barber}" if barber is not None else ""
    slots = asker.ask("slots", "GET", f"/api/v2/appointments/slots?appointment_date={day}{only}", None, headers)
    free = [slot["time"] for slot in slots.get("slots", []) if isinstance(slot, dict) and "time" in slot] if isinstance(slots, dict) else []
    if free:
        _book(asker, {"date": day, "time": free[0], "service": "Haircut", "notes": TAG, "barber_id": barber}, headers)


def _book(asker: Asker, wanted: Mapping[str, object], headers: Mapping[str, str]) -> None:
    """Book, ask for the same again by the same key and by none, pay nothing, and take it back."""
    keyed = {**headers, "Idempotency-Key": f"doctor_{uuid.uuid4()}"}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    booked = asker.ask("book", "POST", "/api/v2/appointments/", wanted, keyed)
    if not isinstance(booked, dict) or "id" not in booked:
        return
    path = f"/api/v2/appointments/{booked['id']}"
    again = asker.ask("same key", "POST", "/api/v2/appointments/", wanted, keyed)
    asker.ask("conflict", "POST", "/api/v2/appointments/", wanted, headers)
    asker.ask("read_booking", "GET", path, None, headers)
    asker.ask("my bookings", "GET", "/api/v2/appointments/", None, headers)
    asker.ask("key format", "POST", "/api/v2/payments/create-intent", {"booking_id": booked["id"]}, {**headers, "Idempotency-Key": "a_b_c"})
    asker.ask(
        "pay_intent",
        "POST",
        "/api/v2/payments/create-intent",
        {"booking_id": booked["id"]},
        {**headers, "Idempotency-Key": f"pay_{uuid.uuid4()}"},
    )
    asker.ask("delete", "DELETE", path, None, headers)
    asker.ask("cancel", "PUT", f"{path}/cancel", {}, headers)
    if isinstance(again, dict) and again.get("id") not in {None, booked["id"]}:
        asker.ask("cancel again", "PUT", f"/api/v2/appointments/{again['id']}/cancel", {}, headers)
