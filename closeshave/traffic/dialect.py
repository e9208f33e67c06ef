"""Requests of the booking API as customers send them: what a journey wants, in the dialect of the platform's API profile. Pure.

Routes, headers and bodies are in the profile (:mod:`closeshave.api`); BookedBarber V2 is the one that ships. Limits are counted for each client address,
which each customer sends.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from closeshave.api import spoken
from closeshave.api.spoken import SpokenApi
from closeshave.api.times import is_zone, later, local_to_epoch
from closeshave.loadgen.transport import Request

__all__ = [
    "Caller", "Slot", "barbers", "book", "cancel", "change_shop", "check_barber", "confirm", "create_intent", "franchise_page", "is_zone", "later",
    "local_to_epoch", "log_in", "me", "new_address", "new_key", "read_booking", "refresh", "register", "reschedule", "services", "slots",
]  # fmt: skip


Id = int | str
"""An ID as a platform states it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: a customer's credentials, the franchise, and the client address that rate limits count."""

    email: str
    password: str
    token: str
    csrf: str
    franchise: int
    address: str
    client: str | None = None
    """The platform's ID of the customer, if it is known."""
    api: SpokenApi = field(default_factory=spoken.shipped, repr=False)
    """The dialect of the platform."""

    def at(self, franchise: int) -> Caller:
        """The same customer at another franchise."""
        return replace(self, franchise=franchise)

    def admitted(self, token: str, csrf: str | None = None) -> Caller:
        """The same customer with new credentials."""
        return replace(self, token=token, csrf=csrf or self.csrf)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at a barber. ``day`` and ``time`` (HH:MM) are local to the business in ``zone``."""

    barber: Id | None
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
    """Read the shop's page."""
    return _request("franchise", caller)


def change_shop(caller: Caller, name: str) -> Request:
    """Change the name of the shop; for its administrators."""
    return _request("change_shop", caller, name=name)


def services(caller: Caller) -> Request:
    """The services of the shop."""
    return _request("services", caller)


def barbers(caller: Caller) -> Request:
    """The barbers of the shop."""
    return _request("barbers", caller)


def slots(caller: Caller, day: date, barber: Id | None = None, zone: str | None = None) -> Request:
    """Free times on ``day``, of one barber or of all together. ``zone`` is the shop's, if it is known."""
    api = caller.api
    return _request("slots", caller, day=day, barber=barber, zone=zone or api.profile.zone, service=api.usual)


def check_barber(caller: Caller, barber: Id, day: date, start: str, end: str, zone: str | None = None) -> Request:
    """Ask whether one barber is free between two local times of ``day``."""
    api = caller.api
    told = {"day": day, "time": start, "end_time": end, "zone": zone or api.profile.zone, "service": api.usual}
    return _request("check_barber", caller, barber=barber, **told)


# -- the account ---------------------------------------------------------------------------------------------------------------------------


def register(caller: Caller) -> Request:
    """A new client account."""
    return _request("register", caller, email=caller.email, password=caller.password)


def log_in(caller: Caller) -> Request:
    """A log-in with the password."""
    return _request("login", caller, email=caller.email, password=caller.password)


def refresh(caller: Caller, refresh_token: str) -> Request:
    """A new access token."""
    return _request("refresh", caller, refresh_token=refresh_token)


def me(caller: Caller) -> Request:
    """The customer's own profile."""
    return _request("profile", caller)


# -- appointments --------------------------------------------------------------------------------------------------------------------------


def book(caller: Caller, slot: Slot, service: str, notes: str, key: str) -> Request:
    """Book an appointment at ``slot``; the same key means the same appointment."""
    wanted = {"day": slot.day, "time": slot.time, "zone": slot.zone, "service": service, "barber": slot.barber}
    return _request("book", caller, tag=notes, key=key, **wanted)


def read_booking(caller: Caller, booking: Id) -> Request:
    """One of the customer's own appointments."""
    return _request("read_booking", caller, booking=booking)


def reschedule(caller: Caller, booking: Id, slot: Slot, service: str | None = None) -> Request:
    """Move an appointment of ``service`` to another time."""
    wanted = {"day": slot.day, "time": slot.time, "zone": slot.zone, "service": service or caller.api.usual, "barber": slot.barber}
    return _request("reschedule", caller, booking=booking, **wanted)


def cancel(caller: Caller, booking: Id) -> Request:
    """Cancel an appointment."""
    return _request("cancel", caller, booking=booking)


# -- payment -------------------------------------------------------------------------------------------------------------------------------


def create_intent(caller: Caller, booking: Id, key: str) -> Request:
    """Announce the payment of an appointment."""
    return _request("pay_intent", caller, booking=booking, key=key)


def confirm(caller: Caller, booking: Id, intent: str, key: str) -> Request:
    """Pay: the provider captures the amount."""
    return _request("pay_confirm", caller, booking=booking, intent=intent, key=key)


def _request(kind: str, caller: Caller, **wanted: Any) -> Request:
    wanted["token"], wanted["csrf"], wanted["franchise"] = caller.token, caller.csrf, caller.franchise
    wanted["address"], wanted["client"] = caller.address, caller.client
    return Request(kind, *caller.api.parts(kind, wanted))
