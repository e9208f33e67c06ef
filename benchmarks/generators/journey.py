"""The booking journey on the engine: log in, look, book, read back, pay. The same steps and checks as in k6/journey.js."""

import os

from locust import task

from closeshave.loadgen.users import EngineUser

PASSWORD = os.environ.get("BENCH_PASSWORD", "correct horse")


class Customer(EngineUser):
    """A customer who books and pays, and is then followed by the next."""

    @task
    def book(self) -> None:
        """Six requests, three of them writes with bearer token and CSRF pair."""
        client = self.client
        client.cookies.clear()
        login = client.post("/api/v2/auth/login", json={"email": "c1@example.com", "password": PASSWORD}).json()
        bearer = {"Authorization": f"Bearer {login['access_token']}"}
        secured = bearer | {"X-CSRF-Token": client.cookies.get("csrf_token") or ""}
        free = client.get(
            "/api/v2/appointments/slots?appointment_date=2026-11-23", name="slots", check=lambda answer: len(answer.json()["slots"]) > 0
        ).json()
        wanted = {"date": free["date"], "time": free["slots"][0]["time"], "service": "Haircut", "barber_id": 3, "notes": "bench"}
        booked = client.post(
            "/api/v2/appointments/", json=wanted, headers=secured, check=lambda answer: answer.json()["status"] == "scheduled"
        ).json()
        client.get(
            f"/api/v2/appointments/{booked['id']}", name="read", headers=bearer, check=lambda answer: answer.json()["id"] == booked["id"]
        )
        intent = client.post(
            "/api/v2/payments/create-intent",
            json={"booking_id": booked["id"]},
            headers=secured,
            check=lambda answer: answer.json()["amount"] == 30.0,
        ).json()
        paying = {"booking_id": booked["id"], "payment_intent_id": intent["payment_intent_id"]}
        client.post("/api/v2/payments/confirm", json=paying, headers=secured, check=lambda answer: answer.json()["status"] == "succeeded")
