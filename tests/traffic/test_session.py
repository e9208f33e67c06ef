"""A session sends what is due, when it is due, records it, and stops where the load does."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import orjson
import pytest

from closeshave.clock import now_ns
from closeshave.history import Effect, Operation, Source
from closeshave.loadgen.transport import Answer, Failure, Request
from closeshave.traffic.dialect import Caller, Slot
from closeshave.traffic.session import Counters, Over, Session, Surroundings, Window
from closeshave.traffic.steps import Appointment, SessionSteps
from tests.traffic.loads import FOUR

SLOT = Slot(5, date(2026, 12, 1), "09:00", "America/New_York")
BOOKED = {"id": 3, "barber_id": 5, "start_time": "2026-12-01T14:00:00", "client_id": 9, "price": 30.0, "duration_minutes": 30}


@dataclass
class Scripted:
    """A transport that answers as the script says, and keeps the requests."""

    script: list[tuple[int, object] | Failure]
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        self.asked.append(request)
        step, at = self.script.pop(0), now_ns()
        if isinstance(step, Failure):
            return Answer(at, at + 1000, failure=step)
        return Answer(at, at + 1000, step[0], {}, orjson.dumps(step[1]))

    def close(self) -> None:
        """Nothing to give up."""


class Ended(BaseException):
    """The exception that ends a customer."""


class Ending(Scripted):
    """A transport whose customer is ended while it waits."""

    def send(self, request: Request) -> Answer:
        raise Ended


@dataclass
class Kept:
    """A recorder in memory."""

    counters: Counters = field(default_factory=Counters)
    operations: list[Operation] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def next_id(self) -> int:
        return len(self.operations)

    def add_effect(self, effect: Effect) -> None:
        self.effects.append(effect)

    def record(self, operation: Operation, method: str, effect: Effect | None = None, arrival: int | None = None) -> None:
        self.operations.append(operation)
        self.effects += [effect] if effect else []


Make = Callable[..., tuple[Session, Kept]]


def session(*script: tuple[int, object] | Failure, window: Window | None = None, due_ns: int = 100) -> tuple[Session, Kept]:
    """A customer of franchise 50,001 (shard 3) and the book that is kept of it."""
    kept = Kept()
    around = Surroundings(Source.CUSTOMERS, FOUR, "closeshave:r", window or Window(), kept, lambda _due_ns: None, lambda: 1_795_000_000.0)
    caller = Caller("a@example.com", "pw", "T", "C", 50_001, "10.1.2.3")
    return Session("s", "customer", "us-east-1", caller, "9", Scripted(list(script)), around, random.Random(1), due_ns), kept


def test_the_first_step_is_intended_at_the_arrival_and_the_next_after_the_answer() -> None:
    """Plus the think time; lateness never moves the intended time."""
    customer, kept = session((200, {}), (200, {}))
    steps = SessionSteps(customer)
    steps.franchise_page()
    customer.wait(2.5)
    steps.franchise_page()
    first, second = kept.operations
    assert first.intended_ns == 100 < first.started_ns
    assert second.intended_ns == first.ended_ns + 2_500_000_000


def test_an_operation_states_its_region_and_shard() -> None:
    """The region of the edge, and the shard of the franchise."""
    customer, kept = session((200, {}))
    SessionSteps(customer).franchise_page()
    row = kept.operations[0]
    assert (row.region, row.shard, row.franchise, row.kind, row.journey) == ("us-east-1", 3, 50_001, "franchise", "customer")


def test_what_is_not_due_before_the_end_is_not_sent() -> None:
    """Neither counted nor recorded: the load has ended."""
    customer, kept = session((200, {}), window=Window(end_ns=1))
    with pytest.raises(Over):
        SessionSteps(customer).franchise_page()
    assert (kept.counters.intended, kept.counters.sent, kept.operations) == (0, 0, [])


def test_no_think_time_lasts_past_the_end() -> None:
    """A customer whose next step would be due after the end leaves at once."""
    customer, _ = session((200, {}), window=Window(end_ns=now_ns() + 10**9))
    SessionSteps(customer).franchise_page()
    with pytest.raises(Over):
        customer.wait(1.5)


def test_a_customer_who_is_refused_just_before_the_end_reads_the_list_before_it() -> None:
    """Otherwise it would be unknown who held the slots of the last seconds. After the end no list is read."""
    end_ns = now_ns() + 10**9
    taken = (409, {"error": {"type": "conflict", "message": "This barber already has an appointment"}})
    customer, kept = session(taken, (200, {"slots": []}), window=Window(end_ns=end_ns))
    assert SessionSteps(customer).book(SLOT, "Haircut") is None
    assert [row.kind for row in kept.operations] == ["book", "slots"]
    assert end_ns - 10**8 < kept.operations[1].intended_ns < end_ns
    late, kept = session(taken, window=Window(end_ns=101))
    with pytest.raises(Over):
        SessionSteps(late).book(SLOT, "Haircut")
    assert len(kept.operations) == 1


def test_the_limit_on_requests_closes_the_window() -> None:
    """For all customers."""
    window = Window(requests=1)
    customer, kept = session((200, {}), (200, {}), window=window)
    SessionSteps(customer).franchise_page()
    with pytest.raises(Over):
        SessionSteps(customer).franchise_page()
    assert window.closed
    assert kept.counters.sent == 1


def test_a_booking_leaves_its_effect() -> None:
    """As answered: booking, barber, instant, length, client, price in cents, and the key that was sent."""
    customer, kept = session((200, BOOKED))
    booking = SessionSteps(customer).book(SLOT, "Haircut")
    assert booking == Appointment(3, SLOT, "Haircut")
    assert isinstance(customer.transport, Scripted)
    key = customer.transport.asked[0].headers["Idempotency-Key"]
    assert kept.effects == [
        Effect(0, "create", 50_001, 3, key=key, booking=3, barber=5, starts_at=1796133600, minutes=30, amount=3000, session="s", client="9")
    ]


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.RESET])
def test_a_booking_without_an_answer_is_repeated_with_the_same_key(failure: Failure) -> None:
    """Once, after a short wait, as another operation; both effects state what was requested."""
    customer, kept = session(failure, (200, BOOKED))
    assert SessionSteps(customer).book(SLOT, "Haircut") is not None
    one, other = kept.operations
    assert (one.outcome, one.attempt, other.outcome, other.attempt) == ("info", 1, "ok", 2)
    assert other.intended_ns == one.ended_ns + 1_000_000_000
    unknown, known = kept.effects
    assert unknown.key == known.key is not None
    assert (unknown.booking, unknown.barber, unknown.starts_at, unknown.minutes) == (None, 5, 1796133600, 30)


@pytest.mark.parametrize("script", [(409, {}), Failure.REFUSED, (404, {})])
def test_a_booking_that_certainly_failed_is_not_repeated(script: tuple[int, object] | Failure) -> None:
    """A conflict is an answer; a refused connection is certain."""
    customer, kept = session(script, (200, {"slots": []}))
    assert SessionSteps(customer).book(SLOT, "Haircut") is None
    assert [operation.kind for operation in kept.operations].count("book") == 1


def test_canaries_never_repeat_a_request() -> None:
    """A probe is one write, and its result is the measurement."""
    customer, kept = session(Failure.TIMEOUT)
    assert SessionSteps(customer, retries=False).book(SLOT, "Haircut") is None
    assert len(kept.operations) == 1


def test_only_requests_that_found_a_connection_are_on_the_wire() -> None:
    """So that they can be compared with what the edges counted."""
    customer, kept = session(Failure.REFUSED, Failure.CONNECT_TIMEOUT, Failure.TIMEOUT, (200, {}))
    for _ in range(4):
        SessionSteps(customer).franchise_page()
    assert (kept.counters.sent, kept.counters.requests) == (4, 2)


def test_a_read_keeps_what_it_saw() -> None:
    """For the guarantees of a session."""
    customer, kept = session((200, BOOKED | {"status": "scheduled", "version": 2}))
    SessionSteps(customer).read_booking(Appointment(3, SLOT, "Haircut"))
    effect = kept.effects[0]
    assert (effect.action, effect.booking, effect.version) == ("read", 3, 2)
    assert orjson.loads(effect.read_values or "")["status"] == "scheduled"


def test_a_failed_read_saw_nothing() -> None:
    """It is an operation without an effect."""
    customer, kept = session((503, {}))
    SessionSteps(customer).read_booking(Appointment(3, SLOT, "Haircut"))
    assert (len(kept.operations), kept.effects) == (1, [])


def test_a_payment_keeps_its_amount_and_keys() -> None:
    """The captured amount is the announced one, each with a key of its own."""
    customer, kept = session((200, {"payment_intent_id": "pi", "amount": 30.0}), (200, {}))
    steps, booking = SessionSteps(customer), Appointment(3, SLOT, "Haircut")
    intent = steps.create_intent(booking)
    assert intent is not None
    steps.confirm(booking, intent)
    announced, captured = kept.effects
    assert (announced.action, announced.amount, captured.action, captured.amount) == ("intent", 3000, "capture", 3000)
    assert announced.key != captured.key


def test_a_log_in_goes_on_with_the_new_token() -> None:
    """And keeps the CSRF value if the answer has none."""
    customer, _ = session((200, {"access_token": "new"}))
    SessionSteps(customer).log_in()
    assert (customer.caller.token, customer.caller.csrf) == ("new", "C")


@pytest.mark.parametrize(("open_model", "errors"), [(True, ["stopped"]), (False, [])])
def test_a_customer_who_is_ended_leaves_a_record_of_the_request_in_progress(open_model: bool, errors: list[str]) -> None:
    """It may have happened. Plain Locust ends its users so in every run, and neither counts nor records it."""
    customer, kept = session()
    customer.transport, customer.open_model = Ending([]), open_model
    with pytest.raises(Ended):
        SessionSteps(customer).franchise_page()
    assert [operation.error for operation in kept.operations] == errors
    assert kept.counters.sent == kept.counters.intended == len(errors)
