"""Open model on the engine: evenly spaced arrivals, each one GET. BENCH_RATE per second for BENCH_SECONDS."""

import os

from locust import task

from closeshave.loadgen.rates import Constant, Instants, evenly
from closeshave.loadgen.users import OpenUser


class Open(OpenUser):
    """One arrival, one request."""

    rate = Constant(float(os.environ["BENCH_RATE"]))
    duration_s = float(os.environ["BENCH_SECONDS"])

    warm = 300

    @classmethod
    def arrivals(cls) -> Instants:
        """Equal gaps."""
        return evenly(cls.rate, cls.duration_s)

    @task
    def ask(self) -> None:
        """One GET."""
        self.client.get("/json")
