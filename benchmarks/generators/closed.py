"""Closed model, small JSON GET, on the engine: records and Locust's statistics on."""

from locust import task

from closeshave.loadgen.users import EngineUser


class Closed(EngineUser):
    """Sends the next request as soon as the answer has arrived."""

    @task
    def ask(self) -> None:
        """One GET."""
        self.client.get("/json")
