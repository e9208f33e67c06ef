"""Requests of the booking API in the form of BookedBarber V2, with the franchise extension. Pure.

Peculiarities of the API: collections need their trailing slash, every change needs a CSRF pair (a cookie and an equal header), times are in the
business's zone, and limits are counted for each client address, which each customer sends as ``X-Forwarded-For``.
"""

from __future__ import annotations

import functools
import hashlib
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import orjson

from closeshave.loadgen.transport import Request

MINUTES = {"Haircut": 30, "Shave": 20, "Haircut & Shave": 45}
"""Services and their duration in minutes."""

DEFAULT_ZONE = "America/New_York"
"""The API's default for a business without a time zone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: a customer's credentials, the franchise, and the client address that rate limits count."""

    email: str
    password: str
    token: str
    csrf: str
    franchise: int
    address: str

    def at(self, franchise: int) -> Caller:
        """The same customer at another franchise."""
        return replace(self, franchise=franchise)

    def admitted(self, token: str, csrf: str | None = None) -> Caller:
        """The same customer with new credentials."""
        return replace(self, token=token, csrf=csrf or self.csrf)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at a barber. ``day`` and ``time`` (HH:MM) are local to the business in ``zone``."""

    barber: int | None
    day: date
    time: str
    zone: str
    merged: bool = field(default=False, compare=False)
    """Whether it comes from a list merged over all barbers: some barber is free then, not necessarily this one."""
    zone_assumed: bool = field(default=False, compare=False)
    """Whether the zone is only assumed."""

    @property
    def starts_at(self) -> int:
        """Seconds since the epoch."""
        return local_to_epoch(self.day, self.time, self.zone)


def local_to_epoch(day: date, time: str, zone: str) -> int:
    """Seconds since the epoch of a local ``HH:MM`` on ``day``. Raises :class:`ValueError` or :class:`KeyError` for invalid values."""
    hour, minute = time.split(":")[:2]
    return int(datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=ZoneInfo(zone)).timestamp())


@functools.lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether this is the IANA name of a zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A directory of the database, or a path out of it, is refused by other errors than an unknown name.
        return False
    return True


def new_key(prefix: str, run: str, rng: random.Random) -> str:
    """An idempotency key, ``prefix_uuid4``; the API refuses a prefix with an underscore.

    The key depends on ``run``: a platform remembers keys for a day, and another run with the same seed must not get the bookings of this one.
    """
    digest = hashlib.blake2b(f"{run}:{rng.getrandbits(128)}".encode(), digest_size=16).digest()
    return f"{prefix}_{uuid.UUID(bytes=digest, version=4)}"


def new_address(rng: random.Random) -> str:
    """A private client address of 10.0.0.0/8, so that no log names a real host of the Internet."""
    return f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


# -- looking -------------------------------------------------------------------------------------------------------------------------------


def franchise_page(caller: Caller) -> Request:
    """Read the shop's page: its locations."""
    return _get("franchise", "/api/v2/locations/", caller)


def change_shop(caller: Caller, name: str) -> Request:
    """Change the name of the shop; for its administrators."""
    return _send("change_shop", "PUT", f"/api/v2/locations/{caller.franchise}", caller, {"name": name})


def services(caller: Caller) -> Request:
    """The services of the shop; needs no account."""
    return _get("services", "/api/v2/public/services/", caller, bearer=False)


def barbers(caller: Caller) -> Request:
    """The barbers of the shop."""
    return _get("barbers", "/api/v2/barbers/", caller)


def slots(caller: Caller, day: date, barber: int | None = None) -> Request:
    """Free times on ``day``, of one barber or of all together."""
    only = f"&barber_id={barber}" if barber is not None else ""
    return _get("slots", f"/api/v2/appointments/slots?appointment_date={day.isoformat()}{only}", caller, bearer=False)


def check_barber(caller: Caller, barber: int, day: date, start: str, end: str) -> Request:
    """Ask whether one barber is free between two local times of ``day``."""
    asked = f"check_date={day.isoformat()}&start_time={start}&end_time={end}"
    return _get("check_barber", f"/api/v2/barber-availability/check/{barber}?{asked}", caller)


