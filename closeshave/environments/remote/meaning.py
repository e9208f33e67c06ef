"""What a platform's answers mean for its environment file: one question each. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from closeshave.environments.remote import address, zones
from closeshave.environments.remote.asking import HEALTH, Heard, message
from closeshave.environments.remote.visiting import Noticed
from closeshave.files import foreign

STEPS = frozenset(
    {"login", "refresh", "profile", "franchise", "public services", "barbers", "slots", "book", "read_booking", "reschedule", "cancel"}
    | {"pay_intent", "pay_confirm"}
)
"""Of these a journey may leave out what does not answer; the operation has the question's name, but for services, which it reads as anybody may."""
TAKEN = re.compile(r"already (booked|has an appointment)|not available", re.IGNORECASE)
LIMIT = re.compile(r"(\d{1,9}) per (\d{1,6}) ?(second|minute|hour|day)", re.IGNORECASE)
OPERATION = {"login": "login", "slots": "slots", "slots of a barber": "slots", "book": "book", "book another": "book", "same key": "book",
             "conflict": "book", "at once": "book", "reschedule": "reschedule", "cancel": "cancel", "pay_intent": "pay_intent",
             "pay_confirm": "pay_confirm"}  # fmt: skip
"""Question → the operation whose limit it counts to."""


def steps_off(heard: Mapping[str, Heard]) -> frozenset[str]:
    """Operations that this platform does not support. A limit that was met, and a list that another way leads around, are no reason."""
    off = {name.removeprefix("public ") for name in STEPS if name in heard and not heard[name].good and heard[name].status != 429}
    if off & {"pay_intent", "pay_confirm"}:
        off |= {"pay_intent", "pay_confirm"}
    # That no barber was free says nothing about the operation.
    return frozenset(name for name in off if name not in {"book", "reschedule"} or not TAKEN.search(heard[name].said))


def slots_by_barber(noticed: Noticed) -> bool | None:
    """Whether lists of one barber have free times; ``None`` when no answer shows it."""
    if any(noticed.listed.values()):
        return True
    return False if noticed.merged and noticed.listed else None


def idle_barbers(noticed: Noticed) -> tuple[int, ...]:
    """Listed people who took no booking at any time that was tried, while others did."""
    return tuple(who for who in noticed.refused if isinstance(who, int)) if noticed.took else ()


def zone(noticed: Noticed) -> tuple[str | None, tuple[str, ...]]:
    """The zone that the platform names or a booking fits, and others that it fits as well and that keep other hours at another season."""
    fits = zones.fitting(noticed.booked.asked, noticed.booked.answered) if noticed.booked else ()
    if noticed.zone is not None and (noticed.zone in fits or not fits):
        return noticed.zone, ()
    return (fits[0], tuple(one for one in fits[1:] if one in zones.LIKELY)) if fits else (None, ())


def honours_addresses(heard: Mapping[str, Heard]) -> address.Known:
    """Whether ``X-Forwarded-For`` is."""
    told = [heard[name].body if name in heard else None for name in ("health/", "client address")]
    return address.known(*told)


def limits_met(heard: Mapping[str, Heard]) -> dict[str, str]:
    """Operation → its limit as a 429 told it, written as a file writes it."""
    found = {}
    for name, one in heard.items():
        told = LIMIT.search(message(one.body)) if one.status == 429 else None
        if told is not None and name in OPERATION:
            found[OPERATION[name]] = f"{told[1]} per {told[2]}{told[3][0].lower()}"
    return found


def ready_by(heard: Mapping[str, Heard]) -> Literal["code", "body"]:
    """The body where it speaks the words that readiness has there."""
    told = heard["ready"].body if "ready" in heard else None
    return "body" if isinstance(told, dict) and foreign.is_one_of(told.get("status"), {"ready", "not_ready", "error"}) else "code"


def tells_franchises(heard: Mapping[str, Heard]) -> bool:
    """Whether answers tell where they come from."""
    return any({"x-region", "x-cache", "server-timing"} & set(one.headers) for one in heard.values())


def honours_keys(heard: Mapping[str, Heard]) -> bool | None:
    """Whether the same key gave the same booking; ``None`` when it was not asked."""
    if "book" not in heard or "same key" not in heard:
        return None
    first, again = heard["book"].body, heard["same key"]
    return again.good and isinstance(first, dict) and isinstance(again.body, dict) and first.get("id") == again.body.get("id")


def fingerprint(heard: Mapping[str, Heard]) -> tuple[str, dict[str, str]] | None:
    """A path and what it says of the platform, preferring the one that names its stage; ``None`` when no health route says anything."""
    best: tuple[str, dict[str, str]] | None = None
    for name in ("health", "health/"):
        body = heard[name].body if name in heard and heard[name].good else None
        if not isinstance(body, dict):
            continue
        told = {key: str(body[key]) for key in ("status", "service", "name", "environment", "region") if isinstance(body.get(key), str)}
        if told and (best is None or ("environment" in told and "environment" not in best[1])):
            best = HEALTH[name], told
    return best
