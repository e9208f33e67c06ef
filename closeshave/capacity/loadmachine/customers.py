"""The Locust file of ``closeshave doctor --load``: customers on the load engine, for a server with one constant answer. For Locust processes only.

What each class is told stands in variables ``CLOSESHAVE_LOAD_MACHINE_…``; see :mod:`.starting`.
"""

from __future__ import annotations

import os

import numpy as np
from locust import task

from closeshave.capacity.loadmachine.orders import GeneratorOrder, ordered
from closeshave.loadgen.customers import Tokens
from closeshave.loadgen.rates import Instants, Steps, evenly
from closeshave.loadgen.users import CrowdUser, EngineUser, OpenUser

PATH = "/api/v2/appointments/"
TOKEN_BYTES = 200
STARTED_WITH = 300
"""Connections that are open before the first arrival."""
GRACE_S = 2.0

ORDER: GeneratorOrder = ordered(os.environ)


class SaturatingUser(EngineUser):
    """Sends the next request as soon as the answer has come."""

    @task
    def ask(self) -> None:
        """One request."""
        self.client.get(PATH)


class PacedUser(OpenUser):
    """An open load: one request for each arrival, at equal gaps, one rate after the other."""

    rate = Steps(ORDER.rates_per_s, ORDER.each_s)
    duration_s = ORDER.each_s * len(ORDER.rates_per_s)
    warm = STARTED_WITH
    grace_s = GRACE_S

    @classmethod
    def arrivals(cls) -> Instants:
        """Equal gaps."""
        return evenly(cls.rate, cls.duration_s)

    @task
    def ask(self) -> None:
        """One request."""
        self.client.get(PATH)


class ThinkingUser(CrowdUser):
    """A crowd of customers, each with a token, most of them thinking."""

    customers = ORDER.customers
    think_mean_s = max(1.0, ORDER.customers / ORDER.requests_per_s)
    duration_s = ORDER.each_s
    grace_s = GRACE_S
    tokens = Tokens(
        bytes(97 + number % 26 for number in range(TOKEN_BYTES)) * customers, np.arange(customers + 1, dtype=np.int64) * TOKEN_BYTES
    )

    def step(self, customer: int, state: int) -> int:
        """One request as this customer."""
        self.client.get(PATH, headers={"Authorization": f"Bearer {self.tokens[customer]}"})
        return state


class ConnectedUser(ThinkingUser):
    """The same, and each customer has a connection of his own."""

    own_connections = True
