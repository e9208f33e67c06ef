"""Answers in the harness's own form, from the form of an API. Pure.

The harness's own form has the names of the fields in a profile, instants as text of ISO 8601, and amounts in units. Where an API has just these names, an
answer is passed on as it is: nothing is copied on the way of most requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from closeshave.api import times
from closeshave.api.expressions import found_by
from closeshave.api.fields import SlotFields
from closeshave.api.profile import (
    ApiCall,
    ApiProfile,
    BarbersCall,
    BookingCall,
    FreeCall,
    IntentCall,
    ProfileCall,
    ServicesCall,
    ShopCall,
    SlotsCall,
    TokenCall,
)

Reader = Callable[[Any], Any]
"""An answer's JSON → the harness's form of it."""

_INSTANTS = frozenset({"start_time", "created_at"})
_AMOUNTS = frozenset({"price", "amount"})
_SLOTS: Mapping[str, str] = {
    "rows": "slots", "time": "time", "available": "available", "timezone": "timezone", "opens": "business_hours.start",
    "closes": "business_hours.end", "slot_minutes": "slot_duration_minutes",
}  # fmt: skip
"""Field of a list of free times → where it is in the harness's form."""


def reader(call: ApiCall, profile: ApiProfile) -> Reader:
    """What reads the right answers to this request."""
    read: Reader = _unchanged
    if call.empty_answer:
        read = _nothing_in_it
    elif isinstance(call, TokenCall | ProfileCall | ShopCall | FreeCall | IntentCall):
        read = _fields(expressions_of(call.answer), profile)
    elif isinstance(call, ServicesCall):
        read = found_by(call.rows)
    elif isinstance(call, BarbersCall):
        read = _barbers(call)
    elif isinstance(call, SlotsCall):
        read = _slots(call.answer, profile)
    elif isinstance(call, BookingCall):
        read = _within(found_by(call.booking), call.booking == "@", booking(profile))
    return read


def _unchanged(body: Any) -> Any:
    return body


def _nothing_in_it(_body: Any) -> Any:
    return {}


def expressions_of(stated: Any) -> Mapping[str, str]:
    """Field → expression, of those that a profile states."""
    told = {each.name: getattr(stated, each.name) for each in fields(stated)}
    return {name: text for name, text in told.items() if isinstance(text, str)}


def booking(profile: ApiProfile) -> Reader:
    """What reads a booking from its object."""
    stated = expressions_of(profile.booking)
    plain = profile.instants == "iso" and profile.money == "units" and not profile.statuses
    if plain and len(stated) == len(fields(profile.booking)) and all(name == text for name, text in stated.items()):
        return _unchanged
    read, statuses = _fields(stated, profile), profile.statuses

    def translated(body: Any) -> Any:
        told = read(body)
        if isinstance(told, dict) and isinstance(status := told.get("status"), str):
            told["status"] = statuses.get(status, status)
        return told

    return translated if statuses else read


def payment(stated: Any, profile: ApiProfile) -> Reader:
    """What reads a payment from its row."""
    return _fields(expressions_of(stated), profile)


def _fields(stated: Mapping[str, str], profile: ApiProfile) -> Reader:
    """Fields that are absent from the answer, or null, are absent."""
    found = [(name, _converted(name, found_by(text), profile)) for name, text in stated.items()]

    def read(body: Any) -> Any:
        if not isinstance(body, dict | list):
            return None
        told = {}
        for name, find in found:
            if (value := find(body)) is not None:
                told[name] = value
        return told

    return read


def _converted(name: str, find: Reader, profile: ApiProfile) -> Reader:
    form = profile.instants
    if name in _INSTANTS and form != "iso":
        return lambda body: times.told(find(body), form)
    if name in _AMOUNTS and profile.money == "cents":
        return lambda body: in_units(find(body))
    return find


def in_units(cents: Any) -> Any:
    """An amount of cents in units; what is no whole number stays what it is not: a number."""
    return cents / 100 if isinstance(cents, int) and not isinstance(cents, bool) else None


def _within(find: Reader, whole: bool, read: Reader) -> Reader:
    return read if whole else lambda body: read(find(body))


def _barbers(call: BarbersCall) -> Reader:
    rows, own = found_by(call.answer.rows), found_by(call.answer.id)
    if (call.answer.rows, call.answer.id) == ("@", "id"):
        return _unchanged

    def read(body: Any) -> Any:
        listed = rows(body)
        return [{"id": own(row)} for row in listed] if isinstance(listed, list) else None

    return read


def _slots(stated: SlotFields, profile: ApiProfile) -> Reader:
    if expressions_of(stated) == _SLOTS:
        return _unchanged
    rows, row = found_by(stated.rows), _row(stated, profile)
    zone, opens, closes, minutes = (
        found_by(text) if text else _nothing for text in (stated.timezone, stated.opens, stated.closes, stated.slot_minutes)
    )

    def read(body: Any) -> Any:
        listed = rows(body)
        if not isinstance(listed, list):
            return None
        hours = {name: at for name, at in (("start", opens(body)), ("end", closes(body))) if at is not None}
        told = {"timezone": zone(body), "business_hours": hours or None, "slot_duration_minutes": minutes(body)}
        return {"slots": [row(each) for each in listed], **{name: value for name, value in told.items() if value is not None}}

    return read


def _row(stated: SlotFields, profile: ApiProfile) -> Callable[[Any], dict[str, Any]]:
    told = found_by(stated.available) if stated.available else _nothing

    def available(row: Any) -> Any:
        return True if (free := told(row)) is None else free

    if stated.start_time is None:
        time = found_by(stated.time or "time")
        return lambda row: {"time": time(row), "available": available(row)}
    start, form = found_by(stated.start_time), profile.instants

    def read(row: Any) -> dict[str, Any]:
        at = times.instant(start(row), form)
        return {"starts_at": None if at is None else int(at.timestamp()), "available": available(row)}

    return read


def _nothing(_body: Any) -> None:
    return None


def is_slot_list(body: Any) -> bool:
    """Whether this is a list of free times in the harness's form.

    Each is a text, ``HH:MM`` with or without seconds, or an instant; the zone exists if one is stated. ``01:00 PM`` is not valid: read as 01:00, it would
    book another time than the offered one.
    """
    if not isinstance(body, dict) or not isinstance(slots := body.get("slots"), list):
        return False
    zone = body.get("timezone")
    if zone is not None and not (isinstance(zone, str) and times.is_zone(zone)):
        return False
    if slots and isinstance(slots[0], dict) and "starts_at" in slots[0]:
        return all(isinstance(slot, dict) and isinstance(at := slot.get("starts_at"), int) and 0 <= at < _YEAR_3000 for slot in slots)
    # Searches are most of the traffic: no function is called for a usual row.
    return all(isinstance(slot, dict) and isinstance(at := slot.get("time"), str) and (at in _TIMES or _with_seconds(at)) for slot in slots)


def _with_seconds(at: str) -> bool:
    return at[:5] in _TIMES and _SECONDS.fullmatch(at, 5) is not None


def offered(body: Any, day: date, zone: str) -> list[tuple[date, str]]:
    """Day and local time of the free slots in an answer that :func:`is_slot_list` has accepted, for a request about ``day``."""
    slots = body["slots"]
    if slots and "starts_at" in slots[0]:
        return [times.local(slot["starts_at"], zone) for slot in slots if slot.get("available", True)]
    return [(day, slot["time"]) for slot in slots if slot.get("available", True)]


_TIMES = frozenset(f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_YEAR_3000 = 32_503_680_000
_SECONDS = re.compile(r":[0-5][0-9](\.[0-9]{1,9})?")
