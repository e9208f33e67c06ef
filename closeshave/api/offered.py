"""Which placeholders each operation may use, and what they mean. The one list of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "token": "the access token",
        "csrf": "the CSRF text",
        "franchise": "the number of the franchise; 1 on a platform without franchises",
        "address": "the client address that the customer sends",
        "client": "the customer's own ID",
        "email": "the account's e-mail address",
        "password": "its password",
        "refresh_token": "the token for renewals",
        "date": "the day in the shop's zone, YYYY-MM-DD",
        "time": "the local time of the begin, HH:MM",
        "end_time": "the local time of the end, HH:MM",
        "start": "the instant of the begin",
        "end": "the instant of the end",
        "day_start": "the instant at which the day begins in the shop's zone",
        "day_end": "the instant at which the next day begins there",
        "zone": "the shop's zone",
        "minutes": "the duration of the service",
        "service": "the service: its id in the profile, or else its name",
        "barber": "the barber's ID; write {barber?} where any barber will do",
        "booking": "the booking's ID",
        "tag": "the text by which the run finds its bookings again",
        "key": "an idempotency key, prefix_uuid4",
        "intent": "the ID of the announced payment",
        "name": "the shop's new name",
    }
)
"""Placeholder → what it stands for."""
MAY_LACK = frozenset({"barber", "csrf", "key", "client"})
"""Placeholders that may have no value."""

ALWAYS = frozenset({"franchise", "address", "csrf"})
PERSONAL = frozenset({"token", "client"})
_DAY = frozenset({"date", "day_start", "day_end", "zone"})
_SLOT = _DAY | {"time", "end_time", "start", "end", "minutes", "service", "barber"}

OFFERED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "register": frozenset({"email", "password"}),
        "login": frozenset({"email", "password"}),
        "refresh": frozenset({"refresh_token"}),
        "profile": frozenset(),
        "franchise": frozenset(),
        "change_shop": frozenset({"name"}),
        "services": frozenset(),
        "barbers": frozenset(),
        "slots": _DAY | {"barber", "service", "minutes"},
        "check_barber": _SLOT,
        "book": _SLOT | {"tag", "key"},
        "read_booking": frozenset({"booking"}),
        "reschedule": _SLOT | {"booking"},
        "cancel": frozenset({"booking"}),
        "pay_intent": frozenset({"booking", "key"}),
        "pay_confirm": frozenset({"booking", "intent", "key"}),
        "my_bookings": frozenset(),
        "all_bookings": frozenset(),
        "payments": frozenset(),
    }
)
"""Operation → the placeholders of its own, besides those of every request."""
KEYED = frozenset(name for name, own in OFFERED.items() if "key" in own)
"""Operations with an idempotency key."""


def of(operation: str, *, personal: bool) -> frozenset[str]:
    """The placeholders that a request of this operation may use."""
    return ALWAYS | OFFERED[operation] | (PERSONAL if personal else frozenset())
