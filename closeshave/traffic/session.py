"""One customer's visit: sends a request when it is due, classifies the answer, records it, and waits for the next one.

Open model: the first request is intended at the visit's arrival, each further one at the previous answer plus the think time. A request that is not
due before the load ends is not intended; one that is due is sent, however late.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from closeshave.clock import now_ns
from closeshave.history import LOGGED_OUT, Effect, Operation, Outcome, Source, aged
from closeshave.loadgen.outcomes import Meaning
from closeshave.loadgen.transport import Answer, Failure, Request, Transport
from closeshave.operations import OPERATIONS
from closeshave.topology import Topology
from closeshave.traffic import answers
from closeshave.traffic.accounts import Wallet
from closeshave.traffic.answers import Body, Check
from closeshave.traffic.conventions import EVERYTHING, Conventions
from closeshave.traffic.dialect import Caller
from closeshave.traffic.learning import Learnt
from closeshave.traffic.limits import AddressTally

LEFT_OUT = Meaning(Outcome.FAIL, good=False, error="left_out")
"""The status of an operation that was not sent, because the platform does not support it."""


UNAUTHENTICATED = 401
_PERSONAL = frozenset(name for name, each in OPERATIONS.items() if each.personal)

BEFORE_THE_END_S = 0.05
"""A last step that would be due after the load's end is due this long before it instead."""


class Over(Exception):
    """The load has ended, or was stopped: no further step of this visit is due."""


@dataclass(slots=True)
class Counters:
    """The sender's own counts; compared with what was recorded and with what the edges counted."""

    intended: int = 0
    sent: int = 0
    requests: int = 0
    """Sent HTTP requests: fewer than ``sent`` if no connection was available."""


class Recorder(Protocol):
    """Records operations; implemented by :class:`closeshave.traffic.recorder.EngineRecorder`."""

    counters: Counters

    def next_id(self) -> int:
        """The ID that the next recorded operation must carry."""
        ...

    def record(self, operation: Operation, method: str, effect: Effect | None = None, arrival: int | None = None) -> None:
        """Record a finished operation, the method of its request, its effect, and the number of the arrival that it belongs to."""
        ...

    def add_effect(self, effect: Effect) -> None:
        """Record one more effect of an operation, just before or after the operation itself."""
        ...


@dataclass(slots=True)
class Window:
    """When steps may start, shared by all customers of a generator."""

    end_ns: int | None = None
    """No step that is due at or after this instant is started; ``None`` without an end (closed model)."""
    requests: int | None = None
    """The generator stops by itself after so many requests."""
    closed: bool = False

    def admits(self, due_ns: int, sent: int) -> bool:
        """Whether a step that is due at ``due_ns`` still belongs to the load."""
        if self.requests is not None and sent >= self.requests:
            self.closed = True
        return not self.closed and (self.end_ns is None or due_ns < self.end_ns)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all customers of a generator share."""

    source: Source
    topology: Topology
    tag: str
    """The text in the notes of everything that they create."""
    window: Window
    recorder: Recorder
    sleep_until: Callable[[int], None]
    """Waits until this instant of the monotonic clock, in nanoseconds; other customers run meanwhile."""
    wall_s: Callable[[], float]
    """Seconds since the epoch."""
    conventions: Conventions = EVERYTHING
    """How requests to this platform differ."""
    learnt: Learnt = field(default_factory=Learnt)
    """What they find out about the platform."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its meaning."""

    meaning: Meaning
    body: Body
    answer: Answer


Effects = Callable[[int, Meaning, Body], Effect | None]
"""``(operation ID, meaning, body)`` → how the operation changed the platform's state, or what it read of it."""


