"""An API profile: the file that describes the dialect of a booking API. Frozen values with the meaning of every key; nothing here sends or reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from closeshave.api.fields import (
    PLAIN_BARBERS,
    PLAIN_SHOP,
    BarberFields,
    BookingFields,
    Expression,
    FreeFields,
    IntentFields,
    PaymentFields,
    ProfileFields,
    ShopFields,
    SlotFields,
    TokenFields,
)
from closeshave.files.yamlfile import STRICT, Count, Flag, Name, stated


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern), WithJsonSchema({"type": "string", "format": "regex"})]
"""A regular expression, found anywhere in a message, in capitals or not."""
LIMIT = r"^\d{1,9} per [0-9a-z]{1,20}$"
Status = Annotated[int, Field(ge=100, le=599)]


def _route(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is no path: it begins with /")
    return text


Route = Annotated[str, AfterValidator(_route), stated(pattern="^/")]
"""A path with placeholders; each is one segment."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that customers book."""

    __pydantic_config__ = STRICT

    minutes: Count
    """How long an appointment of it is."""
    id: str | int | None = None
    """What `{service}` sends; by default the service's name."""


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """Headers by kind of request. One whose placeholder has no value is left out."""

    __pydantic_config__ = STRICT

    always: Mapping[str, str] = field(default_factory=lambda: {"Accept": "application/json"})
    """Of every request. Where a platform has no franchises, or ignores client addresses, headers with `{franchise}` or `{address}` are not sent."""
    personal: Mapping[str, str] = field(default_factory=lambda: {"Authorization": "Bearer {token}"})
    """Of requests of a customer who is logged in."""
    changes: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    """Of every POST, PUT, PATCH and DELETE."""
    keyed: Mapping[str, str] = field(default_factory=dict)
    """Of bookings and payments: the header with the idempotency key, `{key}`."""


@dataclass(frozen=True, slots=True)
class RefusalForm:
    """One way in which a platform refuses: by its status, its message, or both."""

    __pydantic_config__ = STRICT

    status: Status | None = None
    """The HTTP status; any without it."""
    message: Pattern = ""
    """A regular expression for the message; any without it."""


@dataclass(frozen=True, slots=True)
class RefusalMeanings:
    """What refusals mean."""

    __pydantic_config__ = STRICT

    message: Expression = "error.message || detail || message || error"
    """Where the message of a refusal is."""
    taken: tuple[RefusalForm, ...] = (RefusalForm(409),)
    """A conflict: somebody else has the slot. It is a promised answer to a booking, and to no other operation."""
    throttled: tuple[RefusalForm, ...] = (RefusalForm(429),)
    """A rate limit refused the request; it has certainly not happened."""
    not_available: Pattern | None = None
    """A message of `taken` that the platform also gives for a barber who never works; without it there is none."""
    registered: Pattern | None = None
    """The message of a registration that is refused because the account exists already."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How the next page of a list is found. Without it, the usual ways are tried: links, cursors, skip, offset, page."""

    __pydantic_config__ = STRICT

    cursor: Expression | None = None
    """The text that asks for the next page; nothing on the last one."""
    parameter: str | None = None
    """The parameter of the query that takes the cursor."""
    total: Expression | None = None
    """How many rows there are on all pages, if the answer says it: then a list that is too short is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request."""

    __pydantic_config__ = STRICT

    path: Route
    """The path, with placeholders and without a query."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The HTTP method."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameter → value with placeholders; `{barber?}` leaves its parameter out where there is none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of this request."""
    body: Any = None
    """The JSON, with placeholders in its texts. A text that is one placeholder keeps the type of the value; without the key there is no body."""
    personal: Flag = True
    """Whether it is sent as a customer who is logged in."""
    empty_answer: Flag = False
    """Whether the right answer has no body, like 204."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall(ApiCall):
    """A registration, a log-in or a renewal."""

    answer: TokenFields
    """Where the credentials are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCall(ApiCall):
    """The customer's own profile."""

    answer: ProfileFields
    """Where the customer is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopCall(ApiCall):
    """The shop's page."""

    answer: ShopFields = PLAIN_SHOP
    """Where the shop is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesCall(ApiCall):
    """The list of services."""

    rows: Expression = "@"
    """Where the list is; a right answer has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarbersCall(ApiCall):
    """The list of barbers."""

    answer: BarberFields = PLAIN_BARBERS
    """Where the barbers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsCall(ApiCall):
    """The list of free times."""

    answer: SlotFields
    """Where the times are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeCall(ApiCall):
    """The question whether a barber is free."""

    answer: FreeFields
    """Where the answer is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingCall(ApiCall):
    """A request about one booking."""

    booking: Expression = "@"
    """Where the booking is in the answer; its fields are those of `booking` of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentCall(ApiCall):
    """The announcement of a payment."""

    answer: IntentFields
    """Where the payment is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingsCall(ApiCall):
    """A list of bookings, read back after the load."""

    rows: Expression | None = None
    """Where the list is; without it a list under a usual name (`appointments`, `items`, `data` …) is taken."""
    pages: Paging | None = None
    """How its next page is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsCall(BookingsCall):
    """The list of the customer's payments, read back after the load."""

    answer: PaymentFields
    """Where the fields of a payment are."""


