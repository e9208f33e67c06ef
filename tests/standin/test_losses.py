"""What the platform does while a part of it is lost, and after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from closeshave.control.processes import poll_until
from tests.standin.running import Customer, Running
from tests.standin.servers import Postgres

pytestmark = pytest.mark.servers

DAY = f"{datetime.now(ZoneInfo('America/New_York')) + timedelta(days=5):%Y-%m-%d}"
SOON_S = 10.0
"""A deadline for what happens within a second on a machine with nothing else to do."""


@pytest.fixture(scope="module")
def customer(platform: Running) -> Customer:
    """A logged-in customer."""
    return platform.client().login("customer.1@us-east-1.example")


def book(customer: Customer, at: str = "10:00", **more: Any) -> httpx.Response:
    """The answer to a wish for a haircut."""
    return customer.post("/api/v2/appointments/", json={"date": DAY, "time": at, "service": "Haircut", **more})


def slots(customer: Customer) -> int:
    """The status of a slot list."""
    return customer.get("/api/v2/appointments/slots", params={"appointment_date": DAY}).status_code


@pytest.fixture
def restored(platform: Running) -> Iterator[None]:
    """Whatever a test did to the ways, every database is reachable again afterwards."""
    yield
    for ways in (platform.primaries, platform.replicas):
        for shard, way in ways.items():
            way.point(platform.servers[shard].port)
    for region in platform.settings:
        assert poll_until(lambda region=region: platform.well(region), SOON_S)  # type: ignore[misc]  # cannot infer defaults


def test_a_lost_shard_fails_its_own_franchises_only(platform: Running, customer: Customer, restored: None) -> None:
    """Its franchises get 503 at once, from the breaker; the others are served, and the region stays ready."""
    platform.primaries[3].point(None)
    platform.replicas[3].point(None)
    assert poll_until(lambda: book(customer.at(60)).json()["error"]["message"] == "shard 3 primary is unavailable", SOON_S)
    lost = book(customer.at(60))
    assert (lost.status_code, lost.json()["error"]["type"], lost.headers["Retry-After"]) == (503, "database", "1")
    assert (slots(customer.at(60)), slots(customer.at(10))) == (503, 200)
    assert book(customer.at(10)).status_code == 200
    assert customer.get("/health/ready").status_code == 200


def test_a_region_that_reaches_no_shard_is_not_ready(platform: Running, customer: Customer, restored: None) -> None:
    """Readiness ends with the last database, and comes back with the first; liveness stays."""
    for ways in (platform.primaries, platform.replicas):
        for way in ways.values():
            way.point(None)
    assert poll_until(lambda: customer.get("/health/ready").status_code == 503, SOON_S)
    assert customer.get("/health/ready").json()["status"] == "not_ready"
    assert customer.get("/health/live").status_code == 200


def test_a_region_that_has_lost_every_primary_is_not_ready(platform: Running, customer: Customer, restored: None) -> None:
    """It could still read from its own replicas, for example when it is cut off from the others: other regions serve its customers better."""
    for way in platform.primaries.values():
        way.point(None)
    assert poll_until(lambda: customer.get("/health/ready").status_code == 503, SOON_S)
    assert any(customer.get("/health/ready").json()["checks"].values())


def test_reads_survive_either_server(platform: Running, customer: Customer, restored: None) -> None:
    """Slots come from the primary while the replica is lost, and from the replica while the primary is; a booking needs the primary."""
    platform.replicas[1].point(None)
    assert {slots(customer.at(11)) for _ in range(10)} == {200}
    platform.replicas[1].point(platform.servers[1].port)
    assert poll_until(lambda: platform.well("us-east-1"), SOON_S)
    platform.primaries[1].point(None)
    assert {slots(customer.at(11)) for _ in range(10)} == {200}
    assert book(customer.at(11)).status_code in {500, 503}


def test_writes_follow_a_failover_by_themselves(platform: Running, customer: Customer, restored: None) -> None:
    """The old primary dies, the connection leads to a standby that is still read-only, it is promoted: bookings work without any action."""
    old = platform.servers[1]
    with old.standby() as standby:
        before = book(customer.at(12), "09:00").json()
        assert poll_until(lambda: _holds(standby, before["id"]), SOON_S)
        old.stop()
        platform.primaries[1].point(standby.port)
        platform.replicas[1].point(None)
        refused = book(customer, "10:00")
        assert refused.status_code in {500, 503}
        standby.promote()
        assert poll_until(lambda: book(customer, "10:30").status_code == 200, SOON_S)
        assert customer.get(f"/api/v2/appointments/{before['id']}").json() == before
        _demoted_server_is_left(platform, customer, standby)
        old.start()


def _holds(server: Postgres, booking: int) -> bool:
    with server.connect("standin") as connection:
        return connection.execute("SELECT FROM bookings WHERE id = %s", (booking,)).fetchone() is not None


def _demoted_server_is_left(platform: Running, customer: Customer, demoted: Postgres) -> None:
    """A primary that turns read-only under open connections: refused writes are tried once more, and expire the pool."""
    with demoted.connect() as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        assert poll_until(lambda: book(customer, "11:00").status_code == 503, SOON_S)
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")
    assert poll_until(lambda: book(customer, "11:30").status_code == 200, SOON_S)


def test_no_tier_is_needed(platform: Running, customer: Customer) -> None:
    """With every Valkey gone customers log in, search, book and read; limits fail open; all of it counts as bypass or miss of the cache."""
    customer.at(13).get("/api/v2/locations/")
    platform.store.stop()
    try:
        page = customer.get("/api/v2/locations/")
        assert (page.status_code, page.headers["X-Cache"]) == (200, "miss")
        fresh = platform.client().login("customer.2@us-east-1.example").at(13)
        assert slots(fresh) == 200
        booking = book(fresh).json()
        assert fresh.get(f"/api/v2/appointments/{booking['id']}").json() == booking
    finally:
        platform.store.start()
    assert poll_until(lambda: customer.get("/api/v2/locations/").headers["X-Cache"] == "hit", SOON_S)
    # The tier came back empty and does not know this session; it was opened without the tier, so its token is good until it expires.
    assert fresh.get("/api/v2/auth/me").status_code == 200
    # Sessions from before are gone with the tier, as soon as a process asks again.
    customer.login("customer.1@us-east-1.example")


def test_a_change_invalidates_one_franchise_everywhere(platform: Running) -> None:
    """After a change in one region the other region shows it, too, and other franchises' entries stay."""
    administrator = platform.client("us-east-1").login("admin@us-east-1.example").at(14)
    elsewhere = platform.client("eu-west-1")
    for franchise in (14, 15):
        elsewhere.at(franchise).get("/api/v2/locations/")
    assert administrator.put("/api/v2/locations/14", json={"name": "New name", "opens": "10:00"}).status_code == 200
    changed = elsewhere.at(14).get("/api/v2/locations/")
    shop = changed.json()["headquarters"]
    assert (changed.headers["X-Cache"], shop["name"], shop["business_hours"]["start"]) == ("miss", "New name", "10:00")
    assert elsewhere.at(15).get("/api/v2/locations/").headers["X-Cache"] == "hit"


