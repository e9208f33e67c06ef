"""The plain platform behaves as the real application was observed to: each peculiarity, each planted defect, and neither where it is not wanted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.tiers import thorough
from truth.plain import habits
from truth.plain.defects import Defect
from truth.plain.running import Plain, plain
from truth.plain.shop import ADMINISTRATOR

QUICK = ("--habit", "login_ms=0")
MANY = 40


class Customer:
    """A logged-in customer of a plain platform."""

    def __init__(self, platform: Plain, email: str = "customer1@plain.test") -> None:
        self.client = httpx.Client(base_url=platform.url, trust_env=False, verify=False)
        told = self.client.post("/api/v2/auth/login", json={"email": email, "password": "Plain-1234"}).json()
        self.client.headers.update({"Authorization": f"Bearer {told['access_token']}", "X-CSRF-Token": told["csrf_token"]})

    def book(self, at: str = "10:00", days: int = 7, **more: Any) -> httpx.Response:
        """A haircut."""
        return self.client.post("/api/v2/appointments/", json={"date": day(days), "time": at, "service": "Haircut", **more})

    def chairs(self) -> list[int]:
        """Those who take bookings."""
        return [who["id"] for who in self.client.get("/api/v2/barbers/").json() if who["role"] == "barber"]

    def pay(self, booking: int) -> httpx.Response:
        """Announce and confirm."""
        intent = self.client.post("/api/v2/payments/create-intent", json={"booking_id": booking}).json()["payment_intent_id"]
        return self.client.post("/api/v2/payments/confirm", json={"booking_id": booking, "payment_intent_id": intent})


def day(days: int, zone: str = "America/New_York") -> str:
    """A day ahead, as the business counts them."""
    return (datetime.now(ZoneInfo(zone)).date() + timedelta(days=days)).isoformat()


@contextmanager
def customer(*options: str) -> Iterator[tuple[Plain, Customer]]:
    """At a platform of their own with every habit, unless the options say otherwise."""
    with plain("--as-seen", *QUICK, "--accounts", "2", *options) as platform:
        yield platform, Customer(platform)


@pytest.fixture(scope="module")
def seen() -> Iterator[tuple[Plain, Customer]]:
    """A platform with every peculiarity, shared: no test breaks it."""
    with customer() as both:
        yield both


def test_slots_of_one_barber_are_always_empty_and_merged_ones_are_not(seen) -> None:
    """Also for a barber who is free, as the route for one barber shows."""
    _, who = seen
    path = f"/api/v2/appointments/slots?appointment_date={day(3)}"
    chair = who.chairs()[0]
    assert who.client.get(f"{path}&barber_id={chair}").json()["slots"] == []
    assert len(who.client.get(path).json()["slots"]) == 16
    free = who.client.get(f"/api/v2/barber-availability/check/{chair}?check_date={day(3)}&start_time=10:00&end_time=10:30").json()
    assert free["is_available"] is True


def test_a_listed_administrator_takes_no_booking(seen) -> None:
    """The first of the list; refused with the message of a conflict, and none of their slots is offered."""
    _, who = seen
    assert who.client.get("/api/v2/barbers/").json()[0]["id"] == ADMINISTRATOR
    refused = who.book(barber_id=ADMINISTRATOR)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, f"Barber is not available at 10:00 on {day(7)}")


@pytest.mark.parametrize("path", [*thorough("/api/v2/appointments/"), "/api/v2/appointments/all/list"])
def test_lists_are_paged_and_state_their_total(path) -> None:
    """Every row once over the pages, none after the end, and a page of more than a hundred is refused."""
    with customer() as (platform, who):
        made = {
            who.book(f"{hour:02}:{minute:02}", days, barber_id=chair).json()["id"]
            for days in (1, 2)
            for chair in who.chairs()[:4]
            for hour in range(9, 17)
            for minute in (0, 30)
        }
        reader = Customer(platform, "admin@plain.test") if path.endswith("list") else who
        pages = [reader.client.get(path, params={"skip": skip}).json() for skip in (0, 100, 200)]
        assert [(len(page["appointments"]), page["total"]) for page in pages] == [(100, 128), (28, 128), (0, 128)]
        assert {row["id"] for page in pages for row in page["appointments"]} == made
        assert reader.client.get(path, params={"limit": 101}).status_code == 422


@pytest.mark.parametrize("zone", ["UTC", *thorough("America/New_York", "Asia/Kolkata"), "Pacific/Auckland"])
def test_times_are_those_of_the_business_and_no_answer_states_its_zone(zone) -> None:
    """Requested in local time, answered in UTC."""
    with customer("--habit", f"zone={zone}") as (_, who):
        told = who.book("09:30", barber_id=who.chairs()[0], days=8).json()
        asked = datetime.fromisoformat(f"{day(8)}T09:30").replace(tzinfo=ZoneInfo(zone))
        assert datetime.fromisoformat(told["start_time"]).replace(tzinfo=UTC) == asked
        slots = who.client.get(f"/api/v2/appointments/slots?appointment_date={day(8)}").text
        assert zone not in f"{slots}{told}"


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_a_correct_platform_books_no_barber_twice_in_any_zone(zone) -> None:
    """Also if the business day crosses midnight in UTC: 45 minutes hold the next slot."""
    with customer("--habit", f"zone={zone}") as (_, who):
        chair = who.chairs()[0]
        for hour in range(9, 16):
            assert who.book(f"{hour:02}:30", barber_id=chair, service="Haircut & Shave").status_code == 200
            assert who.book(f"{hour + 1:02}:00", barber_id=chair).status_code == 400


def test_a_claimed_address_is_ignored(seen) -> None:
    """``/health/`` shows the address by which all customers are known; if the claim is honoured, it shows the claimed one."""
    platform, _ = seen
    brought = {"X-Forwarded-For": "10.1.2.3"}
    assert httpx.get(f"{platform.url}/health/", headers=brought, trust_env=False, verify=False).json()["client_ip"] == "127.0.0.1"
    with plain("--as-seen", *QUICK, "--habit", "forwarded_for=true") as other:
        assert httpx.get(f"{other.url}/health/", headers=brought, trust_env=False, verify=False).json()["client_ip"] == "10.1.2.3"


@pytest.mark.parametrize(("believed", "refused"), [("false", 5), ("true", 0)])
def test_limits_are_shared_where_claimed_addresses_are_ignored(believed, refused) -> None:
    """Thirty lists per minute are allowed for each address: for all customers together, unless the claimed address is honoured."""
    with plain("--as-seen", *QUICK, "--limits", "0.01", "--habit", f"forwarded_for={believed}") as platform:
        path = f"{platform.url}/api/v2/appointments/slots?appointment_date={day(2)}"
        answers = [httpx.get(path, headers={"X-Forwarded-For": f"10.0.0.{n}"}, trust_env=False, verify=False) for n in range(1, 36)]
    assert [answer.status_code for answer in answers] == [200] * (35 - refused) + [429] * refused
    assert all(answer.json()["detail"] == "Rate limit exceeded: 30 per 1 minute" for answer in answers[35 - refused :])


def test_readiness_is_wrong_in_its_status_code_and_a_part_is_ready_while_the_whole_is_not() -> None:
    """A text that is searched in the body is found in both."""
    with customer() as (platform, who):
        well = httpx.get(f"{platform.url}/health/ready", trust_env=False, verify=False)
        platform.operate("break/database")
        down = httpx.get(f"{platform.url}/health/ready", trust_env=False, verify=False)
        assert (well.status_code, down.status_code) == (200, 200)
        assert (well.json()["status"], down.json()["status"], down.json()["redis"]["status"]) == ("ready", "not_ready", "ready")
        assert who.client.get("/api/v2/barbers/").json()["error"]["type"] == "database"


def test_a_database_that_is_down_for_some_seconds_comes_back_by_itself() -> None:
    """Or when it is healed before that; planted defects stay."""
    with customer() as (platform, who):
        platform.operate("plant/double-booking?share=0.5")
        platform.operate("break/database?for=0.3")
        assert who.book().status_code == 500
        until = time.monotonic() + 5
        while who.book().status_code == 500:
            assert time.monotonic() < until
            time.sleep(0.02)
        platform.operate("break/database?for=60")
        platform.operate("mend")
        assert who.client.get("/api/v2/barbers/").status_code == 200
        state = platform.ask("state")
        assert state == {"broken": [], "whole": True, "planted": {"double-booking": 0.5}}


def test_a_login_is_slow_by_real_work() -> None:
    """Some hundred milliseconds, on a connection that is open already."""
    with plain("--as-seen", "--accounts", "1") as platform:
        who = Customer(platform)
        began_s = time.monotonic()
        who.client.post("/api/v2/auth/login", json={"email": "customer1@plain.test", "password": "Plain-1234"}).raise_for_status()
        assert 0.1 < time.monotonic() - began_s < 5


def test_only_health_with_a_slash_states_the_stage(seen) -> None:
    """Two routes, two answers."""
    platform, _ = seen
    without, at_length = (httpx.get(f"{platform.url}{path}", trust_env=False, verify=False).json() for path in ("/health", "/health/"))
    assert "environment" not in without
    assert at_length["environment"] == "staging"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics", 404),
        ("GET", "/api/v2/analytics/appointments", 500),
        ("GET", "/api/v2/dashboard/overview", 500),
        ("GET", "/api/v2/dashboard/client-metrics", 500),
    ],
)
def test_routes_that_a_real_deployment_lacks(seen, method, path, status) -> None:
    """Missing, or failing."""
    _, who = seen
    assert who.client.request(method, path).status_code == status


def test_a_key_on_a_booking_is_ignored_and_a_delete_refused(seen) -> None:
    """The same key books another barber; a booking is cancelled by PUT only."""
    _, who = seen
    wish = {"date": day(12), "time": "12:00", "service": "Shave"}
    key = {"Idempotency-Key": "twice_8f14e45f-ceea-467f-a5f2-1f1a3c1c8b11"}
    first, second = (who.client.post("/api/v2/appointments/", json=wish, headers=key).json() for _ in range(2))
    assert first["id"] != second["id"]
    assert first["barber_id"] != second["barber_id"]
    assert who.client.delete(f"/api/v2/appointments/{first['id']}").status_code == 400
    assert who.client.put(f"/api/v2/appointments/{first['id']}/cancel").json()["status"] == "cancelled"


def test_payments_are_in_the_providers_ledger_and_in_the_platforms_list(seen) -> None:
    """Once, however often the payment is confirmed; another customer does not see it, the administrator does."""
    platform, who = seen
    booking = who.book("15:00", 14).json()["id"]
    assert who.pay(booking).status_code == 200
    listed = who.client.get("/api/v2/payments/history").json()
    assert [(row["appointment_id"], row["status"]) for row in listed["payments"]] == [(booking, "completed")]
    assert (listed["total"], listed["page"], listed["total_pages"]) == (1, 1, 1)
    again = {"booking_id": booking, "payment_intent_id": listed["payments"][0]["stripe_payment_intent_id"]}
    assert who.client.post("/api/v2/payments/confirm", json=again).status_code == 200
    ledger = platform.ask("ledger")
    assert [capture["booking"] for capture in ledger] == [booking]
    assert Customer(platform, "customer2@plain.test").client.get("/api/v2/payments/history").json()["total"] == 0
    assert Customer(platform, "admin@plain.test").client.get("/api/v2/payments/history").json()["total"] == 1


def test_all_payments_can_be_refused() -> None:
    """By 400, as without a provider."""
    with customer("--habit", "payments=refused") as (_, who):
        booking = who.book().json()["id"]
        assert who.client.post("/api/v2/payments/create-intent", json={"booking_id": booking}).status_code == 400


def twice_booked(_: Plain, who: Customer) -> int:
    """Of bookings of a taken chair, those accepted."""
    chair = who.chairs()[0]
    assert who.book(barber_id=chair).status_code == 200
    return sum(who.book(barber_id=chair).status_code == 200 for _ in range(MANY))


def lost(_: Plain, who: Customer) -> int:
    """Of acknowledged bookings, those that the list does not have."""
    made = {who.book(at, days, barber_id=who.chairs()[0]).json()["id"] for days in range(1, 21) for at in ("09:00", "11:00")}
    return len(made - {row["id"] for row in who.client.get("/api/v2/appointments/").json()["appointments"]})


def charged_twice(platform: Plain, who: Customer) -> int:
    """Of paid bookings, those with two captures in the ledger and two completed payments in the list."""
    made = [who.book(at, days, barber_id=who.chairs()[0]).json()["id"] for days in range(1, 21) for at in ("09:00", "11:00")]
    for booking in made:
        assert who.pay(booking).status_code == 200
    ledger = [capture["booking"] for capture in platform.ask("ledger")]
    listed = who.client.get("/api/v2/payments/history", params={"page_size": 100}).json()["payments"]
    assert sorted(row["appointment_id"] for row in listed if row["status"] == "completed") == sorted(ledger)
    return sum(ledger.count(booking) == 2 for booking in made)


def refused_though_free(_: Plain, who: Customer) -> int:
    """Of bookings of free chairs, those refused with a conflict's words."""
    answers = [who.book(at, days, barber_id=who.chairs()[0]) for days in range(1, 21) for at in ("09:00", "11:00")]
    refused = [answer for answer in answers if answer.status_code == 400]
    assert all("Barber is not available at" in answer.json()["error"]["message"] for answer in refused)
    return len(refused)


