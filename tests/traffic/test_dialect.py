"""Requests are what BookedBarber V2 wants, peculiarities included."""

from __future__ import annotations

import random
import re
from datetime import date

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.loadgen.transport import Request
from closeshave.traffic import dialect
from closeshave.traffic.dialect import Caller, Slot
from closeshave.traffic.steps import SessionSteps
from tests.traffic.test_session import session

CALLER = Caller("a@example.com", "pw", "TOKEN", "CSRF", 50_001, "10.1.2.3")
SLOT = Slot(5, date(2026, 12, 1), "09:30", "Europe/Dublin")

READS = [
    (dialect.franchise_page(CALLER), "franchise", "/api/v2/locations/", True),
    (dialect.services(CALLER), "services", "/api/v2/public/services/", False),
    (dialect.barbers(CALLER), "barbers", "/api/v2/barbers/", True),
    (dialect.slots(CALLER, SLOT.day), "slots", "/api/v2/appointments/slots?appointment_date=2026-12-01", False),
    (dialect.slots(CALLER, SLOT.day, 5), "slots", "/api/v2/appointments/slots?appointment_date=2026-12-01&barber_id=5", False),
    (dialect.me(CALLER), "profile", "/api/v2/auth/me", True),
    (dialect.read_booking(CALLER, 7), "read_booking", "/api/v2/appointments/7", True),
]

WRITES = [
    (
        dialect.book(CALLER, SLOT, "Shave", "closeshave:r", "book_k"), "book", "POST", "/api/v2/appointments/", "book_k",
        {"date": "2026-12-01", "time": "09:30", "service": "Shave", "notes": "closeshave:r", "barber_id": 5},
    ),
    (
        dialect.reschedule(CALLER, 7, SLOT), "reschedule", "POST", "/api/v2/appointments/7/reschedule", None,
        {"date": "2026-12-01", "time": "09:30"},
    ),
    (dialect.cancel(CALLER, 7), "cancel", "PUT", "/api/v2/appointments/7/cancel", None, {}),
    (dialect.create_intent(CALLER, 7, "intent_k"), "pay_intent", "POST", "/api/v2/payments/create-intent", "intent_k", {"booking_id": 7}),
    (
        dialect.confirm(CALLER, 7, "pi", "pay_k"), "pay_confirm", "POST", "/api/v2/payments/confirm", "pay_k",
        {"booking_id": 7, "payment_intent_id": "pi"},
    ),
]  # fmt: skip

LOGINS = [
    (dialect.log_in(CALLER), "login", "/api/v2/auth/login", {"email": "a@example.com", "password": "pw"}),
    (dialect.refresh(CALLER, "R"), "refresh", "/api/v2/auth/refresh", {"refresh_token": "R"}),
]


@pytest.mark.parametrize(("request_", "kind", "path", "bearer"), READS)
def test_reads(request_: Request, kind: str, path: str, *, bearer: bool) -> None:
    """A read names its franchise and client address, has a token if it needs one, and changes nothing."""
    assert (request_.kind, request_.method, request_.path, request_.body, request_.writes) == (kind, "GET", path, None, False)
    assert request_.headers["X-Franchise-Id"] == "50001"
    assert request_.headers["X-Forwarded-For"] == "10.1.2.3"
    assert request_.headers.get("Authorization") == ("Bearer TOKEN" if bearer else None)


@pytest.mark.parametrize(("request_", "kind", "method", "path", "key", "body"), WRITES)
def test_writes(request_: Request, kind: str, method: str, path: str, key: str | None, body: dict[str, object]) -> None:
    """A write has a token, an equal pair of CSRF cookie and header, and its idempotency key."""
    assert (request_.kind, request_.method, request_.path, request_.writes) == (kind, method, path, True)
    assert orjson.loads(request_.body or b"") == body
    assert request_.headers["Cookie"] == "csrf_token=CSRF"
    assert request_.headers["X-CSRF-Token"] == "CSRF"
    assert request_.headers["Authorization"] == "Bearer TOKEN"
    assert request_.headers.get("Idempotency-Key") == key


@pytest.mark.parametrize(("request_", "kind", "path", "body"), LOGINS)
def test_log_ins_change_nothing_that_is_judged(request_: Request, kind: str, path: str, body: dict[str, str]) -> None:
    """They need no token, and one that fails has certainly not happened."""
    assert (request_.kind, request_.path, request_.writes) == (kind, path, False)
    assert orjson.loads(request_.body or b"") == body
    assert "Authorization" not in request_.headers


def test_no_barber_is_requested_if_any_will_do() -> None:
    """The API chooses then."""
    request = dialect.book(CALLER, Slot(None, SLOT.day, "10:00", "UTC"), "Shave", "", "book_k")
    assert "barber_id" not in orjson.loads(request.body or b"")


@given(st.integers())
def test_keys_are_what_the_payment_routes_accept(seed: int) -> None:
    """A prefix without underscores, one underscore, a version 4 UUID; the same seed gives the same key in a run, and another in the next."""
    key = dialect.new_key("pay", "run 1", random.Random(seed))
    assert re.fullmatch(r"pay_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key)
    assert key == dialect.new_key("pay", "run 1", random.Random(seed))
    assert key != dialect.new_key("pay", "run 2", random.Random(seed))


@pytest.mark.parametrize(
    ("day", "time", "zone", "epoch"),
    [
        (date(2026, 7, 1), "09:00", "America/New_York", 1782910800),
        (date(2026, 12, 1), "09:00", "America/New_York", 1796133600),
        (date(2026, 12, 1), "09:00", "Asia/Singapore", 1796086800),
        (date(2026, 12, 1), "09:00", "UTC", 1796115600),
    ],
)
def test_local_times_become_instants(day: date, time: str, zone: str, epoch: int) -> None:
    """With the zone's summer time."""
    assert Slot(1, day, time, zone).starts_at == epoch


@pytest.mark.parametrize(
    ("merged", "services"), [(False, ["Haircut", "Shave", "Haircut & Shave"]), (True, ["Haircut", "Shave"])], ids=["one barber", "merged"]
)
def test_a_service_of_two_steps_is_booked_from_the_list_of_one_barber_only(merged: bool, services: list[str]) -> None:
    """A merged list offers ten and half past ten, but not whether by one barber: a refusal could not be explained."""
    customer, _ = session()
    assert SessionSteps(customer).services_at(Slot(None, date(2026, 8, 3), "10:00", "UTC", merged=merged)) == services
