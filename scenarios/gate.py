"""Customers of the gate: nearly each looks at free times and books, so that a short leg has more than a thousand requests of both.

Runs by itself (``locust -f scenarios/gate.py``) and under the harness. It is no picture of real traffic, in which few who look book: a gate compares two
releases, and needs many requests of each key operation in little time. So few bookings are read again: what other requests take of the processors makes
the response times of the key operations vary, and adds nothing to their number. The barbers are listed for each booking: a cache serves these lists.
"""

from __future__ import annotations

from locust import task

from closeshave.traffic import contests
from closeshave.traffic.journeys import BookingUser, thinking
from closeshave.traffic.steps import choose


class Customer(BookingUser):
    """A customer who came to book."""

    weight = 10
    wait_time = thinking(mean_s=1.0)
    tasks_per_visit = 2.0
    profiles_per_visit = 0.16

    @task(2)
    def search(self) -> None:
        """List the free times of a day."""
        self.steps.slots(self.steps.some_day())

    @task(10)
    def book(self) -> None:
        """Choose a barber and a time, book it, and now and then read the booking."""
        steps = self.steps
        barbers = steps.barbers()
        if not barbers:
            return
        slot = choose(steps.slots(steps.some_day(), self.rng.choice(barbers), to_book=True), self.session)
        if slot is None:
            return
        booking = steps.book(slot, self.rng.choice(steps.services_at(slot)), submissions=2 if self.chance(0.1) else 1)
        if booking is not None and self.chance(0.2):
            steps.read_booking(booking)

    @task(1)
    def profile(self) -> None:
        """Read the customer's own profile."""
        self.steps.profile()


class Rivals(contests.Rivals):
    """Two customers who came to book the same slot."""

    wait_time = thinking(mean_s=1.0)
    thinks = False
