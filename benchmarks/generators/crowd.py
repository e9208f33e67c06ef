"""A crowd on the engine: each customer with an identity, a bearer token and a place in a journey of its own."""

import os

import numpy as np

from closeshave.loadgen.customers import Tokens
from closeshave.loadgen.users import CrowdUser

CUSTOMERS = int(os.environ["BENCH_CUSTOMERS"])
RATE_PER_S = float(os.environ["BENCH_RATE"])
TOKEN_BYTES = 200
STEPS = ("/json", "/api/v2/appointments/slots?appointment_date=2026-11-23", "/api/v2/appointments/4711")


def tokens(count: int) -> Tokens:
    """A token of :data:`TOKEN_BYTES` letters for each customer, all different."""
    letters = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", np.uint8)
    block = letters[np.random.default_rng(7).integers(0, len(letters), (count, TOKEN_BYTES), dtype=np.uint8)]
    return Tokens(block.tobytes(), np.arange(count + 1, dtype=np.int64) * TOKEN_BYTES)


TOKENS = tokens(CUSTOMERS)


class Crowd(CrowdUser):
    """Requests a page, thinks, requests another page."""

    customers = CUSTOMERS
    think_mean_s = CUSTOMERS / RATE_PER_S
    duration_s = float(os.environ["BENCH_SECONDS"])
    own_connections = os.environ.get("BENCH_OWN_CONNECTIONS") == "1"

    def step(self, customer: int, state: int) -> int:
        """Request the next page of the journey as this customer."""
        client = self.client
        client.franchise = customer % 100_000 + 1
        path = STEPS[state]
        client.get(path, headers={"Authorization": f"Bearer {TOKENS[customer]}", "X-Franchise-Id": str(client.franchise)})
        return (state + 1) % len(STEPS)