def later(time: str, minutes: int) -> str:
    """The time so many minutes after a local ``HH:MM``; opening hours end before midnight."""
    hour, minute = map(int, time.split(":")[:2])
    total = hour * 60 + minute + minutes
    return f"{total // 60 % 24:02}:{total % 60:02}"


# -- the account ---------------------------------------------------------------------------------------------------------------------------


def register(caller: Caller) -> Request:
    """A new client account; exempt from CSRF."""
    wanted = {"first_name": "Close", "last_name": "Shave", "email": caller.email, "password": caller.password}
    return _send("register", "POST", "/api/v2/auth/register-client", caller, wanted, writes=False)


def log_in(caller: Caller) -> Request:
    """A log-in with the password; exempt from CSRF."""
    return _send("login", "POST", "/api/v2/auth/login", caller, {"email": caller.email, "password": caller.password}, writes=False)


def refresh(caller: Caller, refresh_token: str) -> Request:
    """A new access token; exempt from CSRF."""
    return _send("refresh", "POST", "/api/v2/auth/refresh", caller, {"refresh_token": refresh_token}, writes=False)


def me(caller: Caller) -> Request:
    """The customer's own profile."""
    return _get("profile", "/api/v2/auth/me", caller)


# -- appointments --------------------------------------------------------------------------------------------------------------------------


def book(caller: Caller, slot: Slot, service: str, notes: str, key: str) -> Request:
    """Book an appointment at ``slot``; the same key means the same appointment."""
    wanted: dict[str, object] = {"date": slot.day.isoformat(), "time": slot.time, "service": service, "notes": notes}
    if slot.barber is not None:
        wanted["barber_id"] = slot.barber
    return _send("book", "POST", "/api/v2/appointments/", caller, wanted, key=key)


def read_booking(caller: Caller, booking: int) -> Request:
    """One of the customer's own appointments."""
    return _get("read_booking", f"/api/v2/appointments/{booking}", caller)


def reschedule(caller: Caller, booking: int, slot: Slot) -> Request:
    """Move an appointment to another time."""
    wanted = {"date": slot.day.isoformat(), "time": slot.time}
    return _send("reschedule", "POST", f"/api/v2/appointments/{booking}/reschedule", caller, wanted)


def cancel(caller: Caller, booking: int) -> Request:
    """Cancel an appointment."""
    return _send("cancel", "PUT", f"/api/v2/appointments/{booking}/cancel", caller, {})


# -- payment -------------------------------------------------------------------------------------------------------------------------------


def create_intent(caller: Caller, booking: int, key: str) -> Request:
    """Announce the payment of an appointment."""
    return _send("pay_intent", "POST", "/api/v2/payments/create-intent", caller, {"booking_id": booking}, key=key)


def confirm(caller: Caller, booking: int, intent: str, key: str) -> Request:
    """Pay: the provider captures the amount."""
    wanted = {"booking_id": booking, "payment_intent_id": intent}
    return _send("pay_confirm", "POST", "/api/v2/payments/confirm", caller, wanted, key=key)


def _get(kind: str, path: str, caller: Caller, *, bearer: bool = True) -> Request:
    return Request(kind, "GET", path, _headers(caller, bearer=bearer))


def _send(
    kind: str, method: str, path: str, caller: Caller, wanted: Mapping[str, object], *, key: str | None = None, writes: bool = True
) -> Request:
    headers = _headers(caller, bearer=writes)
    headers["Content-Type"] = "application/json"
    headers["Cookie"] = f"csrf_token={caller.csrf}"
    headers["X-CSRF-Token"] = caller.csrf
    if key is not None:
        headers["Idempotency-Key"] = key
    return Request(kind, method, path, headers, orjson.dumps(wanted), writes)


def _headers(caller: Caller, *, bearer: bool) -> dict[str, str]:
    headers = {"Accept": "application/json", "X-Franchise-Id": str(caller.franchise), "X-Forwarded-For": caller.address}
    if bearer:
        headers["Authorization"] = f"Bearer {caller.token}"
    return headers
