"""Closed model, small JSON GET, on Locust's own fast client."""

from locust import FastHttpUser, task


class Closed(FastHttpUser):
    """Sends the next request as soon as the answer has arrived."""

    @task
    def ask(self) -> None:
        """One GET."""
        self.client.get("/json")
