"""Records the requests of plain Locust users from Locust's own events. For Locust processes only.

An event is told by whoever sent the request, with the clock of that client: wall-clock seconds of the start, and milliseconds. HTTP clients are watched
too, so that a request that no event tells of is recorded all the same: one that is in flight when the load ends, and one whose ``with`` block raised.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from gevent import getcurrent
from locust import User
from locust.env import Environment

from closeshave.clock import now_ns
from closeshave.history import Effect, Operation, Source
from closeshave.loadgen import outcomes, shortage
from closeshave.loadgen.errors import Reason
from closeshave.loadgen.outcomes import Meaning
from closeshave.loadgen.rows import METHOD_CODES
from closeshave.traffic import effects
from closeshave.traffic.recorder import EngineRecorder
from closeshave.traffic.session import Window

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing; any other word, of other protocols too, may."""
UNTOLD = "untold"
"""The error of a request that was answered and of which no event told: the code after it raised."""
LONGEST_NAME = 200
NOWHERE = "GET"
_MOST_WRONG_NS = 60_000_000_000
"""A client whose clock is further off than this is not believed."""
_REASONS = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.ETIMEDOUT: Reason.CONNECT_TIMEOUT,
}
_BY_NAME = {
    "ConnectTimeout": Reason.CONNECT_TIMEOUT, "ConnectTimeoutError": Reason.CONNECT_TIMEOUT, "ReadTimeout": Reason.TOTAL_TIMEOUT,
    "ReadTimeoutError": Reason.TOTAL_TIMEOUT, "Timeout": Reason.TOTAL_TIMEOUT, "RemoteDisconnected": Reason.CLOSED, "SSLError": Reason.TLS,
    "IncompleteRead": Reason.TRUNCATED, "ChunkedEncodingError": Reason.TRUNCATED, "HTTPConnectionClosed": Reason.CLOSED,
    "NameResolutionError": Reason.DNS,
}  # fmt: skip


@dataclass(slots=True)
class Sending:
    """A request that an HTTP client was given, and of which no event has told yet."""

    started_ns: int
    method: str
    name: str
    response: object = None
    """What the client returned; ``None`` while the request is in flight."""
    ended_ns: int = 0


@dataclass(slots=True)
class UserPlace:
    """A user's place in the load: what its requests are recorded with."""

    region: str
    journey: str
    due_ns: int | None = None
    """When its visit was due, until its first request has been recorded; ``None`` in the closed model."""
    sending: list[Sending] = field(default_factory=list)
    latest: int | None = None
    """The ID of its last recorded request."""
    arrival: int | None = None
    """The number of the arrival that began its visit; ``None`` in the closed model."""

    def told(self, response: object) -> Sending | None:
        """Take the request to which this answer belongs; ``None`` if no watched client sent it."""
        found = next(
            (each for each in self.sending if response is not None and any(response is one for one in _told_by(each.response))), None
        )
        # The event comes before the client returns, unless the caller catches the response.
        found = found or next((each for each in reversed(self.sending) if each.response is None), None)
        if found is not None:
            self.sending.remove(found)
        return found


@dataclass(frozen=True, slots=True)
class LocustRequest:
    """What an event says of a request."""

    method: str
    name: str
    started_ns: int
    ended_ns: int
    meaning: Meaning
    status: int
    bytes: int


