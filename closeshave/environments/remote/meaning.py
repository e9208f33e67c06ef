"""What a platform's answers mean for its environment file: one function for each question. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from closeshave.api.profile import ApiProfile
from closeshave.api.spoken import SpokenApi, shipped
from closeshave.environments.remote import address, zones
from closeshave.environments.remote.asking import Heard, message
from closeshave.environments.remote.visiting import Noticed
from closeshave.files import foreign
from closeshave.operations import OPERATIONS, PAYING

STEPS: Mapping[str, str] = {each.question: name for name, each in OPERATIONS.items() if each.question}
"""Request → the operation that a journey leaves out if it is not answered."""
IDENTIFYING = ("status", "service", "app", "name", "environment", "stage", "region")
"""Members of a health route's JSON by which platforms say who they are."""
MAY_BE_TAKEN = frozenset({"book", "reschedule"})
LIMIT = re.compile(r"(\d{1,9}) per (\d{1,6}) ?(second|minute|hour|day)", re.IGNORECASE)
OPERATION: Mapping[str, str] = {
    **{each.question: name for name, each in OPERATIONS.items() if each.question},
    "slots of a barber": "slots",
    **dict.fromkeys(("book another", "same key", "conflict", "at once"), "book"),
}
"""Request → the operation to whose rate limit it counts."""


def steps_off(heard: Mapping[str, Heard], api: SpokenApi | None = None) -> frozenset[str]:
    """Operations that this platform does not support. A reached rate limit does not count, nor does a list that can be replaced by another one.

    ``api`` is BookedBarber V2 by default.
    """
    api = api or shipped()
    off = {
        step
        for name, step in STEPS.items()
        if name in heard and not heard[name].good and not api.is_throttled(heard[name].status, heard[name].body)
    }
    if off & set(PAYING):
        off |= set(PAYING)
    # That no barber was free says nothing about the operation.
    return frozenset(name for name in off if name not in MAY_BE_TAKEN or not api.is_taken(heard[name].status, heard[name].body))


def slots_by_barber(noticed: Noticed) -> bool | None:
    """Whether lists of one barber have free times; ``None`` if no answer shows it."""
    if any(noticed.listed.values()):
        return True
    return False if noticed.merged and noticed.listed else None


def idle_barbers(noticed: Noticed) -> tuple[int | str, ...]:
    """Listed barbers who accepted no booking at any time that was tried, while others did."""
    return tuple(who for who in noticed.refused if who is not None) if noticed.took else ()


def zone(noticed: Noticed) -> tuple[str | None, tuple[str, ...]]:
    """The zone that the platform names or that fits a booking, and other zones that fit as well but have other hours in another season."""
    fits = zones.fitting(noticed.booked.asked, noticed.booked.answered) if noticed.booked else ()
    if noticed.zone is not None and (noticed.zone in fits or not fits):
        return noticed.zone, ()
    return (fits[0], tuple(one for one in fits[1:] if one in zones.LIKELY)) if fits else (None, ())


def honours_addresses(heard: Mapping[str, Heard]) -> address.Known:
    """Whether the platform uses ``X-Forwarded-For``."""
    told = [heard[name].body if name in heard else None for name in ("health/", "client address")]
    return address.known(*told)


def limits_met(heard: Mapping[str, Heard]) -> dict[str, str]:
    """Operation → its limit as stated in a 429, in the form of environment files."""
    found = {}
    for name, one in heard.items():
        told = LIMIT.search(message(one.body)) if one.status == 429 else None
        if told is not None and name in OPERATION:
            found[OPERATION[name]] = f"{told[1]} per {told[2]}{told[3][0].lower()}"
    return found


def ready_by(heard: Mapping[str, Heard]) -> Literal["code", "body"]:
    """``body`` if the body of the health route has the words for readiness, else ``status``."""
    told = heard["ready"].body if "ready" in heard else None
    return "body" if isinstance(told, dict) and foreign.is_one_of(told.get("status"), {"ready", "not_ready", "error"}) else "code"


def tells_franchises(heard: Mapping[str, Heard]) -> bool:
    """Whether answers name the region that they come from."""
    return any({"x-region", "x-cache", "server-timing"} & set(one.headers) for one in heard.values())


def honours_keys(heard: Mapping[str, Heard]) -> bool | None:
    """Whether the same key gave the same booking; ``None`` if this was not tested."""
    if "book" not in heard or "same key" not in heard:
        return None
    first, again = heard["book"].body, heard["same key"]
    return again.good and isinstance(first, dict) and isinstance(again.body, dict) and first.get("id") == again.body.get("id")


def identifying(profile: ApiProfile) -> dict[str, str]:
    """Question → path of the routes by which a platform of this API may identify itself: its health, else what else it says of itself."""
    health = dict(profile.examined.health)
    return {name: path for name, path in health.items() if name.rstrip("/") == "health"} or health or {"fingerprint": profile.ready}


def fingerprint(heard: Mapping[str, Heard], routes: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
    """A path and the members that identify the platform, preferring the path that names its stage; ``None`` if none of these routes identifies it."""
    best: tuple[str, dict[str, str]] | None = None
    for name, path in routes.items():
        body = heard[name].body if name in heard and heard[name].good else None
        if not isinstance(body, dict):
            continue
        told = {key: str(body[key]) for key in IDENTIFYING if isinstance(body.get(key), str)}
        if told and (best is None or (_names_stage(told) and not _names_stage(best[1]))):
            best = path, told
    return best


def _names_stage(told: Mapping[str, str]) -> bool:
    return "environment" in told or "stage" in told
