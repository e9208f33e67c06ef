"""Planted defects that need no fault: each acts as its name says while it is planted, and not before or after."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.standin import defects
from closeshave.standin.seed import administrator
from tests.standin.running import SIZES, Customer, Running

pytestmark = pytest.mark.servers

DAYS = [f"{datetime.now(ZoneInfo('America/New_York')) + timedelta(days=ahead):%Y-%m-%d}" for ahead in range(3, 27)]
WISHES = ({"date": day, "time": f"{hour}:00"} for day, hour in product(DAYS, range(10, 17)))
"""Times that no other test of this file wants."""
LOOK_S = 0.3
"""After so long every process has noticed a switch."""


@pytest.fixture(scope="module")
def customers(platform: Running) -> Sequence[Customer]:
    """Four logged-in customers of the first region."""
    return [platform.client().login(f"customer.{number}@us-east-1.example") for number in range(20, 24)]


@pytest.fixture
def planted(deployed: Deployment) -> Callable[..., None]:
    """Plants a defect and waits until it is noticed."""

    def plant(name: str, franchises: Sequence[int] = ()) -> None:
        defects.plant(deployed, name, franchises)
        time.sleep(LOOK_S)  # the processes' own interval: there is nothing to ask them

    return plant


def honest(deployed: Deployment, name: str) -> None:
    """Take the defect out, and wait until that is noticed."""
    defects.clear(deployed, name)
    time.sleep(LOOK_S)


def book(customer: Customer, wish: dict[str, str], **more: Any) -> httpx.Response:
    """The answer to a wish for a haircut."""
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    return customer.post("/api/v2/appointments/", json={**wish, "service": "Haircut", **more}, headers=headers)


def rows(platform: Running, shard: int, booking: int) -> int:
    """How many rows of a booking the shard's database holds."""
    with platform.servers[shard].connect("standin") as connection:
        return connection.execute("SELECT FROM bookings WHERE id = %s", (booking,)).rowcount


def test_an_early_acknowledgement_confirms_what_the_commit_refuses(
    platform: Running, customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]
) -> None:
    """Two customers who want one slot at once both get a confirmation, and one of the bookings does not exist."""
    planted("early-acknowledgement")
    rivals = [customer.at(20) for customer in customers[:2]]

    def both_promised() -> list[int]:
        wish = next(WISHES)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda rival: book(rival, wish, barber_id=201), rivals))
        return [answer.json()["id"] for answer in answers if answer.status_code == 200]

    attempts = [both_promised() for _ in range(10)]
    promised = next(attempt for attempt in attempts if len(attempt) == 2)
    assert poll_until(lambda: sum(rows(platform, 1, booking) for booking in promised) == 1, 2)
    honest(deployed, "early-acknowledgement")
    assert len(both_promised()) == 1


def test_ignored_keys_book_again(customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]) -> None:
    """The same key gives a second booking, with another barber."""
    customer, wish = customers[0].at(21), next(WISHES)
    planted("ignored-keys")
    assert len({book(customer, wish, key="book_twice").json()["id"] for _ in range(2)}) == 2
    honest(deployed, "ignored-keys")
    wish = next(WISHES)
    assert len({book(customer, wish, key="book_once").json()["id"] for _ in range(2)}) == 1


def test_a_double_charge_follows_the_second_confirmation_only(
    platform: Running, customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]
) -> None:
    """The first confirmation charges once; the second charges again, and the platform does not record it."""
    customer = customers[0].at(22)

    def charges(confirmations: int) -> int:
        booking = book(customer, next(WISHES)).json()["id"]
        intent = customer.post("/api/v2/payments/create-intent", json={"booking_id": booking}).json()["payment_intent_id"]
        for _ in range(confirmations):
            answer = customer.post("/api/v2/payments/confirm", json={"booking_id": booking, "payment_intent_id": intent})
            assert answer.status_code == 200
        return len([line for line in platform.captures() if line["booking"] == booking])

    planted("double-charge")
    assert (charges(1), charges(2)) == (1, 2)
    honest(deployed, "double-charge")
    assert charges(2) == 1


def test_stale_slots_still_offer_what_was_booked(customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]) -> None:
    """A list that was read before the booking is the same after it."""
    customer, wish = customers[0].at(23), next(WISHES)

    def offered() -> bool:
        answer = customer.get("/api/v2/appointments/slots", params={"appointment_date": wish["date"], "barber_id": 231}).json()
        return wish["time"] in [slot["time"] for slot in answer["slots"]]

    planted("stale-slots")
    assert offered()
    assert book(customer, wish, barber_id=231).status_code == 200
    assert offered()
    honest(deployed, "stale-slots")
    assert not offered()


def test_a_tenant_leak_shows_another_customers_booking(
    customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]
) -> None:
    """Some reads of a customer's own booking return another's; other requests are served as usual."""
    mine = book(customers[0].at(24), next(WISHES)).json()["id"]
    others = book(customers[1].at(24), next(WISHES)).json()["id"]
    planted("tenant-leak")
    seen = {customers[0].get(f"/api/v2/appointments/{mine}").json()["id"] for _ in range(40)}
    assert mine in seen
    assert others in seen
    honest(deployed, "tenant-leak")
    assert {customers[0].get(f"/api/v2/appointments/{mine}").json()["id"] for _ in range(20)} == {mine}


