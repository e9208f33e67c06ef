"""A Locust file of one request a visit, for as many requests as a machine can send."""

from locust import task

from closeshave.traffic.journeys import BookingUser

__all__ = ("Looker",)


class Looker(BookingUser):
    """Looks at the page of one shop, and leaves."""

    tasks_per_visit = 1.0
    profiles_per_visit = 0.0

    @task
    def look(self) -> None:
        """One request."""
        self.steps.franchise_page()