class LocustRecorder:
    """Records what Locust's event ``request`` tells, and what the file says of its effects."""

    def __init__(self, environment: Environment, recorder: EngineRecorder, window: Window, source: Source, shard: int, tag: str) -> None:
        self._recorder, self._window, self._source, self._shard = recorder, window, source, shard
        self._places: WeakKeyDictionary[Any, UserPlace] = WeakKeyDictionary()
        self._of_user: WeakKeyDictionary[User, UserPlace] = WeakKeyDictionary()
        self.on = False
        """Whether anything is recorded: between the start and the end of the load."""
        self._elsewhere = UserPlace("", "")
        """Of requests from a greenlet that the file has started by itself, by a client that is not watched."""
        environment.events.request.add_listener(self._heard)  # type: ignore[no-untyped-call]  # Locust's own gap
        effects.listen(self._effect, tag)

    def seat(self, user: User, place: UserPlace) -> None:
        """From now on this greenlet's requests, and those of the user's HTTP client, belong to this place."""
        self.seat_of(getcurrent(), user, place)

    def seat_of(self, whose: Any, user: User, place: UserPlace) -> None:
        """The same for another greenlet, which runs the user."""
        self._places[whose] = place
        self._of_user[user] = place
        client = getattr(user, "client", None)
        if client is None or not callable(getattr(client, "request", None)) or getattr(client, "watched_by_closeshave", None):
            return
        send = client.request

        def request(method: str, url: str, name: str | None = None, *arguments: Any, **options: Any) -> Any:
            sending = Sending(now_ns(), str(method), str(name or getattr(client, "request_name", None) or url))
            # The user may have another place by now, and the greenlet may be one that the file has started.
            place = self._places[getcurrent()] = self._of_user[user]
            place.sending.append(sending)
            try:
                sending.response = send(method, url, name, *arguments, **options)
            except Exception:
                # The client refused what it was given: nothing was sent, and Locust tells of nothing.
                if sending in place.sending:
                    place.sending.remove(sending)
                raise
            sending.ended_ns = now_ns()
            return sending.response

        client.request = request
        client.watched_by_closeshave = True

    def home(self, place: UserPlace) -> None:
        """Where requests go of which nobody knows who sent them."""
        self._elsewhere = place

    def task_ended(self, place: UserPlace, *, cut_off: bool = False) -> None:
        """Record the requests of a task of which no event told. ``cut_off``: the user was ended, perhaps in the middle of one."""
        for sending in place.sending:
            flying = sending.response is None
            if flying and not cut_off:
                continue
            error = Reason.STOPPED.value if flying else UNTOLD
            status = _status(sending.response)
            meaning = outcomes.of_failure(error, writes=sending.method.upper() not in READS, may_have_arrived=True)
            self._keep(
                place, LocustRequest(sending.method, sending.name, sending.started_ns, sending.ended_ns or now_ns(), meaning, status, 0)
            )
        place.sending = [] if cut_off else [each for each in place.sending if each.response is None]

    def _heard(
        self,
        request_type: str = "",
        name: str = "",
        response_time: float | None = None,
        response_length: int | None = None,
        exception: BaseException | None = None,
        response: object = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        place = self._places.get(getcurrent()) or self._elsewhere
        sending = place.told(response)
        took_ns = round(_number(response_time) * 1e6)
        started_ns = sending.started_ns if sending else started(now_ns(), time.time(), took_ns, start_time)
        method, status = str(request_type), _status(response)
        meaning = meaning_of(status, exception, writes=method.upper() not in READS)
        heard = LocustRequest(
            method, str(name), started_ns, min(now_ns(), started_ns + took_ns), meaning, status, int(_number(response_length))
        )
        self.heard(place, heard)

    def heard(self, place: UserPlace, heard: LocustRequest) -> None:
        """Record a request. Canaries count it instead."""
        self._keep(place, heard)

    def _keep(self, place: UserPlace, heard: LocustRequest) -> None:
        if not self.on:
            return
        counters = self._recorder.counters
        self._window.admits(heard.started_ns, counters.sent)
        counters.intended += 1
        counters.sent += 1
        counters.requests += 1
        intended_ns, place.due_ns = min(place.due_ns or heard.started_ns, heard.started_ns), None
        place.latest = self._recorder.next_id()
        operation = Operation(
            id=place.latest,
            source=self._source.value,
            kind=f"{heard.method} {heard.name}".strip()[:LONGEST_NAME],
            journey=place.journey,
            region=place.region,
            shard=self._shard,
            franchise=0,
            intended_ns=intended_ns,
            started_ns=heard.started_ns,
            ended_ns=max(heard.started_ns, heard.ended_ns),
            outcome=heard.meaning.outcome.value,
            good=heard.meaning.good,
            status=heard.status,
            error=heard.meaning.error,
            bytes=min(heard.bytes, 2**31 - 1),
        )
        method = heard.method.upper() if heard.method.upper() in METHOD_CODES else NOWHERE
        self._recorder.record(operation, method, arrival=place.arrival)

    def _effect(self, told: dict[str, Any]) -> None:
        place = self._places.get(getcurrent()) or self._elsewhere
        if not self.on:
            return
        if place.latest is None:
            raise RuntimeError("effects.report: this user has sent no request yet; call it right after the request that it is about")
        self._recorder.add_effect(Effect(operation=place.latest, shard=self._shard, **told))


def started(at_ns: int, wall_s: float, took_ns: int, start_time: float | None) -> int:
    """When a request was sent, by an event that came at ``at_ns``: at its own wall-clock time if that can be, else as long ago as it took. Pure."""
    by_length = at_ns - took_ns
    if isinstance(start_time, int | float):
        told = at_ns - round((wall_s - start_time) * 1e9)
        if by_length - _MOST_WRONG_NS <= told <= by_length:
            return told
    return by_length


def meaning_of(status: int, exception: BaseException | None, *, writes: bool) -> Meaning:
    """What an answer means: good is what the file itself takes for a success. Pure, but for a look at this machine's descriptors."""
    if exception is None:
        return outcomes.GOOD
    if status:
        return outcomes.of_answer(status, writes=writes, right_body=False)
    reason = reason_of(exception)
    unsent = reason in {
        Reason.REFUSED.value,
        Reason.DNS.value,
        Reason.UNREACHABLE.value,
        Reason.CONNECT_TIMEOUT.value,
        Reason.SHORTAGE.value,
    }
    return outcomes.of_failure(reason, writes=writes, may_have_arrived=not unsent)


def reason_of(exception: BaseException) -> str:
    """Why there was no answer: in the words of the load engine where the error is one that it knows, else the error's name."""
    chain = list(_chain(exception))
    if any(map(shortage.is_shortage, chain)):
        return Reason.SHORTAGE.value
    for each in chain:
        if isinstance(each, socket.gaierror):
            return Reason.SHORTAGE.value if shortage.of_descriptors() else Reason.DNS.value
        if isinstance(each, OSError) and each.errno in _REASONS:
            return _REASONS[each.errno].value
    for each in chain:
        if (known := _BY_NAME.get(type(each).__name__)) is not None:
            return known.value
        if isinstance(each, TimeoutError):
            return Reason.TOTAL_TIMEOUT.value
    return type(exception).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and the errors that led to it: clients wrap them in many ways."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _told_by(answer: object) -> tuple[object, ...]:
    """What an event may name as the response of this answer: the fast client returns a copy of it."""
    meta = getattr(answer, "request_meta", None)
    return (answer, meta.get("response") if isinstance(meta, dict) else None)


def _status(response: object) -> int:
    """The HTTP status of an answer; 0 where it has none."""
    told = getattr(response, "status_code", None)
    return told if isinstance(told, int) and 100 <= told <= 999 else 0


def _number(told: object) -> float:
    """Custom clients may tell anything."""
    return float(told) if isinstance(told, int | float) and 0 <= told < 1e12 else 0.0
