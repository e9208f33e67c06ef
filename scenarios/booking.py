"""Customers of a barber franchise: they search often, book sometimes, and sometimes two request the same slot.

Runs by itself (``locust -f scenarios/booking.py --host http://127.0.0.1:8000``, web UI included) and under the harness.

The mix, in requests: search and availability 70 %, franchise page 20, log-in and profile 6, book 3, cancel 1 (look-to-book ratios of
travel and appointment sites). The further requests of a booking (reading it back, paying, moving it) are additional.
"""

from __future__ import annotations

from locust import task

from closeshave.traffic.contests import Rivals
from closeshave.traffic.journeys import BookingUser, thinking
from closeshave.traffic.steps import choose

__all__ = ("Customer", "Rivals")


class Customer(BookingUser):
    """A customer who sometimes books an appointment."""

    weight = 20
    wait_time = thinking(mean_s=2.5)
    tasks_per_visit = 9.0
    profiles_per_visit = tasks_per_visit * 6 / 93

    @task(67)
    def search(self) -> None:
        """List the free times of a day."""
        self.steps.slots(self.steps.some_day())

    @task(17)
    def look_around(self) -> None:
        """Read the shop's page, its barbers and services."""
        self.rng.choice((self.steps.franchise_page, self.steps.services, self.steps.barbers))()

    @task(6)
    def profile(self) -> None:
        """Read the customer's own profile; some log in first, at the low rate that a password hash allows."""
        if self.chance(self.login_share):
            self.steps.log_in()
        else:
            self.steps.profile()

    @task(3)
    def book(self) -> None:
        """Choose a barber and a time, book, and then read, pay, move or cancel the booking."""
        steps = self.steps
        barbers = steps.barbers()
        if not barbers:
            return
        self.think()
        barber = self.rng.choice(barbers)
        slot = choose(steps.slots(steps.some_day(), barber, to_book=True), self.session)
        if slot is None:
            return
        self.think()
        # Some send a form twice: the second must change nothing.
        booking = steps.book(slot, self.rng.choice(steps.services_at(slot)), submissions=2 if self.chance(0.15) else 1)
        if booking is None:
            return
        steps.read_booking(booking)
        if self.chance(0.5):
            self.think()
            intent = steps.create_intent(booking)
            if intent is not None:
                steps.confirm(booking, intent, submissions=2 if self.chance(0.15) else 1)
        if self.chance(0.1):
            self.think()
            offered = steps.slots(steps.some_day(), barber, to_book=True)
            other = choose([time for time in offered if booking.service in steps.services_at(time)], self.session)
            if other is not None:
                booking = steps.reschedule(booking, other)
        if self.chance(1 / 3):
            self.think()
            steps.cancel(booking)