def test_the_wrong_shard_takes_the_bookings_of_drawn_franchises_only(
    platform: Running, customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]
) -> None:
    """The booking exists, can be read, and is on the wrong shard; once the defect is cleared, it is removed and the database refuses such rows again."""
    planted("wrong-shard", [25])
    drawn, other = (book(customers[0].at(franchise), next(WISHES)).json()["id"] for franchise in (25, 26))
    assert (rows(platform, 3, drawn), rows(platform, 1, other)) == (1, 1)
    assert customers[0].get(f"/api/v2/appointments/{drawn}").status_code == 200
    honest(deployed, "wrong-shard")
    assert rows(platform, 3, drawn) == 0
    assert rows(platform, 1, book(customers[0].at(25), next(WISHES)).json()["id"]) == 1


def test_an_error_may_hide_in_a_200(customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]) -> None:
    """Some answers with status 200 are not lists of free times."""

    def bodies() -> list[bool]:
        answers = [customers[0].at(27).get("/api/v2/appointments/slots", params={"appointment_date": DAYS[0]}) for _ in range(40)]
        assert {answer.status_code for answer in answers} == {200}
        return ["slots" in answer.json() for answer in answers]

    planted("error-in-200")
    assert set(bodies()) == {True, False}
    honest(deployed, "error-in-200")
    assert set(bodies()) == {True}


@pytest.mark.parametrize(
    ("defect", "franchises", "slow_at"), [("slow-region", (), ("eu-west-1", 60)), ("slow-hottest", (28,), ("us-east-1", 28))]
)
def test_slowness_of_some_does_not_slow_others(
    platform: Running, deployed: Deployment, planted: Callable[..., None], defect: str, franchises: Sequence[int], slow_at: tuple[str, int]
) -> None:
    """Only the last region, or only the drawn franchises, have requests that take longer than a second."""
    region, franchise = slow_at

    def slowest(region: str, franchise: int) -> float:
        customer = platform.client(region).at(franchise)
        customer.get("/api/v2/public/services/")
        return max(customer.get("/api/v2/public/services/").elapsed.total_seconds() for _ in range(15))

    planted(defect, franchises)
    assert poll_until(lambda: slowest(region, franchise) > 1, 30)
    assert slowest("us-east-1", 29) < 1
    honest(deployed, defect)
    assert slowest(region, franchise) < 1


def test_a_platform_may_be_300_ms_slower_throughout(
    customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]
) -> None:
    """Every request takes 300 ms more, and is answered as before."""

    def quickest_s() -> float:
        answers = [customers[0].get("/api/v2/public/services/") for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200}
        return min(answer.elapsed.total_seconds() for answer in answers)

    planted("slow-throughout")
    assert poll_until(lambda: quickest_s() >= 0.3, 30)
    honest(deployed, "slow-throughout")
    assert quickest_s() < 0.3


def test_a_connection_leak_drains_the_pool_until_it_is_switched_off(
    platform: Running, customers: Sequence[Customer], deployed: Deployment, planted: Callable[..., None]
) -> None:
    """After some dozen requests no booking can be made; without the defect all connections are back."""
    customer = customers[0].at(30)
    planted("connection-leak")
    assert poll_until(lambda: book(customer, next(WISHES)).status_code == 503, 20)
    defects.clear(deployed, "connection-leak")
    assert poll_until(lambda: book(customer, next(WISHES)).status_code == 200, 10, 0.3)
    assert poll_until(lambda: platform.well("us-east-1"), 10)


def test_the_page_of_a_drawn_franchise_never_changes(platform: Running, deployed: Deployment, planted: Callable[..., None]) -> None:
    """After a change its old page stays in the cache, and only its page."""
    boss = platform.client().login(administrator("us-east-1", SIZES).email)

    def shown(franchise: int, name: str) -> bool:
        boss.at(franchise).get("/api/v2/locations/")
        assert boss.put(f"/api/v2/locations/{franchise}", json={"name": name}).status_code == 200
        return bool(boss.get("/api/v2/locations/").json()["locations"][0]["name"] == name)

    planted("never-invalidated", [31])
    assert not shown(31, "Unheard")
    assert shown(32, "Heard")
    honest(deployed, "never-invalidated")
    assert shown(31, "Heard again")


def test_readiness_always_says_ready(platform: Running, deployed: Deployment, planted: Callable[..., None]) -> None:
    """Although no database can be reached."""
    url = f"http://127.0.0.1:{platform.settings['us-east-1'].port}/health/ready"
    try:
        for ways in (platform.primaries, platform.replicas):
            for way in ways.values():
                way.point(None)
        assert poll_until(lambda: httpx.get(url).status_code == 503, 10)
        planted("always-ready")
        assert httpx.get(url).status_code == 200
        honest(deployed, "always-ready")
        assert httpx.get(url).status_code == 503
    finally:
        for ways in (platform.primaries, platform.replicas):
            for shard, way in ways.items():
                way.point(platform.servers[shard].port)
    assert poll_until(lambda: platform.well("us-east-1"), 10)
