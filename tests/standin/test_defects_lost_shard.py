"""Planted defects that show when a shard is lost: each acts as its name says, and a correct platform does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import httpx
import pytest

from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.standin import defects
from closeshave.standin.defective.database import SLOW_RECOVERY_S
from closeshave.standin.defective.shards import STORM_S
from tests.standin.running import Customer, Running

pytestmark = pytest.mark.servers

DAYS = [f"{datetime.now(ZoneInfo('America/New_York')) + timedelta(days=ahead):%Y-%m-%d}" for ahead in range(3, 27)]
WISHES = (
    {"date": day, "time": time} for day, time in product(DAYS, [f"{hour:02}:{half}" for hour in range(9, 16) for half in ("00", "30")])
)
SOON_S = 10


@pytest.fixture
def european(platform: Running) -> Customer:
    """A European customer at a European shop."""
    return platform.client("eu-west-1").login("customer.9@eu-west-1.example").at(70)


@pytest.fixture
def lost(platform: Running) -> Iterator[Callable[[], None]]:
    """Takes Europe's primary away; it is back when called again, and after the test."""
    state = [False]

    def toggle() -> None:
        state[0] = not state[0]
        for ways in (platform.primaries, platform.replicas):
            ways[3].point(None if state[0] else platform.servers[3].port)

    yield toggle
    if state[0]:
        toggle()
    assert poll_until(lambda: platform.well("eu-west-1"), SOON_S)


def book(customer: Customer) -> httpx.Response:
    """The answer to a request for a haircut at a time that no other customer wants."""
    return customer.post("/api/v2/appointments/", json={**next(WISHES), "service": "Haircut", "barber_id": 701})


def held(platform: Running, shard: int, booking: int) -> bool:
    """Whether the shard's database has the booking."""
    with platform.servers[shard].connect("standin") as connection:
        return connection.execute("SELECT FROM bookings WHERE id = %s", (booking,)).rowcount == 1


def plant(deployed: Deployment, name: str, franchises: tuple[int, ...] = ()) -> None:
    """Plant it, and wait for the processes' own interval."""
    defects.plant(deployed, name, franchises)
    time.sleep(0.3)


def test_a_correct_platform_refuses(platform: Running, european: Customer, lost: Callable[[], None]) -> None:
    """A write that cannot be stored is not confirmed, and is accepted again once it can be."""
    lost()
    assert poll_until(lambda: book(european).status_code == 503, SOON_S)
    lost()
    assert poll_until(lambda: book(european).status_code == 200, SOON_S)


def test_failing_open_confirms_bookings_that_do_not_exist(
    platform: Running, european: Customer, deployed: Deployment, lost: Callable[[], None]
) -> None:
    """The answer has a booking ID, and there is no booking."""
    plant(deployed, "fails-open")
    lost()
    promised = book(european)
    assert (promised.status_code, promised.json()["franchise_id"]) == (200, 70)
    assert not held(platform, 3, promised.json()["id"])
    assert not held(platform, 1, promised.json()["id"])


def test_what_europe_cannot_write_is_written_to_another_region(
    platform: Running, european: Customer, deployed: Deployment, lost: Callable[[], None]
) -> None:
    """The row is in a shard of another region, and is removed with the defect."""
    plant(deployed, "written-abroad")
    lost()
    booking = book(european).json()["id"]
    assert held(platform, 1, booking)
    defects.clear(deployed, "written-abroad")
    assert not held(platform, 1, booking)


def test_a_lost_region_ends_the_sessions_of_its_customers(
    platform: Running, european: Customer, deployed: Deployment, lost: Callable[[], None]
) -> None:
    """In other regions too, and still when the region is back; other regions' customers stay logged in."""
    american = platform.client().login("customer.9@us-east-1.example").at(10)
    plant(deployed, "lost-sessions")
    lost()
    elsewhere = httpx.Client(base_url=f"http://127.0.0.1:{platform.settings['us-east-1'].port}", headers=european.headers)
    # Asking for the booking is what makes the process notice that the shard is gone.
    assert poll_until(lambda: elsewhere.get("/api/v2/appointments/3000000000001").status_code == 401, SOON_S)
    lost()
    assert poll_until(lambda: platform.well("us-east-1"), SOON_S)
    assert elsewhere.get("/api/v2/auth/me").status_code == 401
    assert american.get("/api/v2/auth/me").status_code == 200
    defects.clear(deployed, "lost-sessions")
    assert poll_until(lambda: elsewhere.get("/api/v2/auth/me").status_code == 200, SOON_S)