SHOWN = {
    Defect.DOUBLE_BOOKING: twice_booked,
    Defect.LOST_BOOKING: lost,
    Defect.DOUBLE_CHARGE: charged_twice,
    Defect.REFUSED_THOUGH_FREE: refused_though_free,
}


@pytest.mark.parametrize("share", [0.0, *thorough(0.3), 1.0])
@pytest.mark.parametrize("defect", Defect)
def test_a_planted_defect_affects_the_requested_share(defect, share) -> None:
    """None where none is planted, all where all are."""
    with customer() as (platform, who):
        if share:
            platform.operate(f"plant/{defect}?share={share}")
        struck = SHOWN[defect](platform, who)
        assert {name: len(hit) for name, hit in platform.ask("struck").items() if hit} == ({defect.value: struck} if struck else {})
    assert abs(struck - share * MANY) <= (10 if 0 < share < 1 else 0)


@pytest.mark.parametrize(
    ("planted", "looked_for"),
    [
        (Defect.DOUBLE_BOOKING, Defect.LOST_BOOKING),
        *thorough((Defect.DOUBLE_BOOKING, Defect.DOUBLE_CHARGE), (Defect.DOUBLE_BOOKING, Defect.REFUSED_THOUGH_FREE)),
        (Defect.DOUBLE_CHARGE, Defect.DOUBLE_BOOKING),
        *thorough((Defect.DOUBLE_CHARGE, Defect.LOST_BOOKING), (Defect.DOUBLE_CHARGE, Defect.REFUSED_THOUGH_FREE)),
        (Defect.LOST_BOOKING, Defect.REFUSED_THOUGH_FREE),
    ],
)
def test_a_defect_does_not_show_as_another(planted, looked_for) -> None:
    """A check for one defect finds none of the others."""
    with customer() as (platform, who):
        platform.operate(f"plant/{planted}")
        assert SHOWN[looked_for](platform, who) == 0


def test_an_unknown_habit_is_refused_by_name() -> None:
    """With those that exist."""
    with pytest.raises(ValueError, match="'barber' is not a habit; available: administrator_listed, barbers"):
        habits.changed(habits.SEEN, ["barber=3"])
