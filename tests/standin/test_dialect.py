"""The API's shapes and rules, as a client sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.standin.running import Customer, Running

pytestmark = pytest.mark.servers

CUSTOMER = "customer.1@us-east-1.example"


@pytest.fixture(scope="module")
def customer(platform: Running) -> Customer:
    """A logged-in customer."""
    return platform.client().login(CUSTOMER)


def day(ahead: int, zone: str = "America/New_York") -> str:
    """The date so many days from today, where the shop is."""
    return f"{datetime.now(ZoneInfo(zone)) + timedelta(days=ahead):%Y-%m-%d}"


def book(customer: Customer, **wish: Any) -> httpx.Response:
    """The answer to an ordinary wish with some of it changed."""
    return customer.post("/api/v2/appointments/", json={"date": day(3), "time": "10:00", "service": "Haircut", **wish})


@pytest.mark.parametrize(
    ("franchise", "status", "shard"),
    [("1", 200, "1"), ("50", 200, "1"), ("51", 200, "3"), ("100", 200, "3"), ("0", 404, None), ("101", 404, None), ("x", 404, None)],
)
def test_the_franchise_determines_the_shard(platform: Running, franchise: str, status: int, shard: str | None) -> None:
    """Every boundary of a range leads to its shard, from any region, and a franchise outside is not found."""
    for region in ("us-east-1", "eu-west-1"):
        client = platform.client(region)
        client.headers["X-Franchise-Id"] = franchise
        answer = client.get("/api/v2/locations/")
        assert (answer.status_code, answer.headers.get("X-Shard"), answer.headers["X-Region"]) == (status, shard, region)


def test_every_answer_states_its_origin(platform: Running) -> None:
    """Region, version, cache and the time spent in database and cache are in the headers of every answer."""
    head = platform.client().at(1).get("/api/v2/appointments/slots", params={"appointment_date": day(1)}).headers
    assert (head["X-App-Version"], head["X-Cache"]) == ("1.0.0", "bypass")
    assert head["Server-Timing"].startswith("db;dur=")
    assert ", cache;dur=" in head["Server-Timing"]


def test_a_booking_has_the_shape_of_the_api(customer: Customer) -> None:
    """Booking answers have the documented fields; times are UTC without an offset, the notes come back as sent."""
    booking = book(customer.at(2), notes="run 1").json()
    local = datetime.fromisoformat(booking["start_time"]).replace(tzinfo=UTC).astimezone(ZoneInfo("America/New_York"))
    assert f"{local:%Y-%m-%d %H:%M}" == f"{day(3)} 10:00"
    assert booking["id"] // 10**12 == 1
    assert {key: booking[key] for key in ("service_name", "duration_minutes", "price", "status", "notes", "version")} == {
        "service_name": "Haircut",
        "duration_minutes": 30,
        "price": 30.0,
        "status": "scheduled",
        "notes": "run 1",
        "version": 1,
    }
    assert {"user_id", "barber_id", "client_id", "service_id", "recurring_pattern_id", "google_event_id", "created_at"} <= booking.keys()
    assert customer.get(f"/api/v2/appointments/{booking['id']}").json() == booking


def test_the_slots_have_the_shape_of_the_api(platform: Running) -> None:
    """A free day of default hours has sixteen slots, and the first is the next available."""
    answer = platform.client().at(60).get("/api/v2/appointments/slots", params={"appointment_date": day(5, "Europe/Dublin")}).json()
    assert [slot["time"] for slot in answer["slots"]][::15] == ["09:00", "16:30"]
    assert answer["slots"][0] == {"time": "09:00", "available": True, "is_next_available": True}
    assert answer["next_available"] == {
        "date": day(5, "Europe/Dublin"),
        "time": "09:00",
        "datetime": f"{day(5, 'Europe/Dublin')}T09:00:00",
    }
    assert (answer["business_hours"], answer["slot_duration_minutes"]) == ({"start": "09:00", "end": "17:00"}, 30)
    assert answer["timezone"] == "Europe/Dublin"


def test_rescheduling_and_cancelling_raise_the_version(customer: Customer) -> None:
    """Every change increments the version; cancelling twice changes nothing more, and frees the time."""
    booking = book(customer.at(3)).json()
    moved = customer.post(f"/api/v2/appointments/{booking['id']}/reschedule", json={"date": day(3), "time": "12:00"}).json()
    assert (moved["version"], moved["start_time"] > booking["start_time"]) == (2, True)
    noted = customer.put(f"/api/v2/appointments/{booking['id']}", json={"notes": "late"}).json()
    assert (noted["version"], noted["notes"], noted["start_time"]) == (3, "late", moved["start_time"])
    for _ in range(2):
        cancelled = customer.put(f"/api/v2/appointments/{booking['id']}/cancel").json()
        assert (cancelled["version"], cancelled["status"]) == (4, "cancelled")
    assert customer.put(f"/api/v2/appointments/{booking['id']}", json={"notes": "no"}).status_code == 400
    again = book(customer, time="12:00", barber_id=booking["barber_id"])
    assert again.status_code == 200


def test_a_conflict_is_409_with_the_known_messages(customer: Customer) -> None:
    """A taken slot is refused with the messages that clients know, when booking and when rescheduling."""
    first = book(customer.at(4), barber_id=41).json()
    taken = book(customer, barber_id=41, time="10:15")
    assert (taken.status_code, taken.json()["error"]["message"]) == (409, f"Barber is not available at 10:15 on {day(3)}")
    second = book(customer, barber_id=41, time="11:00").json()
    moved = customer.post(f"/api/v2/appointments/{second['id']}/reschedule", json={"date": day(3), "time": "10:00"})
    assert (moved.status_code, moved.json()["error"]["message"]) == (409, "This time slot is already booked")
    assert first["status"] == "scheduled"


@pytest.mark.parametrize(
    ("wish", "status", "part"),
    [
        ({"date": "2020-01-01"}, 400, "past"),
        ({"time": "08:30"}, 400, "open from 09:00"),
        ({"time": "16:45"}, 400, "to 17:00"),
        ({"service": "Perm"}, 400, "Perm"),
        ({"barber_id": 11}, 404, "Barber"),
        ({"date": day(40)}, 400, "30 days"),
    ],
)
def test_what_may_not_be_booked_is_refused_with_a_reason(customer: Customer, wish: dict[str, Any], status: int, part: str) -> None:
    """The past, closed hours, unknown services, other franchises' barbers and the far future are refused."""
    answer = book(customer.at(5), **wish)
    assert answer.status_code == status
    assert part in answer.json()["error"]["message"]