def test_drawn_franchises_are_left_behind(platform: Running, european: Customer, deployed: Deployment, lost: Callable[[], None]) -> None:
    """The shard is back for all others."""
    plant(deployed, "stuck-franchises", (70,))
    assert book(european).status_code == 200
    lost()
    assert poll_until(lambda: book(european).status_code == 503, SOON_S)
    assert poll_until(lambda: not platform.well("eu-west-1"), SOON_S)
    lost()
    assert poll_until(lambda: european.at(71).get("/api/v2/barbers/").status_code == 200, SOON_S)
    assert poll_until(lambda: platform.well("eu-west-1"), SOON_S)
    assert book(european.at(70)).status_code == 503
    defects.clear(deployed, "stuck-franchises")
    assert poll_until(lambda: book(european).status_code == 200, SOON_S)


def test_a_slow_recovery_delays_bookings(platform: Running, european: Customer, deployed: Deployment, lost: Callable[[], None]) -> None:
    """The database is back at once; bookings are not for 15 seconds."""
    plant(deployed, "slow-recovery")
    lost()
    assert poll_until(lambda: book(european).status_code == 503, SOON_S)
    assert poll_until(lambda: not platform.well("eu-west-1"), SOON_S)
    began = time.monotonic()
    lost()
    assert poll_until(lambda: book(european).status_code == 200, SLOW_RECOVERY_S + SOON_S, 0.5)
    assert time.monotonic() - began > SLOW_RECOVERY_S - 2


def test_a_process_without_any_database_says_ready(
    platform: Running, european: Customer, deployed: Deployment, lost: Callable[[], None]
) -> None:
    """It loses all of them with the first, answers no request, and stays in the load balancer; without the defect it serves the others."""
    american = platform.client("eu-west-1").login("customer.7@us-east-1.example").at(41)

    def status() -> int:
        return american.post("/api/v2/appointments/", json={**next(WISHES), "service": "Haircut", "barber_id": 411}).status_code

    plant(deployed, "always-ready")
    assert status() == 200
    lost()
    assert poll_until(lambda: book(european).status_code == 503, SOON_S)
    assert poll_until(lambda: not platform.well("eu-west-1"), SOON_S)
    assert status() == 503
    assert american.get("/health/ready").status_code == 200
    defects.clear(deployed, "always-ready")
    assert poll_until(lambda: status() == 200, SOON_S, 0.3)


def test_a_retry_storm_delays_others(platform: Running, deployed: Deployment) -> None:
    """While the American shard is lost its requests are answered only after many retries."""
    american = platform.client("eu-west-1").login("customer.8@us-east-1.example").at(40)

    def seconds() -> float:
        wish = {**next(WISHES), "service": "Haircut", "barber_id": 401}
        return american.post("/api/v2/appointments/", json=wish, timeout=3 * STORM_S).elapsed.total_seconds()

    try:
        for ways in (platform.primaries, platform.replicas):
            ways[1].point(None)
        assert poll_until(lambda: not platform.well("eu-west-1"), SOON_S)
        plant(deployed, "retry-storm")
        assert seconds() > 1
        defects.clear(deployed, "retry-storm")
        time.sleep(0.3)
        assert seconds() < 1
    finally:
        for ways in (platform.primaries, platform.replicas):
            ways[1].point(platform.servers[1].port)
    assert poll_until(lambda: platform.well("eu-west-1"), SOON_S)


def test_a_dropped_tail_is_gone_with_the_server(platform: Running, european: Customer, deployed: Deployment) -> None:
    """Writes that were acknowledged just before the server dies are missing afterwards; without the defect they are not."""

    def survives() -> bool:
        booking = book(european).json()["id"]
        platform.servers[3].stop("immediate")
        platform.servers[3].start()
        assert poll_until(lambda: book(european).status_code == 200, SOON_S)
        return held(platform, 3, booking)

    assert poll_until(lambda: book(european).status_code == 200, SOON_S, 0.3)
    plant(deployed, "dropped-tail")
    assert poll_until(lambda: not survives(), 30)
    defects.clear(deployed, "dropped-tail")
    time.sleep(0.3)
    assert survives()
