"""A plain Locust file of a shop: no class of Closeshave. It says what it booked, so that integrity can be judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from locust import HttpUser, SequentialTaskSet, between, task

from closeshave.traffic import effects


class Booking(SequentialTaskSet):
    """Look for a time, and take it."""

    user: Shopper

    @task
    def look(self) -> None:
        """The free times of a day."""
        self.client.get("/slots?day=2026-12-01", name="slots")

    @task
    def book(self) -> None:
        """The next one."""
        starts_at = self.user.next_time()
        wanted = {"barber": 7, "at": starts_at.isoformat(), "note": effects.tag()}
        with self.client.post("/bookings", json=wanted, name="book", catch_response=True) as answer:
            if answer.status_code == 409:
                answer.success()
        booking = answer.json()["id"] if answer.ok else None
        effects.report("create", booking=booking, barber=7, starts_at=starts_at, minutes=30)


class Shopper(HttpUser):
    """A customer."""

    wait_time = between(1, 3)
    tasks = [Booking]  # noqa: RUF012 - as the documentation of Locust writes it
    booked = 0

    def next_time(self) -> datetime:
        """Half an hour after the one before."""
        Shopper.booked += 1
        return datetime(2026, 12, 1, tzinfo=UTC) + timedelta(minutes=30 * Shopper.booked)
