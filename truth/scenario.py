"""Customers who make a platform show its defects: they book often, submit twice, read lists again, and manage shops.

Runs by itself (``locust -f truth/scenario.py``) and under the harness, like any scenario.
"""

from __future__ import annotations

from dataclasses import replace

from locust import task

from closeshave.traffic.dialect import Slot
from closeshave.traffic.journeys import BookingUser, thinking
from closeshave.traffic.steps import choose


class Customer(BookingUser):
    """An impatient customer who reads the list twice."""

    weight = 16
    wait_time = thinking(mean_s=2.5)
    tasks_per_visit = 6.0
    profiles_per_visit = tasks_per_visit * 4 / 70

    @task(40)
    def search(self) -> None:
        """List the free times of a day."""
        self.steps.slots(self.steps.some_day())

    @task(14)
    def look_around(self) -> None:
        """Read the shop's page, its barbers and services."""
        self.rng.choice((self.steps.franchise_page, self.steps.services, self.steps.barbers))()

    @task(4)
    def profile(self) -> None:
        """Read the customer's own profile."""
        self.steps.profile()

    @task(12)
    def book(self) -> None:
        """List free times, book (twice, with the same key), list again, read the booking, pay (twice), cancel."""
        steps = self.steps
        barbers = steps.barbers()
        if not barbers:
            return
        # A request without a barber gets another barber when a key is ignored, instead of a conflict.
        barber, day = self.rng.choice([*barbers, None, None]), steps.some_day()
        slot = choose(steps.slots(day, barber, to_book=True), self.session)
        if slot is None:
            return
        booking = steps.book(slot, self.rng.choice(steps.services_at(slot)), submissions=2 if self.chance(0.5) else 1)
        if booking is None:
            return
        self.think()
        steps.read_booking(booking)
        if self.chance(0.3):
            self.session.wait(LOOK_AGAIN_S)
            steps.slots(day, barber)
        if self.chance(0.5):
            intent = steps.create_intent(booking)
            if intent is not None:
                steps.confirm(booking, intent, submissions=2)
        if self.chance(0.2):
            self.think()
            steps.cancel(booking)


LOOK_AGAIN_S = 2.5
"""Seconds after which a replica has what the primary acknowledged."""


class Manager(BookingUser):
    """A manager who changes the shop's name and checks whether the page shows it."""

    weight = 1
    wait_time = thinking(mean_s=2.5)
    tasks_per_visit = 2.0

    @task
    def rename(self) -> None:
        """Log in as the region's administrator, read the page, change it, and read it again."""
        session, steps = self.session, self.steps
        if not session.caller.email.startswith("admin@"):
            session.caller = replace(session.caller, email=f"admin@{session.region}.example")
            steps.log_in()
        version = steps.read_shop()
        if version is not None and steps.change_shop(f"BookedBarber {session.id}", version + 1):
            steps.read_shop()


class Rivals(BookingUser):
    """Two customers request the same slot at the same instant: one must get it, the other must be refused because it is taken."""

    weight = 1
    contest = True
    wait_time = thinking(mean_s=2.5)

    @task
    def race(self) -> None:
        """Both find the same free slot, then both request it."""
        steps = self.steps
        barbers = steps.barbers()
        if not barbers:
            return
        day, barber = steps.some_day(), self.rng.choice(barbers)
        slot = choose(steps.slots(day, barber), self.session)
        if slot is None:
            return
        rival = self.rival()
        self.wait_for(rival)
        self.compete(rival, lambda customer: customer.go_for(slot))

    def go_for(self, slot: Slot) -> None:
        """Book the slot, and read the booking back if it was won."""
        booking = self.steps.book(slot, self.steps.usual_service)
        if booking is not None:
            self.steps.read_booking(booking)
