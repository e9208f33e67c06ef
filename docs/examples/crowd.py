"""A million customers, each a row in arrays."""

import numpy as np

from closeshave.loadgen.customers import Tokens
from closeshave.loadgen.users import CrowdUser

PAGES = ("/api/v2/locations/", "/api/v2/public/services/", "/api/v2/barbers/")
TOKENS = Tokens(b"token" * 1_000_000, np.arange(0, 5_000_001, 5))


class Crowd(CrowdUser):
    customers = 1_000_000
    think_mean_s = 100.0

    def step(self, customer, state):
        self.client.get(PAGES[state], headers={"Authorization": f"Bearer {TOKENS[customer]}"})
        return (state + 1) % len(PAGES)
