"""Where the harness finds what it needs in the answers of an API: expressions, by the kind of answer. Frozen values of an API profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from closeshave.api import expressions
from closeshave.files.yamlfile import STRICT

Expression = Annotated[str, AfterValidator(expressions.checked), WithJsonSchema({"type": "string", "minLength": 1})]
"""A JMESPath expression."""


@dataclass(frozen=True, slots=True)
class BookingFields:
    """Where the fields of a booking are, from the object of the booking."""

    __pydantic_config__ = STRICT

    id: Expression
    """Its ID, with which it is read, moved, paid and cancelled."""
    start_time: Expression
    """Its begin, an instant."""
    notes: Expression
    """The text that the booking's request sent as `{tag}`: by it a run finds its own bookings again."""
    status: Expression
    """Its state; `statuses` translates the platform's words."""
    barber_id: Expression | None = None
    """Who serves it."""
    client_id: Expression | None = None
    """The customer."""
    franchise_id: Expression | None = None
    """The franchise."""
    duration_minutes: Expression | None = None
    """How long it is, in minutes."""
    price: Expression | None = None
    """Its price; `money` says in which unit."""
    version: Expression | None = None
    """A number that grows with every change of the booking, for the guarantees of sessions."""
    created_at: Expression | None = None
    """When it was made, an instant."""
    idempotency_key: Expression | None = None
    """The key that its request sent."""


@dataclass(frozen=True, slots=True)
class TokenFields:
    """Where the credentials are in the answer to a registration, a log-in or a renewal."""

    __pydantic_config__ = STRICT

    access_token: Expression
    """The token, sent as `{token}`."""
    refresh_token: Expression | None = None
    """The token for renewals, sent as `{refresh_token}`."""
    csrf_token: Expression | None = None
    """The text that changes must repeat, sent as `{csrf}`; a random one where the answer has none."""
    client_id: Expression | None = None
    """The customer's ID, as bookings name it."""


@dataclass(frozen=True, slots=True)
class ProfileFields:
    """Where the customer is in the answer to the customer's own profile."""

    __pydantic_config__ = STRICT

    client_id: Expression
    """The customer's ID, as bookings name it."""


@dataclass(frozen=True, slots=True)
class ShopFields:
    """Where the shop is in its page."""

    __pydantic_config__ = STRICT

    shop: Expression = "@"
    """What a right answer has."""
    version: Expression | None = None
    """A number that grows with every change of the shop; without it, stale pages are not seen."""


@dataclass(frozen=True, slots=True)
class BarberFields:
    """Where the barbers are in their list."""

    __pydantic_config__ = STRICT

    rows: Expression = "@"
    """The list."""
    id: Expression = "id"
    """A barber's ID, from the row."""


@dataclass(frozen=True, slots=True)
class SlotFields:
    """Where the free times are in their list. A row has either a local `time` or an instant, `start_time`."""

    __pydantic_config__ = STRICT

    rows: Expression
    """The list."""
    time: Expression | None = None
    """From the row: `HH:MM` in the shop's zone, on the day that was requested."""
    start_time: Expression | None = None
    """From the row: the instant."""
    available: Expression | None = None
    """From the row: whether it is free; without it every row is."""
    timezone: Expression | None = None
    """The shop's zone, an IANA name."""
    opens: Expression | None = None
    """When the shop opens, `HH:MM` local; 09:00 without it. Canaries book from then on. A literal is in single quotes: `"'10:00'"`."""
    closes: Expression | None = None
    """When it closes; 17:00 without it."""
    slot_minutes: Expression | None = None
    """Minutes between two slots; 30 without it."""


@dataclass(frozen=True, slots=True)
class FreeFields:
    """Where the answer says whether a barber is free."""

    __pydantic_config__ = STRICT

    is_available: Expression
    """`true` or `false`."""


@dataclass(frozen=True, slots=True)
class IntentFields:
    """Where an announced payment is."""

    __pydantic_config__ = STRICT

    payment_intent_id: Expression
    """The payment's ID, sent as `{intent}`."""
    amount: Expression | None = None
    """What will be charged; `money` says in which unit."""


@dataclass(frozen=True, slots=True)
class PaymentFields:
    """Where the fields of a payment are, from its row."""

    __pydantic_config__ = STRICT

    id: Expression
    """The payment's ID."""
    booking_id: Expression
    """What was paid."""
    amount: Expression
    """The charged amount."""
    status: Expression
    """Its state."""
    created_at: Expression | None = None
    """When it was made."""
    took_money: tuple[str, ...] = ("completed", "succeeded", "captured", "paid", "refunded", "partially_refunded")
    """The states, in small letters, of payments that took money, also of those that were given back."""


PLAIN_SHOP, PLAIN_BARBERS = ShopFields(), BarberFields()
"""For answers that are the shop, or the list, themselves."""