def test_a_change_while_the_cache_is_lost_is_not_forgotten(platform: Running, customer: Customer) -> None:
    """What a lost tier still holds of a changed franchise is dropped when it is back."""
    administrator = platform.client().login("admin@us-east-1.example").at(16)
    customer.at(16).get("/api/v2/locations/")
    with platform.store.frozen():
        assert administrator.put("/api/v2/locations/16", json={"name": "Changed meanwhile"}).status_code == 200
    assert poll_until(lambda: customer.get("/api/v2/locations/").json()["headquarters"]["name"] == "Changed meanwhile", SOON_S)


def test_cache_entries_live_an_hour_in_their_home_region(platform: Running) -> None:
    """A franchise of Europe is cached in Europe's tier only, whichever region asks; entries and sessions have their stated time to live."""
    visitor = platform.client("us-east-1")
    visitor.at(70).get("/api/v2/locations/")
    visitor.at(17).get("/api/v2/locations/")
    home, europe = platform.store.client(), platform.europe_cache.client()
    assert (home.exists("franchise:70"), europe.exists("franchise:70")) == (0, 1)
    assert (home.exists("franchise:17"), europe.exists("franchise:17")) == (1, 0)
    assert 3590 < europe.ttl("franchise:70") <= 3600
    platform.client().login("customer.3@us-east-1.example")
    [session, *_] = home.keys("session:*")
    assert 24 * 3600 - 600 < home.ttl(session) <= 24 * 3600


def test_a_payment_converges_after_the_provider_was_lost(platform: Running, customer: Customer) -> None:
    """While the provider is lost confirming fails; afterwards the same confirmation charges, once, also if the provider has a record of it."""
    booking = book(customer.at(18)).json()["id"]
    intent = customer.post("/api/v2/payments/create-intent", json={"booking_id": booking}).json()["payment_intent_id"]
    confirmation = {"booking_id": booking, "payment_intent_id": intent}
    provider = platform.processes["payments"]
    provider.kill()
    provider.wait()
    lost = customer.post("/api/v2/payments/confirm", json=confirmation)
    assert (lost.status_code, lost.json()["error"]["type"]) == (503, "payment")
    platform.start_payments()
    answers = [customer.post("/api/v2/payments/confirm", json=confirmation) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len([line for line in platform.captures() if line["booking"] == booking]) == 1


def test_a_capture_that_was_not_recorded_is_found_again(platform: Running, customer: Customer) -> None:
    """Charged, but the platform's record was lost with the process: confirming again finds the same charge."""
    booking = book(customer.at(19)).json()["id"]
    intent = customer.post("/api/v2/payments/create-intent", json={"booking_id": booking}).json()["payment_intent_id"]
    first = customer.post("/api/v2/payments/confirm", json={"booking_id": booking, "payment_intent_id": intent}).json()
    with contextlib.closing(platform.servers[1].connect("standin")) as connection:
        connection.execute("UPDATE payments SET status = 'requires_confirmation', capture_id = NULL WHERE booking_id = %s", (booking,))
    second = customer.post("/api/v2/payments/confirm", json={"booking_id": booking, "payment_intent_id": intent}).json()
    assert first == second
    assert len([line for line in platform.captures() if line["booking"] == booking]) == 1
