"""Every answer has one of three outcomes, and is good only if the customer got what was promised."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import RATE_LIMITED, SHORTAGE, Outcome
from closeshave.loadgen.outcomes import Meaning
from closeshave.loadgen.transport import Answer, Failure, Request
from closeshave.traffic import answers, dialect
from closeshave.traffic.dialect import Caller, Slot

CALLER = Caller("a@example.com", "pw", "T", "C", 1, "10.1.2.3")
SLOT = Slot(5, date(2026, 12, 1), "09:00", "America/New_York")
BOOK = dialect.book(CALLER, SLOT, "Haircut", "", "book_k")
READ = dialect.slots(CALLER, SLOT.day)
CANCEL = dialect.cancel(CALLER, 1)

CONFLICT = {"error": {"type": "http", "message": "This time slot is already booked"}}
UNAVAILABLE = {"error": {"type": "http", "message": "Barber is not available at 09:00 on 2026-12-01"}}
BUSY = {"detail": "This barber already has an appointment then"}
WRONG_TIME = {"error": {"type": "http", "message": "Invalid time format"}}

OK, FAIL, INFO = Outcome.OK, Outcome.FAIL, Outcome.INFO


def meaning(request: Request, status: int, body: Any = None, failure: Failure | None = None, sent_before: int = 0, **check: Any) -> Meaning:
    """What this answer to this request means."""
    answer = Answer(0, 1, status, {}, orjson.dumps(body), failure)
    return answers.classify(request, answer, answers.parse(answer.body), check.get("check", answers.anything), sent_before)


@pytest.mark.parametrize(
    ("request_", "status", "body", "outcome", "good", "error"),
    [
        (READ, 200, {}, OK, True, None),
        (BOOK, 200, {}, OK, True, None),
        (BOOK, 409, CONFLICT, FAIL, True, None),
        (BOOK, 400, CONFLICT, FAIL, True, None),
        (BOOK, 400, UNAVAILABLE, FAIL, True, None),
        (BOOK, 400, BUSY, FAIL, True, None),
        (BOOK, 400, WRONG_TIME, FAIL, False, "status_400"),
        (dialect.reschedule(CALLER, 1, SLOT), 409, CONFLICT, FAIL, True, None),
        (CANCEL, 409, CONFLICT, FAIL, False, "status_409"),
        (READ, 400, CONFLICT, FAIL, False, "status_400"),
        (BOOK, 403, {}, FAIL, False, "status_403"),
        (READ, 307, {}, FAIL, False, "status_307"),
        (BOOK, 307, {}, FAIL, False, "status_307"),
        (READ, 302, {}, FAIL, False, "status_302"),
        (BOOK, 303, {}, INFO, False, "status_303"),
        (READ, 404, {}, FAIL, False, "status_404"),
        (READ, 503, {}, FAIL, False, "status_503"),
        (BOOK, 503, {}, INFO, False, "status_503"),
        (BOOK, 500, {}, INFO, False, "status_500"),
        (CANCEL, 502, {}, INFO, False, "status_502"),
        (dialect.log_in(CALLER), 503, {}, FAIL, False, "status_503"),
    ],
)
def test_statuses(request_: Request, status: int, body: Any, outcome: Outcome, good: bool, error: str | None) -> None:
    """A conflict is good for a request for a slot, by 409 or by message; a 5xx on a write may have happened."""
    assert meaning(request_, status, body) == Meaning(outcome, good, error)


@pytest.mark.parametrize(
    ("failure", "on_read", "on_write"),
    [
        (Failure.REFUSED, FAIL, FAIL),
        (Failure.UNREACHABLE, FAIL, FAIL),
        (Failure.CONNECT_TIMEOUT, FAIL, FAIL),
        (Failure.TIMEOUT, FAIL, INFO),
        (Failure.RESET, FAIL, INFO),
        (Failure.CLOSED, FAIL, INFO),
        (Failure.PROTOCOL, FAIL, INFO),
        (Failure.STOPPED, FAIL, INFO),
        (Failure.SHORTAGE, FAIL, INFO),
    ],
)
def test_no_answer(failure: Failure, on_read: Outcome, on_write: Outcome) -> None:
    """Without a connection nothing happened; with one, a write may have happened."""
    assert meaning(READ, 0, failure=failure) == Meaning(on_read, False, failure.value)
    assert meaning(BOOK, 0, failure=failure) == Meaning(on_write, False, failure.value)


def test_a_shortage_before_a_byte_left_certainly_did_nothing() -> None:
    """Both have the same error; only whether the request may have arrived differs."""
    unsent = Answer(0, 1, failure=Failure.SHORTAGE, sent=False)
    assert answers.classify(BOOK, unsent, None, answers.anything) == Meaning(FAIL, False, SHORTAGE)
    assert not unsent.may_have_arrived


@pytest.mark.parametrize(
    ("kind", "sent_before", "good"),
    [("slots", 99, False), ("slots", 100, True), ("login", 50, True), ("book", 49, False), ("profile", 999, False)],
)
def test_a_rate_limit_is_good_only_beyond_what_was_stated(kind: str, sent_before: int, good: bool) -> None:
    """A customer within the stated limit who is refused did not get what was promised."""
    found = meaning(Request(kind, "GET", "/", {}), 429, {"detail": "Rate limit exceeded"}, sent_before=sent_before)
    assert found == Meaning(FAIL, good, None if good else RATE_LIMITED)


GOOD_BOOKING = {"id": 3, "barber_id": 5, "start_time": "2026-12-01T14:00:00", "franchise_id": 1}


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"start_time": "2026-12-01T14:00:00Z"}, True),
        ({"start_time": "2026-12-01T09:00:00-05:00"}, True),
        ({"start_time": "2026-12-01T14:30:00"}, False),
        ({"start_time": None}, False),
        ({"id": None}, False),
        ({"barber_id": 6}, False),
        ({"franchise_id": 2}, False),
    ],
)
def test_an_acknowledgement_of_something_else_is_not_good(change: dict[str, Any], good: bool) -> None:
    """Another time, barber or franchise, or no ID: the booking may have happened, but it is not what the customer requested."""
    found = meaning(BOOK, 200, GOOD_BOOKING | change, check=answers.booked(SLOT, 1))
    assert found == (Meaning(OK, True) if good else Meaning(INFO, False, "wrong_body"))


@pytest.mark.parametrize(
    ("check", "body", "good"),
    [
        (answers.a_list, [], True),
        (answers.a_list, {}, False),
        (answers.having("slots"), {"slots": []}, True),
        (answers.having("slots"), {"error": 1}, False),
        (answers.having("slots"), None, False),
        (answers.booking_of(7), {"id": 7}, True),
        (answers.booking_of(7), {"id": 8}, False),
        (answers.a_slot_list, {"slots": [{"time": "09:00"}, {"time": "23:59:59"}, {"time": "09:00:00.5"}]}, True),
        (answers.a_slot_list, {"slots": [{"time": "09:00 AM"}]}, False),
        (answers.a_slot_list, {"slots": [{"time": "01:00 PM"}]}, False),
        (answers.a_slot_list, {"slots": [{"time": "09:00Z"}]}, False),
        (answers.a_slot_list, {"slots": [{"time": "09:00garbage"}]}, False),
        (answers.a_slot_list, {"slots": [{"time": "9:00"}]}, False),
        (answers.a_token, {"access_token": "T"}, True),
        (answers.a_token, {"access_token": "T", "csrf_token": "C"}, True),
        (answers.a_token, {"access_token": "a\r\nX: 1"}, False),
        (answers.a_token, {"access_token": "\u0394"}, False),
        (answers.a_token, {"access_token": 5}, False),
        (answers.a_token, {"access_token": "T", "csrf_token": {"a": 1}}, False),
        (answers.an_intent, {"payment_intent_id": "pi_1"}, True),
        (answers.an_intent, {"payment_intent_id": 17}, True),
        (answers.an_intent, {"payment_intent_id": None}, False),
        (answers.an_intent, {"payment_intent_id": ""}, False),
        (answers.an_intent, {"payment_intent_id": True}, False),
    ],
)
def test_bodies(check: answers.Check, body: Any, good: bool) -> None:
    """A read of something else has failed."""
    assert meaning(READ, 200, body, check=check) == (Meaning(OK, True) if good else Meaning(FAIL, False, "wrong_body"))


@given(st.binary())
def test_any_bytes_can_be_a_body(body: bytes) -> None:
    """Bytes that are not a JSON object or list are no body."""
    assert isinstance(answers.parse(body), dict | list | None)


def test_what_the_platform_states_about_itself() -> None:
    """Region, cache and times from headers; absent ones stay unknown."""
    told = answers.trace({"x-region": "eu-west-1", "x-cache": "miss", "server-timing": "db;dur=2"})
    assert told == answers.AnswerTrace("eu-west-1", "miss", 2.0, None)
    assert answers.trace({}) == answers.AnswerTrace(None, None, None, None)


@pytest.mark.parametrize(("amount", "expected"), [(30, 3000), (29.99, 2999), ("12.50", 1250), (None, None), ("free", None)])
def test_amounts_are_cents(amount: object, expected: int | None) -> None:
    """Without rounding errors of binary fractions."""
    assert answers.cents(amount) == expected


def test_only_free_slots_count() -> None:
    """Slots that the answer lists as taken are not offered to a customer."""
    body = {"slots": [{"time": "09:00", "available": True}, {"time": "09:30", "available": False}, {"time": "10:00"}]}
    assert answers.free_times(body, SLOT.day, "UTC") == [(SLOT.day, "09:00"), (SLOT.day, "10:00")]
    assert answers.free_times(None, SLOT.day, "UTC") == []
