"""A journey of existing steps: ``traffic.scenario`` of a plan, or ``locust -f``."""

from locust import task

from closeshave.traffic.contests import Rivals
from closeshave.traffic.journeys import BookingUser, thinking
from closeshave.traffic.steps import choose

__all__ = ("Regular", "Rivals")


class Regular(BookingUser):
    """Books the same service again, and looks at the booking."""

    wait_time = thinking(mean_s=4)
    tasks_per_visit = 3.0

    @task
    def same_again(self) -> None:
        """Any free time will do."""
        slot = choose(self.steps.slots(self.steps.some_day(), to_book=True), self.session)
        if slot is None:
            return
        self.think()
        booking = self.steps.book(slot, "Shave")
        if booking is not None:
            self.steps.read_booking(booking)
