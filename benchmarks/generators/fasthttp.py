"""Closed model, small JSON GET, on Locust's own fast client."""

from locust import FastHttpUser, task


class Closed(FastHttpUser):
    """Asks again as soon as the answer is there."""

    @task
    def ask(self) -> None:
        """One GET."""
        self.client.get("/json")
