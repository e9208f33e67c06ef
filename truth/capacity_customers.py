"""The Locust file of ``python -m truth.capacity``: random arrivals, one request each. For Locust processes only."""

import os
import time

from locust import task

from closeshave.loadgen.rates import Constant
from closeshave.loadgen.users import OpenUser

BUSY_S = float(os.environ["CAPACITY_BUSY_S"])
"""The sender computes so long for each request, and can do nothing else meanwhile: a generator that is too slow."""


class Arrival(OpenUser):
    """One arrival, one request."""

    rate = Constant(float(os.environ["CAPACITY_RATE"]))
    duration_s = float(os.environ["CAPACITY_SECONDS"])
    seed = int(os.environ["CAPACITY_SEED"])
    warm = 50
    grace_s = 20.0

    @task
    def ask(self) -> None:
        """One GET."""
        if BUSY_S:
            end_s = time.perf_counter() + BUSY_S
            while time.perf_counter() < end_s:
                pass
        self.client.get("/json")