@dataclass(slots=True)
class Session:
    """A customer during a visit. ``due_ns`` is when the next step is intended, on the monotonic clock."""

    id: str
    journey: str
    region: str
    """The region of the edge."""
    caller: Caller
    client: str | None
    """The platform's ID of the customer, if it is known."""
    transport: Transport
    surroundings: Surroundings
    rng: random.Random
    due_ns: int
    open_model: bool = True
    """Whether the model is open. In the closed one (plain Locust) a step is intended when it is sent."""
    arrival: int | None = None
    """The number of the arrival that began the visit, among all of the load."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of operations in the history that differ from those of the API's client."""
    opened_ns: int | None = None
    """When the token that is used was asked for: its session was opened no earlier. ``None`` if that is not known."""
    wallet: Wallet | None = None
    """The accounts of the generator; ``None`` where the customer is not one of them, and never logs in again."""
    _tally: AddressTally = field(init=False)

    def __post_init__(self) -> None:
        self._tally = self.surroundings.conventions.tally()

    @property
    def shard(self) -> int:
        """The shard of the current franchise; 0 when no shard holds it."""
        return self.shard_of(self.caller.franchise)

    def shard_of(self, franchise: int) -> int:
        """The shard that holds ``franchise``; 0 when none does."""
        shard = self.surroundings.topology.shard_of(franchise)
        return shard.id if shard else 0

    def call(
        self,
        request: Request,
        check: Check = answers.anything,
        effects: Effects | None = None,
        *,
        attempt: int = 1,
        idle: bool = False,
        recorded: str = "",
    ) -> Reply:
        """Carry out one operation, now due, and record it. Raises :class:`Over` when the load has ended before it was due.

        ``idle``: the barber is known to accept no bookings. ``recorded``: the name in the history, if it differs. An operation that the platform does
        not support is left out: nothing is sent or counted, and there is no good answer.
        """
        conventions = self.surroundings.conventions
        if request.kind in conventions.steps_off:
            return Reply(LEFT_OUT, None, Answer(self.due_ns, self.due_ns))
        asked = request.kind
        request = conventions.apply(request)
        request = replace(request, kind=self.names.get(asked, asked))
        around, recorder = self.surroundings, self.surroundings.recorder
        intended_ns = self.due_ns if self.open_model else now_ns()
        if not around.window.admits(intended_ns, recorder.counters.sent):
            raise Over
        recorder.counters.intended += 1
        recorder.counters.sent += 1
        started_ns = now_ns()
        try:
            answer = self.transport.send(request)
        except BaseException:
            # The customer is to end at once; what was under way may have happened anyway. Under plain Locust that is how
            # every run ends, and its own clients do not count it.
            if self.open_model:
                self._keep(
                    asked,
                    request,
                    Answer(started_ns, now_ns(), failure=Failure.STOPPED),
                    check,
                    effects,
                    intended_ns,
                    attempt,
                    idle,
                    recorded=recorded,
                )
            else:
                recorder.counters.intended -= 1
                recorder.counters.sent -= 1
            raise
        return self._keep(asked, request, answer, check, effects, intended_ns, attempt, idle, recorded=recorded)

    def wait(self, seconds: float) -> None:
        """Wait for ``seconds`` after the last answer. Raises :class:`Over` when the next step would be due after the load's end."""
        self.surroundings.sleep_until(self.rest(seconds))

    def wait_at_most(self, seconds: float) -> None:
        """As :meth:`wait`, but if the load ends sooner, only until just before its end. Raises :class:`Over` when it has ended already."""
        end_ns = self.surroundings.window.end_ns
        if end_ns is not None:
            left_s = (end_ns - (self.due_ns if self.open_model else now_ns())) / 1e9
            seconds = max(0.0, min(seconds, left_s - BEFORE_THE_END_S))
        self.wait(seconds)

    def rest(self, seconds: float) -> int:
        """The next step is due ``seconds`` after the last answer: at the instant returned; the caller must wait until then.

        Raises :class:`Over` when that is after the load's end.
        """
        due_ns = (self.due_ns if self.open_model else now_ns()) + int(seconds * 1e9)
        if not self.surroundings.window.admits(due_ns, self.surroundings.recorder.counters.sent):
            raise Over
        self.due_ns = due_ns
        return due_ns

    def _keep(
        self,
        asked: str,
        request: Request,
        answer: Answer,
        check: Check,
        effects: Effects | None,
        intended_ns: int,
        attempt: int,
        idle: bool,
        *,
        recorded: str,
    ) -> Reply:
        """``asked`` is the operation; ``request`` has the name under which it is recorded."""
        recorder, api = self.surroundings.recorder, self.caller.api
        if answer.may_have_arrived:
            recorder.counters.requests += 1
        body = answers.parse(answer.body) if answer.status else None
        if 200 <= answer.status < 300:
            body = api.told(asked, body)
        sent_before = self._tally.count(request.kind, answer.started_ns)
        meaning = answers.classify(request, answer, body, check, sent_before, self._tally.limits, idle=idle, api=api)
        learnt = self.surroundings.learnt
        if meaning.good:
            learnt.served.add(request.kind)
        elif 400 <= answer.status < 500:
            learnt.turned_away[request.kind, answer.status] += 1
        operation = self._operation(replace(request, kind=recorded) if recorded else request, answer, meaning, intended_ns, attempt)
        if answer.status == UNAUTHENTICATED and asked in _PERSONAL:
            recorder.add_effect(self._logged_out(operation))
        recorder.record(operation, request.method, effects(operation.id, meaning, body) if effects else None, self.arrival)
        self.due_ns = answer.ended_ns
        return Reply(meaning, body, answer)

    def _logged_out(self, operation: Operation) -> Effect:
        """What a refusal as not logged in says of the session: whose it is, and how old."""
        age_s = None if self.opened_ns is None else (operation.started_ns - self.opened_ns) / 1e9
        return Effect(
            operation.id, LOGGED_OUT, self.caller.franchise, self.shard, session=self.id, client=self.client, read_values=aged(age_s)
        )

    def _operation(self, request: Request, answer: Answer, meaning: Meaning, intended_ns: int, attempt: int) -> Operation:
        told = answers.trace(answer.headers)
        return Operation(
            id=self.surroundings.recorder.next_id(),
            source=self.surroundings.source.value,
            kind=request.kind,
            journey=self.journey,
            region=self.region,
            shard=self.shard,
            franchise=self.caller.franchise,
            intended_ns=intended_ns,
            started_ns=answer.started_ns,
            ended_ns=answer.ended_ns,
            outcome=meaning.outcome.value,
            good=meaning.good,
            status=answer.status,
            error=meaning.error,
            attempt=attempt,
            bytes=len(answer.body),
            served_by=told.served_by,
            cache=told.cache,
            db_ms=told.db_ms,
            cache_ms=told.cache_ms,
        )