def test_customers_see_their_own_bookings_only(platform: Running, customer: Customer) -> None:
    """Another customer's booking is not found, cannot be changed or paid, and is not in the list."""
    booking = book(customer.at(6)).json()["id"]
    other = platform.client().login("customer.2@us-east-1.example").at(6)
    assert other.get(f"/api/v2/appointments/{booking}").status_code == 404
    assert other.put(f"/api/v2/appointments/{booking}/cancel").status_code == 404
    assert other.post(f"/api/v2/appointments/{booking}/reschedule", json={"date": day(3), "time": "15:00"}).status_code == 404
    assert other.post("/api/v2/payments/create-intent", json={"booking_id": booking}).status_code == 404
    assert other.get("/api/v2/appointments/").json() == {"appointments": [], "total": 0}
    assert booking in [mine["id"] for mine in customer.get("/api/v2/appointments/").json()["appointments"]]


def test_only_administrators_see_every_booking(platform: Running, customer: Customer) -> None:
    """The list of all bookings of a franchise is for administrators."""
    booking = book(customer.at(7)).json()["id"]
    assert customer.get("/api/v2/appointments/all/list").status_code == 403
    everything = platform.client().login("admin@us-east-1.example").at(7).get("/api/v2/appointments/all/list").json()
    assert [found["id"] for found in everything["appointments"]] == [booking]


def test_the_same_key_gives_the_same_booking(platform: Running, customer: Customer) -> None:
    """A repeated key answers with the first booking; its use by another customer is refused."""
    wish = {"date": day(3), "time": "10:00", "service": "Shave"}
    key = {"Idempotency-Key": "booking-1"}
    first, second = (customer.at(8).post("/api/v2/appointments/", json=wish, headers=key).json() for _ in range(2))
    assert first == second
    other = platform.client().login("customer.2@us-east-1.example").at(8)
    assert other.post("/api/v2/appointments/", json=wish, headers=key).status_code == 400


def test_a_guest_books_without_an_account(platform: Running) -> None:
    """A guest's booking is answered in the shop's own time, with a reference."""
    guest = {"first_name": "Ann", "last_name": "Other", "email": "ann@example.org"}
    wish = {"date": day(3), "time": "10:00", "service": "Shave", "guest_info": guest}
    answer = platform.client().at(9).post("/api/v2/appointments/guest", json=wish).json()
    assert (answer["date"], answer["time"], answer["guest_name"]) == (day(3), "10:00", "Ann Other")
    assert answer["booking_reference"].startswith("BB")


def test_writes_need_the_csrf_pair(platform: Running) -> None:
    """Without an equal pair of cookie and header a write is refused and the connection closed; log-in is exempt."""
    client = platform.client()
    client.headers["X-CSRF-Token"] = "other"
    refused = client.post("/api/v2/appointments/guest", json={})
    assert (refused.status_code, refused.headers["Connection"]) == (403, "close")
    assert client.post("/api/v2/auth/login", json={"email": CUSTOMER, "password": "wrong"}).status_code == 401


