"""The plain platform has the peculiarities of the real application; otherwise its tests would prove nothing."""

import itertools
import socket
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from truth.plain.habits import Habits

ADDRESSES = (f"10.9.0.{number}" for number in itertools.count(1))


@pytest.fixture
def client(platform):
    """A customer who is logged in, with an address of its own."""
    with httpx.Client(base_url=platform.url, trust_env=False, verify=False, headers={"X-Forwarded-For": next(ADDRESSES)}) as client:
        told = client.post("/api/v2/auth/login", json={"email": "customer1@plain.test", "password": "Plain-1234"}).json()
        client.headers.update({"Authorization": f"Bearer {told['access_token']}", "X-CSRF-Token": told["csrf_token"]})
        yield client


def wish(days=7, at="10:00", **more):
    """An appointment on a day ahead."""
    return {
        "date": (datetime.now(ZoneInfo(Habits().zone)).date() + timedelta(days=days)).isoformat(),
        "time": at,
        "service": "Haircut",
        **more,
    }


def test_a_collection_without_its_slash_is_redirected(client):
    """307, as FastAPI does."""
    answer = client.get("/api/v2/appointments")
    assert (answer.status_code, answer.headers["location"]) == (307, "/api/v2/appointments/")


def test_a_change_without_a_csrf_pair_is_refused_and_the_connection_dropped(platform, client):
    """403, and then no further answer, without ``Connection: close``."""
    host, port = platform.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(b"POST /api/v2/appointments/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        received = b""
        while part := raw.recv(65536):
            received += part
    assert received.startswith(b"HTTP/1.1 403")
    assert b"connection: close" not in received.lower()


def test_a_busy_barber_is_400_with_a_message(client):
    """Never 409."""
    booked = client.post("/api/v2/appointments/", json=wish(barber_id=1))
    assert booked.status_code == 200
    assert "Z" not in booked.json()["start_time"]
    again = client.post("/api/v2/appointments/", json=wish(barber_id=1))
    assert again.status_code == 400
    assert "not available at 10:00" in again.json()["error"]["message"]


def test_a_longer_service_overlaps_a_later_start(client):
    """45 minutes from 11:00 make the barber busy at 11:30."""
    assert client.post("/api/v2/appointments/", json=wish(at="11:00", barber_id=2, service="Haircut & Shave")).status_code == 200
    assert client.post("/api/v2/appointments/", json=wish(at="11:30", barber_id=2)).status_code == 400


def test_cancelling_works_by_put_and_fails_by_delete(client):
    """The real application's DELETE answers 400."""
    booking = client.post("/api/v2/appointments/", json=wish(days=9, barber_id=3)).json()["id"]
    assert client.delete(f"/api/v2/appointments/{booking}").status_code == 400
    assert client.put(f"/api/v2/appointments/{booking}/cancel").json()["status"] == "cancelled"
    assert client.post("/api/v2/appointments/", json=wish(days=9, barber_id=3)).status_code == 200


def test_an_address_over_its_limit_gets_retry_after(client):
    """The 101st list of slots in a minute is 429."""
    path = f"/api/v2/appointments/slots?appointment_date={wish()['date']}"
    answers = [client.get(path) for _ in range(101)]
    assert [answer.status_code for answer in answers[:100]] == [200] * 100
    assert answers[100].status_code == 429
    assert answers[100].headers["retry-after"] == "60"


def test_an_idempotency_key_of_another_shape_is_refused(client):
    """``prefix_uuid4``, the prefix without underscores."""
    booking = client.post("/api/v2/appointments/", json=wish(days=10, barber_id=3)).json()["id"]
    answer = client.post("/api/v2/payments/create-intent", json={"booking_id": booking}, headers={"Idempotency-Key": "a_b_c"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Invalid idempotency key format")


def test_payments_fail_without_a_provider(client):
    """Some routes of a real deployment are known to answer 500."""
    assert client.post("/api/v2/payments/create-intent", json={"booking_id": 1}).status_code == 500


def test_readiness_is_wrong_in_its_status_code(fresh):
    """It is always 200; the body states the result."""
    fresh.operate("break/database")
    answer = httpx.get(f"{fresh.url}/health/ready", trust_env=False, verify=False)
    assert (answer.status_code, answer.json()["status"]) == (200, "not_ready")
    assert (
        httpx.get(f"{fresh.url}/api/v2/appointments/slots?appointment_date=2030-01-01", trust_env=False, verify=False).json()["error"][
            "type"
        ]
        == "database"
    )
    fresh.operate("mend")
    assert httpx.get(f"{fresh.url}/health/ready", trust_env=False, verify=False).json()["status"] == "ready"


def test_a_dead_process_drops_connections(fresh):
    """What its operator breaks is really broken, until it is healed."""
    fresh.operate("break/process")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{fresh.url}/health", trust_env=False, verify=False)
    fresh.operate("mend")
    assert httpx.get(f"{fresh.url}/health", trust_env=False, verify=False).status_code == 200
