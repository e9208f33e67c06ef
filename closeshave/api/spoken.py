"""A profile made ready: requests of its operations, and their answers in the harness's form. Pure; compiled once for each process."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from typing import Any

import orjson

from closeshave.api import answers, known, offered, templates, times
from closeshave.api.expressions import found_by
from closeshave.api.profile import ApiCall, ApiOperations, ApiProfile, RefusalForm
from closeshave.api.templates import Filled, Values
from closeshave.history.ids import number

_READS = frozenset({"GET", "HEAD"})
_CREDENTIALS = frozenset({"register", "login", "refresh"})
"""Changes that no judge looks at: one without an answer has not happened, as far as they know."""
_NO_ROUTE = "/"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request that is ready to be sent."""

    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    body: bytes | None = None
    writes: bool = False
    """Whether it may change what is judged."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    method: str
    writes: bool
    path: Filled
    query: tuple[tuple[str, Filled], ...]
    headers: tuple[tuple[str, Filled], ...]
    body: Filled | None
    derived: tuple[tuple[str, Callable[[Values], Any]], ...]
    """Placeholders whose values are computed, because this request uses them."""
    read: answers.Reader
    used: frozenset[str]
    """The placeholders of this request."""


class SpokenApi:
    """The API of one platform."""

    def __init__(self, profile: ApiProfile) -> None:
        self.profile = profile
        self.minutes: Mapping[str, int] = {name: each.minutes for name, each in profile.services.items()}
        """Service → its duration."""
        self.usual: str = next(iter(profile.services))
        """The service that canaries and contests book."""
        self.offers = frozenset(known.calls(profile))
        """The operations that the platform has."""
        self.lacking = frozenset(each.name for each in fields(ApiOperations)) - self.offers
        """The others."""
        self.has_csrf = any("csrf" in templates.placeholders(text) for text in profile.headers.changes.values())
        """Whether changes carry a pair against forged requests."""
        self.booking = answers.booking(profile)
        """Reads a booking from the object of one."""
        self.lists_instants = profile.operations.slots.answer.start_time is not None
        """Whether free times are instants, so that they are known without the shop's zone."""
        self.any_ids = profile.ids == "any"
        self._ids = {name: name if each.id is None else each.id for name, each in profile.services.items()}
        self._calls = {name: self._compiled(name, call) for name, call in known.calls(profile).items()}
        self._message = found_by(profile.refusals.message)
        self._taken, self._throttled = (tuple(map(_matcher, each)) for each in (profile.refusals.taken, profile.refusals.throttled))
        self._not_available, self._registered = (
            re.compile(text, re.IGNORECASE) if text else None for text in (profile.refusals.not_available, profile.refusals.registered)
        )

    # -- requests --------------------------------------------------------------------------------------------------------------------------

    def request(self, operation: str, values: dict[str, Any]) -> ApiRequest:
        """The request of an operation. ``values`` has what :mod:`.offered` names, as far as it is not computed; what is, is added to it.

        For a slot: ``day`` (a date), ``time``, ``zone``, and ``service`` as its name; ``end_time`` if it is not the service's. An operation that the
        platform does not have gets a request that nobody may send.
        """
        return ApiRequest(*self.parts(operation, values))

    def parts(self, operation: str, values: dict[str, Any]) -> tuple[str, str, dict[str, str], bytes | None, bool]:
        """The same as the fields of an :class:`ApiRequest`: customers send thousands a second, and make their own object of them."""
        made = self._calls.get(operation)
        if made is None:
            return "GET", _NO_ROUTE, {}, None, False
        for derived, compute in made.derived:
            values[derived] = compute(values)
        path = made.path(values)
        if made.query:
            asked = "&".join([f"{name}={value}" for name, fill in made.query if (value := fill(values)) is not None])
            path = f"{path}?{asked}" if asked else path
        headers = {name: value for name, fill in made.headers if (value := fill(values)) is not None}
        return made.method, path, headers, None if made.body is None else orjson.dumps(made.body(values)), made.writes

    def uses(self, placeholder: str, operation: str | None = None) -> bool:
        """Whether a request of this operation, or of any, has this placeholder."""
        return any(placeholder in made.used for name, made in self._calls.items() if operation in {None, name})

    def withheld(self, *, franchises: bool, forwarded_for: bool) -> frozenset[str]:
        """Headers that a platform must not get if it has no franchises, or if customers have no addresses of their own."""
        given = self.profile.headers
        off = {"franchise": not franchises, "address": not forwarded_for}
        sent = {**given.always, **given.personal, **given.changes, **given.keyed}
        return frozenset(name for name, text in sent.items() if any(off.get(each) for each in templates.placeholders(text)))

    def reading(self, path: str, values: Values) -> ApiRequest:
        """A GET of a path that is no operation, as a customer who is logged in."""
        given = self.profile.headers
        filled = ((name, templates.header(text)(values)) for name, text in {**given.always, **given.personal}.items())
        return ApiRequest("GET", path, {name: value for name, value in filled if value is not None})

    def addressed(self, address: str) -> dict[str, str]:
        """The headers by which a platform knows this client address."""
        sent = {name: text for name, text in self.profile.headers.always.items() if "address" in set(templates.placeholders(text))}
        return {name: templates.header(text)({"address": address, "franchise": 1, "csrf": None}) for name, text in sent.items()}

    # -- answers ---------------------------------------------------------------------------------------------------------------------------

    def told(self, operation: str, body: Any) -> Any:
        """A right answer in the harness's form; ``None`` if it has none."""
        made = self._calls.get(operation)
        return body if made is None else made.read(body)

    def is_id(self, told: object) -> bool:
        """Whether this can be the ID of a booking or of a barber."""
        if isinstance(told, int):
            return not isinstance(told, bool)
        return self.any_ids and number(told) is not None

    def message(self, body: Any) -> str:
        """The message of a refusal; empty when there is none."""
        told = self._message(body)
        return "" if told is None else str(told)

    def is_taken(self, status: int, body: Any) -> bool:
        """Whether a refusal says that the slot is taken."""
        return self._any(self._taken, status, body)

    def is_throttled(self, status: int, body: Any) -> bool:
        """Whether a rate limit refused the request."""
        return self._any(self._throttled, status, body)

    def says_not_available(self, body: Any) -> bool:
        """Whether a refusal may also mean a barber who never works."""
        return self._not_available is not None and self._not_available.search(self.message(body)) is not None

    def says_registered(self, body: Any) -> bool:
        """Whether a refused registration says that the account exists."""
        return self._registered is not None and self._registered.search(self.message(body)) is not None

    def _any(self, ways: tuple[_Matcher, ...], status: int, body: Any) -> bool:
        return any((code is None or code == status) and (said is None or said.search(self.message(body))) for code, said in ways)

    # -- compiling -------------------------------------------------------------------------------------------------------------------------

    def _compiled(self, operation: str, call: ApiCall) -> _Compiled:
        given = self.profile.headers
        sent = dict(given.always)
        if call.personal:
            sent |= given.personal
        if call.method not in _READS:
            sent |= given.changes
        if operation in offered.KEYED:
            sent |= given.keyed
        sent |= call.headers
        held = (call.path, call.query, sent, call.body)
        used = {name for each in held for name in templates.placeholders(each)}
        return _Compiled(
            method=call.method,
            writes=call.method not in _READS and operation not in _CREDENTIALS,
            path=templates.path(call.path),
            query=tuple((templates.quoted(name), templates.parameter(text)) for name, text in call.query.items()),
            headers=tuple((name, templates.header(text)) for name, text in sent.items()),
            body=None if call.body is None else templates.member(call.body),
            derived=tuple((name, compute) for name, compute in self._computed().items() if name in used),
            read=answers.reader(call, self.profile),
            used=frozenset(used),
        )

    def _computed(self) -> Mapping[str, Callable[[Values], Any]]:
        write = partial(times.written, form=self.profile.instants)
        return {
            "date": lambda values: values["day"].isoformat(),
            "start": lambda values: write(_starts_at(values)),
            "end": lambda values: write(self._ends_at(values)),
            "end_time": lambda values: values.get("end_time") or times.later(values["time"], self.minutes[values["service"]]),
            "day_start": lambda values: write(times.midnight_s(values["day"], values["zone"])),
            "day_end": lambda values: write(times.next_midnight_s(values["day"], values["zone"])),
            "minutes": lambda values: self.minutes[values["service"]],
            # Last: the others look the service up by its name.
            "service": lambda values: self._ids[values["service"]],
        }

    def _ends_at(self, values: Values) -> int:
        if (until := values.get("end_time")) is not None:
            return times.local_to_epoch(values["day"], until, values["zone"])
        return _starts_at(values) + 60 * self.minutes[values["service"]]


def _starts_at(values: Values) -> int:
    return times.local_to_epoch(values["day"], values["time"], values["zone"])


_Matcher = tuple[int | None, re.Pattern[str] | None]


def _matcher(way: RefusalForm) -> _Matcher:
    return way.status, re.compile(way.message, re.IGNORECASE) if way.message else None


@lru_cache(maxsize=8)
def spoken(profile: ApiProfile) -> SpokenApi:
    """The API of this profile, compiled once."""
    return SpokenApi(profile)


def shipped() -> SpokenApi:
    """BookedBarber V2."""
    return spoken(known.shipped())