def test_bearer_routes_refuse_callers_without_a_token(platform: Running) -> None:
    """No token and a forged token are both 401."""
    client = platform.client()
    assert client.get("/api/v2/auth/me").status_code == 401
    client.headers["Authorization"] = "Bearer abc.def.ghi"
    assert client.get("/api/v2/auth/me").status_code == 401


def test_a_token_of_one_region_is_good_in_another(platform: Running, customer: Customer) -> None:
    """A session opened in one region serves in the other, and ends in both."""
    login = platform.client().post("/api/v2/auth/login", json={"email": CUSTOMER, "password": "correct horse battery staple"})
    assert {"access_token", "refresh_token", "csrf_token"} <= set(login.cookies)
    elsewhere = platform.client("eu-west-1")
    elsewhere.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    assert elsewhere.get("/api/v2/auth/me").json()["email"] == CUSTOMER
    assert elsewhere.post("/api/v2/auth/logout").status_code == 200
    assert elsewhere.get("/api/v2/auth/me").status_code == 401


def test_refreshing_gives_a_new_access_token(platform: Running) -> None:
    """With a refresh token a customer gets a new access token; with an access token not."""
    client = platform.client()
    tokens = client.post("/api/v2/auth/login", json={"email": CUSTOMER, "password": "correct horse battery staple"}).json()
    renewed = client.post("/api/v2/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    client.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    assert client.get("/api/v2/auth/me").status_code == 200
    assert client.post("/api/v2/auth/refresh", json={"refresh_token": tokens["access_token"]}).status_code == 401


def test_registering_logs_in_and_uses_the_franchises_home_region(platform: Running) -> None:
    """A new account is stored in the region of the franchise at which it was made; its address is taken from then on, everywhere."""
    body = {"first_name": "Nia", "last_name": "New", "email": "Nia@Example.org", "password": "long enough"}
    made = platform.client("us-east-1").at(70).post("/api/v2/auth/register-client", json=body).json()
    assert (made["user"]["region"], made["user"]["id"] // 10**12, made["token_type"]) == ("eu-west-1", 3, "bearer")
    assert platform.client().at(1).post("/api/v2/auth/register-client", json=body).status_code == 400


def test_collections_redirect_to_their_trailing_slash(customer: Customer) -> None:
    """Without the slash a collection answers 307."""
    assert customer.get("/api/v2/appointments").status_code == 307


def test_invalid_requests_are_422_with_details(customer: Customer) -> None:
    """A body that is no appointment names what is wrong."""
    answer = customer.at(1).post("/api/v2/appointments/", json={"date": "soon", "time": "10:00", "service": "Shave"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "date"]


def test_too_many_requests_are_429_per_address(platform: Running) -> None:
    """The limit counts by the customer's address, scaled, and states when to come back."""
    hasty = platform.client().at(1)
    answers = [
        hasty.post(
            "/api/v2/appointments/guest",
            json={"date": day(3), "time": "10:00", "service": "Perm", "guest_info": {"first_name": "A", "last_name": "B", "email": "a@b"}},
        )
        for _ in range(41)
    ]
    assert {answer.status_code for answer in answers[:40]} == {400}
    assert answers[40].status_code == 429
    assert answers[40].json()["detail"] == "Rate limit exceeded: 40 per 1 hour"
    assert int(answers[40].headers["Retry-After"]) == answers[40].json()["retry_after"]
    assert platform.client().at(1).get("/api/v2/appointments/slots", params={"appointment_date": day(1)}).status_code == 200


def test_health_names_shard_database_and_region(platform: Running) -> None:
    """The metrics are in Prometheus's format."""
    client = platform.client("eu-west-1")
    health = client.get("/health").json()
    assert (health["shard_id"], health["database"], health["region"]) == (3, "standin", "eu-west-1")
    assert client.get("/health/ready").json()["status"] == "ready"
    assert "http_requests_total" in client.get("/metrics").text


def test_network_totals_span_all_shards(customer: Customer) -> None:
    """A network's dashboard counts the franchises of every region."""
    assert len(customer.get("/api/v2/franchise/networks").json()) == 100
    network = customer.get("/api/v2/franchise/networks/51/dashboard").json()
    assert (network["total_locations"], network["total_barbers"], network["regions"]) == (1, 3, [{"region": "eu-west-1", "locations": 1}])


def test_text_that_no_database_can_hold_is_refused(platform: Running, customer: Customer) -> None:
    """The character NUL in notes, names and log-ins is an invalid request, and no error of the platform."""
    nul = "a" + chr(0) + "b"
    assert book(customer.at(2), notes=nul).status_code == 422
    assert book(customer.at(2), service=nul).status_code == 422
    assert platform.client().post("/api/v2/auth/login", json={"email": nul, "password": "x"}).status_code == 422
    person = {"first_name": "A", "last_name": "B", "password": "long enough", "email": f"{nul}@example.com"}
    assert platform.client().post("/api/v2/auth/register-client", json=person).status_code == 422
