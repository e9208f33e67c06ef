"""What an answer means: its outcome (as in Jepsen), whether the customer got the promised answer, and the contents of the body. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from closeshave.files import foreign
from closeshave.history import Outcome
from closeshave.loadgen import outcomes
from closeshave.loadgen.outcomes import Meaning
from closeshave.loadgen.trace import timings
from closeshave.loadgen.transport import Answer, Request
from closeshave.traffic.dialect import Slot, is_zone
from closeshave.traffic.limits import STATED, AddressLimits

Body = Mapping[str, Any] | list[Any] | None
"""A parsed JSON body; ``None`` when there is none or it is not JSON."""

Check = Callable[[Body], bool]
"""Whether the body of a successful answer is the one that was requested."""

_TIMES = frozenset(f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_WITH_SECONDS = re.compile(r":[0-5][0-9](\.[0-9]{1,9})?")
_ZONES_APART_S, _ZONE_STEP_S = 26 * 3600, 900
"""All possible offsets from UTC, in steps of 15 minutes."""

_CONFLICT = re.compile(r"already booked|not available at|already has an appointment", re.IGNORECASE)
"""The API distinguishes a conflict from other refusals by its message only."""

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
    request: Request, answer: Answer, body: Body, check: Check, sent_before: int = 0, limits: AddressLimits = STATED, *, idle: bool = False
) -> Meaning:
    """What ``answer`` to ``request`` means.

    ``sent_before`` is how many requests of this kind the same address had sent in the window of the stated limit (``limits``): a 429 is a promised
    answer only above the limit. ``idle``: this barber has never accepted a booking, so that *not available* there does not mean a conflict.
    """
    if answer.failure is not None:
        return outcomes.of_failure(answer.failure.value, writes=request.writes, may_have_arrived=answer.may_have_arrived)
    if _promised_refusal(request.kind, answer.status, body, sent_before, limits) and not (idle and says_not_available(body)):
        return Meaning(Outcome.FAIL, good=True)
    return outcomes.of_answer(answer.status, writes=request.writes, right_body=200 <= answer.status < 300 and check(body))


def _promised_refusal(kind: str, status: int, body: Body, sent_before: int, limits: AddressLimits) -> bool:
    if status == 429:
        return kind in limits and sent_before >= limits[kind][0]
    return kind in MAY_CONFLICT and is_conflict(status, body)


def says_not_available(body: Body) -> bool:
    """Whether a refusal only says that the barber is not available.

    A platform may say this of a booked barber, and of one who never accepts bookings.
    """
    return "not available at" in message(body).lower()


def is_conflict(status: int, body: Body) -> bool:
    """Whether a refusal says that the slot is taken: 409, or 400 with one of the API's messages."""
    return status == 409 or (status == 400 and _CONFLICT.search(message(body)) is not None)


def message(body: Body) -> str:
    """The text of an error answer in any of the API's forms; empty when there is none."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("message", ""))
    return str(body.get("detail") or body.get("message") or error or "")


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
    """Free times as text, ``HH:MM`` with or without seconds, in a zone that exists if one is stated.

    ``01:00 PM`` is not valid: read as 01:00, it would book another time than the offered one.
    """
    if not isinstance(body, dict) or not isinstance(slots := body.get("slots"), list):
        return False
    zone = body.get("timezone")
    if zone is not None and not (isinstance(zone, str) and is_zone(zone)):
        return False
    return all(isinstance(slot, dict) and isinstance(at := slot.get("time"), str) and (at in _TIMES or _with_seconds(at)) for slot in slots)


def _with_seconds(at: str) -> bool:
    return at[:5] in _TIMES and _WITH_SECONDS.fullmatch(at, 5) is not None


def booked(slot: Slot, franchise: int) -> Check:
    """Accepts an appointment with an ID, at the requested time, with the requested barber, and in the requested franchise if the answer names it.

    If the zone of the request is unknown, the answer may be in any zone.
    """

    def check(body: Body) -> bool:
        return (
            isinstance(body, dict)
            and whole(body.get("id")) is not None
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


def booking_of(booking: int) -> Check:
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


def free_times(body: Body) -> list[str]:
    """Local ``HH:MM`` of the free slots in an answer to ``slots``; none if it is not such a list."""
    return times_of(body) if a_slot_list(body) else []


def times_of(body: Body) -> list[str]:
    """The same without the check, for an answer that :func:`a_slot_list` has accepted: searches are most of the traffic."""
    return [slot["time"] for slot in body["slots"] if slot.get("available", True)] if isinstance(body, dict) else []


def ids(body: Body) -> list[int]:
    """The IDs in a list of objects; objects without an ID, or with a text as ID, are ignored."""
    told = [each.get("id") for each in body if isinstance(each, dict)] if isinstance(body, list) else []
    return [one for one in map(whole, told) if one is not None]
