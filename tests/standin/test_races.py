"""Many at the same moment: one slot, one key, one payment; and the effect of a planted defect."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from closeshave import deployment
from closeshave.control.processes import poll_until
from closeshave.standin import defects
from tests.standin.running import Customer, Running

pytestmark = pytest.mark.servers

DAY = f"{datetime.now(ZoneInfo('America/New_York')) + timedelta(days=4):%Y-%m-%d}"


@pytest.fixture(scope="module")
def customers(platform: Running) -> Sequence[Customer]:
    """Ten people who are logged in, in turn from both regions."""
    regions = ("us-east-1", "eu-west-1")
    return [platform.client(regions[number % 2]).login(f"customer.{number}@us-east-1.example") for number in range(1, 11)]


def together(customers: Sequence[Customer], path: str, bodies: Sequence[dict[str, Any]], **headers: str) -> list[httpx.Response]:
    """The answers to requests sent at the same time, dealt out among ``customers``."""

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=None)) as client:
            requests = []
            for number, body in enumerate(bodies):
                customer = customers[number % len(customers)]
                address = {"X-Forwarded-For": f"10.9.{number // 250}.{number % 250}"}
                requests.append(client.post(f"{customer.base_url}{path}", json=body, headers={**customer.headers, **address, **headers}))
            return await asyncio.gather(*requests)

    return asyncio.run(send())


def statuses(answers: Sequence[httpx.Response]) -> dict[int, int]:
    """How often each status was answered."""
    return dict(Counter(answer.status_code for answer in answers))


def test_fifty_customers_and_one_slot_of_one_barber(customers: Sequence[Customer]) -> None:
    """Exactly one of fifty gets it; all others get a conflict, and none gets an error."""
    wish = {"date": DAY, "time": "10:00", "service": "Haircut", "barber_id": 101}
    answers = together([customer.at(10) for customer in customers], "/api/v2/appointments/", [wish] * 50)
    assert statuses(answers) == {200: 1, 409: 49}


def test_fifty_customers_and_one_slot_of_three_barbers(customers: Sequence[Customer]) -> None:
    """Without a requested barber, as many get the slot as there are barbers, each a different one."""
    wish = {"date": DAY, "time": "10:00", "service": "Haircut"}
    answers = together([customer.at(11) for customer in customers], "/api/v2/appointments/", [wish] * 50)
    assert statuses(answers) == {200: 3, 409: 47}
    assert {answer.json()["barber_id"] for answer in answers if answer.status_code == 200} == {111, 112, 113}


def test_long_and_short_services_that_overlap(customers: Sequence[Customer]) -> None:
    """45 minutes at 10:00 and 20 minutes at 10:30 never both get the same barber."""
    wishes = [
        {"date": DAY, "time": "10:00", "service": "Haircut & Shave", "barber_id": 121},
        {"date": DAY, "time": "10:30", "service": "Shave", "barber_id": 121},
    ]
    answers = together([customer.at(12) for customer in customers], "/api/v2/appointments/", wishes * 10)
    assert statuses(answers) == {200: 1, 409: 19}


def test_one_key_at_the_same_time_is_one_booking(customers: Sequence[Customer]) -> None:
    """Twenty requests with the same key, three free barbers: all are answered with the same booking."""
    wish = {"date": DAY, "time": "10:00", "service": "Haircut"}
    key = {"Idempotency-Key": "book_race"}
    answers = together([customers[0].at(13)], "/api/v2/appointments/", [wish] * 20, **key)
    assert statuses(answers) == {200: 20}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_rescheduling_into_one_slot(customers: Sequence[Customer]) -> None:
    """Of several bookings moved to the same free time at once, one is moved and the others stay unchanged."""
    customer = customers[0].at(14)
    times = ["09:00", "09:30", "10:00", "10:30"]
    wishes = [{"date": DAY, "time": at, "service": "Haircut", "barber_id": 141} for at in times]
    bookings = [customer.post("/api/v2/appointments/", json=wish).json()["id"] for wish in wishes]

    async def move() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=30, headers=customer.headers) as client:
            target = {"date": DAY, "time": "14:00"}
            return await asyncio.gather(
                *(client.post(f"{customer.base_url}/api/v2/appointments/{booking}/reschedule", json=target) for booking in bookings)
            )

    assert statuses(asyncio.run(move())) == {200: 1, 409: 3}
    assert Counter(customer.get(f"/api/v2/appointments/{booking}").json()["version"] for booking in bookings) == {1: 3, 2: 1}


def test_confirming_twice_at_once_charges_once(platform: Running, customers: Sequence[Customer]) -> None:
    """However often and in whichever region a payment is confirmed, the provider's ledger holds one capture of it."""
    customer = customers[0].at(15)
    booking = customer.post("/api/v2/appointments/", json={"date": DAY, "time": "10:00", "service": "Shave"}).json()["id"]
    intents = together([customer], "/api/v2/payments/create-intent", [{"booking_id": booking}] * 5)
    [intent] = {answer.json()["payment_intent_id"] for answer in intents}
    confirmed = together([customer], "/api/v2/payments/confirm", [{"booking_id": booking, "payment_intent_id": intent}] * 10)
    assert statuses(confirmed) == {200: 10}
    [capture] = [line for line in platform.captures() if line["booking"] == booking]
    assert {answer.json()["capture_id"] for answer in confirmed} == {capture["capture"]}
    assert (capture["amount"], capture["franchise"]) == (2000, 15)


def test_the_planted_defect_books_twice_under_concurrency_only(
    platform: Running, customers: Sequence[Customer], deployed: deployment.Deployment
) -> None:
    """With the defect, simultaneous bookings of one slot both succeed, one after the other does not; without it, only one does."""
    rivals = [customer.at(16) for customer in customers]

    def race(at: str) -> dict[int, int]:
        wish = {"date": DAY, "time": at, "service": "Haircut", "barber_id": 161}
        return statuses(together(rivals, "/api/v2/appointments/", [wish] * 2))

    assert race("09:00") == {200: 1, 409: 1}
    defects.plant(deployed, "double-booking")
    assert poll_until(platform.defects.exists, 1)
    hours = iter(("10:00", "11:00", "12:00", "13:00", "14:00"))
    assert poll_until(lambda: race(next(hours)) == {200: 2}, 5)
    late = {"date": DAY, "time": "10:00", "service": "Haircut", "barber_id": 161}
    assert rivals[0].post("/api/v2/appointments/", json=late).status_code == 409
    defects.clear(deployed, "double-booking")
    assert race("15:00") == {200: 1, 409: 1}


def test_an_unknown_defect_is_an_error(deployed: deployment.Deployment) -> None:
    """A misspelt name plants no defect."""
    with pytest.raises(ValueError, match="double-boking"):
        defects.plant(deployed, "double-boking")
