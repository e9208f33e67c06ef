"""Two customers who want the same slot: contests for a scenario, which imports the class, or has one of its own in its place."""

from __future__ import annotations

from locust import task

from closeshave.traffic.dialect import Slot
from closeshave.traffic.journeys import BookingUser, thinking
from closeshave.traffic.steps import choose


class Rivals(BookingUser):
    """Two customers request the same slot at the same instant: one must get it, the other must be refused because it is taken."""

    weight = 1
    contest = True
    wait_time = thinking(mean_s=2.5)
    thinks = True
    """Whether both pause between finding the slot and requesting it."""

    @task
    def race(self) -> None:
        """Both find the same free slot, then both request it."""
        steps = self.steps
        barbers = steps.barbers()
        if not barbers:
            return
        day, barber = steps.some_day(), self.rng.choice(barbers)
        if barber is None:
            # If any barber will do, both requests may succeed: that is no conflict.
            return
        slot = choose(steps.slots(day, barber), self.session)
        if slot is None:
            return
        rival = self.rival()
        rival.steps.slots(day, barber)
        self.wait_for(rival)
        if self.thinks:
            self.think()
        self.compete(rival, lambda customer: customer.go_for(slot))

    def go_for(self, slot: Slot) -> None:
        """Book the slot, and read the booking back if it was won."""
        booking = self.steps.book(slot, self.steps.usual_service)
        if booking is not None:
            self.steps.read_booking(booking)
