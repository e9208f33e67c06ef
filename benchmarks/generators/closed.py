"""Closed model, small JSON GET, on the engine: records and Locust's statistics on."""

from locust import task

from closeshave.loadgen.users import EngineUser


class Closed(EngineUser):
    """Asks again as soon as the answer is there."""

    @task
    def ask(self) -> None:
        """One GET."""
        self.client.get("/json")
