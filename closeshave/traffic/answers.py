"""What an answer means: its outcome (as in Jepsen), whether the customer got the promised answer, and the contents of the body. Pure.

Bodies of right answers are in the harness's own form (:mod:`closeshave.api.answers`), those of refusals as the platform sent them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

from closeshave.api import answers as forms
from closeshave.api import spoken
from closeshave.api.spoken import SpokenApi
from closeshave.files import foreign
from closeshave.history import Outcome
from closeshave.loadgen import outcomes
from closeshave.loadgen.outcomes import Meaning
from closeshave.loadgen.trace import timings
from closeshave.loadgen.transport import Answer, Request
from closeshave.traffic.dialect import Id, Slot
from closeshave.traffic.limits import AddressLimits
from closeshave.traffic.limits import shipped as shipped_limits

Body = Mapping[str, Any] | list[Any] | None
"""A parsed JSON body; ``None`` when there is none or it is not JSON."""

Check = Callable[[Body], bool]
"""Whether the body of a successful answer is the one that was requested."""

_ZONES_APART_S, _ZONE_STEP_S = 26 * 3600, 900
"""All possible offsets from UTC, in steps of 15 minutes."""

MAY_CONFLICT = frozenset({"book", "reschedule", "canary_write"})
"""Operations that request a slot; a conflict on any other operation is not a promised answer."""


@dataclass(frozen=True, slots=True)
class AnswerTrace:
    """What the platform reports about an answer in headers; ``None`` if a header is missing."""

    served_by: str | None
    cache: str | None
    db_ms: float | None
    cache_ms: float | None


def parse(body: bytes) -> Body:
    """The JSON of a body, ``None`` if it is not JSON."""
    try:
        loaded = foreign.loads(body)
    except ValueError:
        return None
    return loaded if isinstance(loaded, dict | list) else None


def classify(
    request: Request,
    answer: Answer,
    body: Body,
    check: Check,
    sent_before: int = 0,
    limits: AddressLimits | None = None,
    *,
    idle: bool = False,
    api: SpokenApi | None = None,
) -> Meaning:
    """What ``answer`` to ``request`` means.

    ``sent_before`` is how many requests of this kind the same address had sent in the window of the stated limit (``limits``): a refusal by a rate limit
    is a promised answer only above the limit. ``idle``: this barber has never accepted a booking, so that *not available* there does not mean a conflict.
    ``api`` is the platform's. Both are BookedBarber V2's by default.
    """
    if answer.failure is not None:
        return outcomes.of_failure(answer.failure.value, writes=request.writes, may_have_arrived=answer.may_have_arrived)
    if 200 <= answer.status < 300:
        return outcomes.of_answer(answer.status, writes=request.writes, right_body=check(body))
    return _refusal(
        request, answer.status, body, sent_before, shipped_limits() if limits is None else limits, api or spoken.shipped(), idle=idle
    )


def _refusal(request: Request, status: int, body: Body, sent_before: int, limits: AddressLimits, api: SpokenApi, *, idle: bool) -> Meaning:
    kind = request.kind
    if api.is_throttled(status, body):
        if kind in limits and sent_before >= limits[kind][0]:
            return Meaning(Outcome.FAIL, good=True)
        # With whatever status: nothing was done.
        return outcomes.of_answer(HTTPStatus.TOO_MANY_REQUESTS, writes=request.writes, right_body=False)
    if kind in MAY_CONFLICT and api.is_taken(status, body) and not (idle and api.says_not_available(body)):
        return Meaning(Outcome.FAIL, good=True)
    return outcomes.of_answer(status, writes=request.writes, right_body=False)


def says_not_available(body: Body, api: SpokenApi | None = None) -> bool:
    """Whether a refusal only says that the barber is not available.

    A platform may say this of a booked barber, and of one who never accepts bookings.
    """
    return (api or spoken.shipped()).says_not_available(body)


def is_conflict(status: int, body: Body, api: SpokenApi | None = None) -> bool:
    """Whether a refusal says that the slot is taken."""
    return (api or spoken.shipped()).is_taken(status, body)


def message(body: Body, api: SpokenApi | None = None) -> str:
    """The text of a refusal; empty when there is none."""
    return (api or spoken.shipped()).message(body)


def trace(headers: Mapping[str, str]) -> AnswerTrace:
    """The contents of ``X-Region``, ``X-Cache`` and ``Server-Timing``."""
    durations = timings(headers.get("server-timing", ""))
    return AnswerTrace(headers.get("x-region"), headers.get("x-cache"), durations.get("db"), durations.get("cache"))


# -- what a good body looks like -----------------------------------------------------------------------------------------------------------


def anything(body: Body) -> bool:
    """Accepts any JSON."""
    return body is not None


def a_list(body: Body) -> bool:
    """A JSON list, such as services and barbers."""
    return isinstance(body, list)


def having(*names: str) -> Check:
    """A JSON object with all of these members."""
    return lambda body: isinstance(body, dict) and all(name in body for name in names)


def a_token(body: Body) -> bool:
    """Accepts an access token that can be sent in a header, and a CSRF token likewise if there is one."""
    if not isinstance(body, dict) or not foreign.sendable(body.get("access_token")):
        return False
    return body.get("csrf_token") is None or foreign.sendable(body["csrf_token"])


def an_intent(body: Body) -> bool:
    """Accepts a payment with an ID, which is needed to confirm it."""
    told = body.get("payment_intent_id") if isinstance(body, dict) else None
    return (isinstance(told, str) and told != "") or whole(told) is not None


def a_slot_list(body: Body) -> bool:
    """Free times: readable ones, in a zone that exists if one is stated."""
    return forms.is_slot_list(body)


def booked(slot: Slot, franchise: int, api: SpokenApi | None = None) -> Check:
    """Accepts an appointment with an ID, at the requested time, with the requested barber, and in the requested franchise if the answer names it.

    If the zone of the request is unknown, the answer may be in any zone.
    """
    is_id = (api or spoken.shipped()).is_id

    def check(body: Body) -> bool:
        return (
            isinstance(body, dict)
            and is_id(body.get("id"))
            and _at(slot, starts_at(body))
            and (slot.barber is None or body.get("barber_id") == slot.barber)
            and body.get("franchise_id", franchise) == franchise
        )

    return check


def _at(slot: Slot, told: int | None) -> bool:
    if told is None or not slot.zone_assumed:
        return told == slot.starts_at
    apart_s = abs(told - slot.starts_at)
    return apart_s <= _ZONES_APART_S and apart_s % _ZONE_STEP_S == 0


def whole(told: object) -> int | None:
    """A whole number; ``None`` for anything else, also for ``true``."""
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def moved(body: Body) -> bool:
    """Accepts a booking, or an answer that has none by its API."""
    return isinstance(body, dict) and ("id" in body or not body)


def booking_of(booking: Id) -> Check:
    """Accepts the appointment with this ID."""
    return lambda body: isinstance(body, dict) and body.get("id") == booking


def starts_at(body: Mapping[str, Any]) -> int | None:
    """Seconds since the epoch of an answer's ``start_time``, which is in UTC without an offset; ``None`` when it is missing or not a time."""
    try:
        told = datetime.fromisoformat(str(body.get("start_time")))
    except ValueError:
        return None
    return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp())


def cents(amount: object) -> int | None:
    """Cents of an amount that the API states in dollars; ``None`` when it is not a number."""
    try:
        return round(float(str(amount)) * 100)
    except (ValueError, OverflowError):
        return None


def offered(body: Body, day: date, zone: str) -> list[tuple[date, str]]:
    """Day and local time (``HH:MM``) of the free slots in an answer to ``slots`` that :func:`a_slot_list` has accepted."""
    return forms.offered(body, day, zone)


def free_times(body: Body, day: date, zone: str) -> list[tuple[date, str]]:
    """The same of any answer; none if it is not such a list."""
    return forms.offered(body, day, zone) if a_slot_list(body) else []


def ids(body: Body, api: SpokenApi | None = None) -> list[Id]:
    """The IDs in a list of objects; objects without an ID that the API can have are ignored."""
    is_id = (api or spoken.shipped()).is_id
    told = [each.get("id") for each in body if isinstance(each, dict)] if isinstance(body, list) else []
    return [one for one in told if one is not None and is_id(one)]