@dataclass(frozen=True, slots=True)
class ApiOperations:
    """The requests. What a platform does not have is left out: journeys leave it out too, and what needs it gets no verdict."""

    __pydantic_config__ = STRICT

    login: TokenCall
    """Log in with `{email}` and `{password}`."""
    barbers: BarbersCall
    """List the barbers."""
    slots: SlotsCall
    """List the free times of a day, of `{barber?}` or of all."""
    book: BookingCall
    """Book a slot. `{tag}` must be stored, so that the booking is found again."""
    read_booking: BookingCall
    """Read one booking."""
    cancel: BookingCall
    """Cancel a booking."""
    register: TokenCall | None = None
    """Register a new customer; without it an environment needs a file of accounts."""
    refresh: TokenCall | None = None
    """Renew the token; without it a run must be shorter than a token is valid."""
    profile: ProfileCall | None = None
    """Read the customer's own profile. Needed if the answer to a log-in has no `client_id`."""
    franchise: ShopCall | None = None
    """Read the shop's page."""
    services: ServicesCall | None = None
    """List the services."""
    check_barber: FreeCall | None = None
    """Ask whether one barber is free from `{time}` to `{end_time}`."""
    reschedule: BookingCall | None = None
    """Move a booking to another slot."""
    pay_intent: IntentCall | None = None
    """Announce the payment of a booking."""
    pay_confirm: ApiCall | None = None
    """Pay an announced payment."""
    change_shop: ApiCall | None = None
    """Change the shop's name; only journeys of your own use it."""
    my_bookings: BookingsCall | None = None
    """List the customer's own bookings; without it the final state is read from databases or as an administrator."""
    all_bookings: BookingsCall | None = None
    """List the bookings of all customers, as an administrator."""
    payments: PaymentsCall | None = None
    """List the customer's payments; without it double charges are not seen on a platform that the harness does not run."""


@dataclass(frozen=True, slots=True)
class ExaminedRoutes:
    """Further routes that `closeshave doctor` asks for, with GET. A run needs none of them."""

    __pydantic_config__ = STRICT

    health: Mapping[str, Route] = field(default_factory=dict)
    """Name → path of what needs no account."""
    reads: Mapping[str, Route] = field(default_factory=dict)
    """Name → path of what a customer may read."""
    client_address: Route | None = None
    """A route whose answer shows the caller's address, so that it is known whether `X-Forwarded-For` counts."""
    without_slash: Route | None = None
    """A collection without its trailing slash."""
    guest: Route | None = None
    """The route for bookings without an account. It gets an empty request: whether it exists, not whether it works."""


@dataclass(frozen=True, slots=True)
class ApiProfile:
    """The dialect of a booking API."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the profile."""
    operations: ApiOperations
    """The requests."""
    booking: BookingFields
    """Where the fields of a booking are, in every answer that holds bookings."""
    services: Annotated[Mapping[str, Service], stated(minProperties=1)]
    """Name → service. Canaries and contests book the first one."""
    description: str = ""
    """A description for readers."""
    headers: RequestHeaders = field(default_factory=RequestHeaders)
    """Headers by kind of request."""
    refusals: RefusalMeanings = RefusalMeanings()
    """What refusals mean."""
    zone: str = "UTC"
    """The zone of a shop whose zone neither an answer nor the environment file names, an IANA name."""
    instants: Literal["iso", "epoch_s", "epoch_ms"] = "iso"
    """How instants are written, in requests and answers: `2026-12-01T14:30:00Z` (in answers with any offset; without one it is UTC), or seconds or
    milliseconds since the epoch."""
    money: Literal["units", "cents"] = "units"
    """Whether an amount of 30 is 30 dollars or 30 cents."""
    ids: Literal["numbers", "any"] = "numbers"
    """Whether IDs of bookings and barbers are whole numbers; `any` allows text too."""
    statuses: Mapping[str, Literal["scheduled", "cancelled", "completed"]] = field(default_factory=dict)
    """The platform's word for the state of a booking → the harness's. Words that are not listed stay as they are."""
    limits: Mapping[str, Annotated[str, stated(pattern=LIMIT)]] = field(default_factory=dict)
    """Operation → how many requests one client address may send, like `30 per 1h`. A refusal above it is a promised answer; an environment file states
    what differs (`capabilities.limits`)."""
    ready: Route = "/health/ready"
    """The route that says whether the platform is ready."""
    examined: ExaminedRoutes = field(default_factory=ExaminedRoutes)
    """Further routes for `closeshave doctor`."""

    def __hash__(self) -> int:
        """By its name; two profiles of one name are compared whole."""
        return hash(self.name)
