"""API profiles by name: files of ``scenarios/apis``, read and checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from closeshave.api import offered, templates, times
from closeshave.api.profile import LIMIT, ApiCall, ApiProfile
from closeshave.api.templates import WrongTemplate
from closeshave.files.closest import meant
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of, read, seconds
from closeshave.operations import OPERATIONS

FOLDER = "scenarios/apis"
SHIPPED = "bookedbarber-v2"
"""The API that the stand-in speaks, and every environment whose file names no other."""

Location = tuple[str | int, ...]


def named(name: str) -> ApiProfile:
    """The profile of this name: a path, or a file below ``scenarios/apis``. Raises :class:`InvalidFile` with every problem found."""
    return read_api(locate(FOLDER, name))


def shipped() -> ApiProfile:
    """BookedBarber V2. Read once in each process."""
    return _once()


@lru_cache(maxsize=1)
def _once() -> ApiProfile:
    return named(SHIPPED)


def read_api(path: Path) -> ApiProfile:
    """Read and check a profile. Raises :class:`InvalidFile` with every problem found."""
    profile, raw = read(path, ApiProfile), document(path)
    if problems := [
        Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message) for location, message in inconsistencies(profile)
    ]:
        raise InvalidFile(*problems)
    return profile


def calls(profile: ApiProfile) -> Mapping[str, ApiCall]:
    """Operation → its request, without those that the platform does not have."""
    told = {one.name: getattr(profile.operations, one.name) for one in fields(profile.operations)}
    return {name: call for name, call in told.items() if call is not None}


def inconsistencies(profile: ApiProfile) -> Iterator[tuple[Location, str]]:
    """What is wrong with a well-formed profile: where, and what would be right."""
    made = calls(profile)
    yield from _headers(profile)
    for name, call in made.items():
        yield from _placeholders(name, call)
        if "?" in call.path:
            yield ("operations", name, "path"), "a path without a query: query names the parameters"
        if call.method == "GET" and call.body is not None:
            yield ("operations", name, "body"), "a GET has no body"
    yield from _needed(profile)
    yield from _pages(made)
    yield from _limits(profile)
    if not times.is_zone(profile.zone):
        yield ("zone",), f"{profile.zone!r} is not a time zone; one looks like America/New_York, Europe/Madrid or UTC"
    if not profile.services:
        yield ("services",), "name at least one service and its minutes"


def _pages(made: Mapping[str, ApiCall]) -> Iterator[tuple[Location, str]]:
    for kind in ("my_bookings", "all_bookings", "payments"):
        pages = getattr(made.get(kind), "pages", None)
        if pages is not None and (pages.cursor is None) != (pages.parameter is None):
            at: Location = ("operations", kind, "pages")
            yield at, "cursor says where the text for the next page is, and parameter which parameter takes it: give both or neither"


def _limits(profile: ApiProfile) -> Iterator[tuple[Location, str]]:
    for operation, text in profile.limits.items():
        if operation not in OPERATIONS:
            yield ("limits", operation), f"{operation!r} is no operation{meant(operation, OPERATIONS)}; there are {', '.join(OPERATIONS)}"
        elif re.match(LIMIT, text) is None or not _lasts(text):
            yield ("limits", operation), f"{text!r} is not a rate limit; write it like 30 per 1h"


def _needed(profile: ApiProfile) -> Iterator[tuple[Location, str]]:
    made, called = profile.operations, calls(profile)
    if made.login.answer.client_id is None and made.profile is None:
        yield (
            ("operations", "login", "answer"),
            "client_id is missing: say where the customer's ID is, or give operations.profile, which reads it",
        )
    if (made.pay_intent is None) != (made.pay_confirm is None):
        yield ("operations",), "pay_intent and pay_confirm go together: a payment is announced, then paid"
    if made.refresh is not None and "refresh_token" in _used(made.refresh) and made.login.answer.refresh_token is None:
        yield ("operations", "login", "answer"), "refresh_token is missing: operations.refresh sends it"
    rows = made.slots.answer
    if (rows.time is None) == (rows.start_time is None):
        yield ("operations", "slots", "answer"), "either time (HH:MM in the shop's zone) or start_time (an instant) says when a slot begins"
    if "tag" not in _used(made.book):
        yield ("operations", "book"), "{tag} is missing: a text that the platform stores with the booking, by which the run finds it again"
    for name in ("read_booking", "cancel", "reschedule"):
        if name in called and "booking" not in _used(called[name]):
            yield ("operations", name), "{booking} is missing: without it the platform cannot know which booking is meant"
    for name in ("book", "reschedule"):
        if name in called and not ({"start"} <= _used(called[name]) or {"date", "time"} <= _used(called[name])):
            yield ("operations", name), "the time is missing: send {start}, or {date} and {time}"


def _lasts(text: str) -> bool:
    with suppress(ValueError):
        return seconds(text.rpartition(" ")[2]) > 0
    return False


def _used(call: ApiCall) -> frozenset[str]:
    found: set[str] = set()
    for held in (call.path, call.query, call.headers, call.body):
        # A text with wrong braces is reported where its placeholders are checked.
        with suppress(WrongTemplate):
            found |= set(templates.placeholders(held))
    return frozenset(found)


def _headers(profile: ApiProfile) -> Iterator[tuple[Location, str]]:
    everybodys = {
        "always": offered.ALWAYS, "personal": offered.ALWAYS | offered.PERSONAL, "changes": offered.ALWAYS, "keyed": offered.ALWAYS | {"key"},
    }  # fmt: skip
    for kind, may in everybodys.items():
        for name, template in getattr(profile.headers, kind).items():
            yield from _unknown(("headers", kind, name), template, may)


def _placeholders(operation: str, call: ApiCall) -> Iterator[tuple[Location, str]]:
    may = offered.of(operation, personal=call.personal)
    yield from _unknown(("operations", operation, "path"), call.path, may, in_path=True)
    for part in ("query", "headers"):
        for name, template in getattr(call, part).items():
            yield from _unknown(("operations", operation, part, name), template, may)
    yield from _in_body(("operations", operation, "body"), call.body, may)


def _in_body(at: Location, held: Any, may: frozenset[str]) -> Iterator[tuple[Location, str]]:
    if isinstance(held, str):
        yield from _unknown(at, held, may)
    elif isinstance(held, Mapping):
        for name, inner in held.items():
            yield from _in_body((*at, name), inner, may)
    elif isinstance(held, list | tuple):
        for index, inner in enumerate(held):
            yield from _in_body((*at, index), inner, may)


def _unknown(at: Location, template: str, may: frozenset[str], *, in_path: bool = False) -> Iterator[tuple[Location, str]]:
    try:
        names = list(templates.placeholders(template))
    except WrongTemplate as error:
        yield at, str(error)
        return
    for name in dict.fromkeys(names):
        if name not in may:
            yield (
                at,
                f"there is no placeholder {{{name}}} here{meant(name, sorted(may))}; there are {', '.join(f'{{{each}}}' for each in sorted(may))}",
            )
        elif in_path and f"{{{name}?}}" in template:
            yield at, f"{{{name}?}} may have no value, and a path needs one: write {{{name}}}, or put it into query"
