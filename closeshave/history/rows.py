"""What the rows of a history mean: requests, their effects, and the final state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Jepsen's three outcomes: it happened, it certainly did not happen, it may have happened."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Source(StrEnum):
    """Who sent an operation. Canaries are never counted among the customers; ``setup`` is not judged."""

    CUSTOMERS = "customers"
    CANARY = "canary"
    SETUP = "setup"


RATE_LIMITED = "rate_limited"
"""The error of an operation that a 429 refused although its address was within the stated limit."""
PROXY = "proxy"
"""The error of an operation that a proxy did not forward to the platform. It says nothing about the platform."""
SHORTAGE = "shortage"
"""The error of an operation that the load machine could not send, because it lacked descriptors, ports, buffers or memory.

It says nothing about the platform.
"""


LOGGED_OUT = "logged_out"
"""The action of an additional effect of a request that was refused as not logged in; its ``read_values`` are those of :func:`aged`."""


def aged(age_s: float | None) -> str | None:
    """How old the session of a refused request was, in seconds, as JSON; ``None`` if it is not known. Relative, because clocks of load machines differ."""
    return None if age_s is None else json.dumps({"age_s": age_s})


def age_s(read_values: str | None) -> float | None:
    """What :func:`aged` wrote; ``None`` if it is not known."""
    try:
        told = json.loads(read_values or "")
    except ValueError:
        return None
    age = told.get("age_s") if isinstance(told, dict) else None
    return float(age) if isinstance(age, int | float) and not isinstance(age, bool) else None


@dataclass(frozen=True, slots=True)
class Operation:
    """One request as its sender saw it. Times are monotonic nanoseconds; response time = ended − intended."""

    id: int
    """Unique in the run: the worker's number in the upper bits, its sequence below."""
    source: str
    kind: str
    """``slots``, ``franchise``, ``login``, ``profile``, ``book``, ``read_booking``, ``reschedule``, ``cancel``, ``pay_intent``, ``pay_confirm`` …"""
    journey: str
    """The customer's journey: ``browse``, ``book``, ``contest``; ``canary`` for canaries."""
    region: str
    """The region of the edge that received it."""
    shard: int
    franchise: int
    intended_ns: int
    started_ns: int
    ended_ns: int
    outcome: str
    good: bool
    """Whether the customer got the promised answer: a 2xx, a true conflict, a refusal within the stated rate limit."""
    status: int
    """HTTP status; 0 when there was no answer."""
    error: str | None = None
    """Why there was no answer, or why it is not good: ``timeout``, ``reset``, ``refused``, ``wrong_body`` …"""
    attempt: int = 1
    bytes: int = 0
    served_by: str | None = None
    """``X-Region``: the region that answered."""
    cache: str | None = None
    """``X-Cache``: hit, miss or bypass."""
    db_ms: float | None = None
    cache_ms: float | None = None
    """From ``Server-Timing``."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An additional row for an operation that changes state or belongs to a session."""

    operation: int
    action: str
    """``create``, ``cancel``, ``reschedule``, ``intent``, ``capture`` or ``read``; ``offer`` (a list of free times), ``read_shop``, ``change_shop``;
    :data:`LOGGED_OUT`."""
    franchise: int
    shard: int
    key: str | None = None
    """The idempotency key that was sent."""
    booking: int | None = None
    """The booking's ID as answered; ``None`` if no answer gave it."""
    barber: int | None = None
    starts_at: int | None = None
    """The slot, seconds since the epoch."""
    minutes: int | None = None
    version: int | None = None
    amount: int | None = None
    """Cents."""
    session: str | None = None
    client: str | None = None
    read_values: str | None = None
    """What a read returned, as JSON (booking, status, version), for session guarantees."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking in the final state, read from a promoted primary after heal and quiesce."""

    booking: int
    franchise: int
    found_on: int
    """The shard whose primary held the row."""
    barber: int
    client: str | None
    starts_at: int
    minutes: int
    status: str
    """``scheduled``, ``cancelled`` …"""
    version: int
    key: str | None
    created_at: float
    """Seconds since the epoch."""
    price_cents: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A charge in the payment provider's own ledger."""

    capture: str
    booking: int
    franchise: int
    amount: int
    key: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Job:
    """A job that workers of the platform should do for a booking, and one effect of it, read from a promoted primary after heal and quiesce.

    A job that was done twice has two rows. Times are seconds since the epoch.
    """

    job: int | None
    """Its ID; ``None`` if the platform has a booking and nothing that says what should be done for it."""
    booking: int
    franchise: int
    found_on: int
    """The shard whose primary held the row."""
    kind: str
    """``receipt``, ``reminder`` …"""
    due_at: float
    late_at: float
    """A job that is done later is late."""
    done_at: float | None
    """``None`` if it has no effect."""
    worker: str | None
    """Who did it."""
    read_at: float
    """When the row was read."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer who follows their bookings by WebSocket saw."""

    what: str
    """``opened`` or ``closed`` (a connection), ``update`` (of a booking), or ``ended`` (nobody follows any more)."""
    client: str
    """The platform's ID of the customer."""
    region: str
    """The region of the edge at which they connect."""
    at_ns: int
    """Monotonic."""
    booking: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A franchise's entry in a cache after heal and quiesce, read from the node itself; for a sample of entries, also the value in the database."""

    store: str
    """The node."""
    region: str
    """The region of that node."""
    key: str
    franchise: int
    cached: str | None = None
    """The cached value, as JSON; ``None`` if only the key was read."""
    stored: str | None = None
    """The value at the promoted primary, read after the cache, in the same form."""
    cached_version: int | None = None
    stored_version: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """How many rows of a region, whose rows must not leave it, one database member holds; counted at that member."""

    member: str
    shard: int
    region: str
    """The region of the member."""
    resident: str
    """The region that the rows must not leave."""
    franchises: int
    """How many of that region's franchises the member holds."""


@dataclass(frozen=True, slots=True)
class Diverged:
    """A booking, or a state of it, that a member on the losing side of a partition held and the leader of its shard did not."""

    member: str
    shard: int
    franchise: int
    booking: int
    key: str | None
    status: str
    version: int
    created_at: float
    """Seconds since the epoch."""
