"""All arrivals of a load's customers, as every worker computes them: by the seed alone."""

from __future__ import annotations

import numpy as np

from closeshave.loadgen.rates import Instants
from closeshave.traffic import arrivals
from closeshave.traffic.arrivals import SessionArrivals
from closeshave.traffic.known_profiles import read_profile
from closeshave.traffic.load import Load
from closeshave.traffic.visits import plan_visits


def own_arrivals(load: Load) -> SessionArrivals:
    """Those of a user's own Locust file in the open model: all regions have the same share."""
    shares = dict.fromkeys(load.topology.regions, 1 / len(load.topology.regions))
    return arrivals.poisson(load.phases, shares, read_profile(load.traffic.profile).factor, np.random.default_rng([load.seed, 0]))


def arrivals_ns(load: Load) -> Instants | None:
    """Nanoseconds after the load's start, ascending; ``None`` in the closed model, where nobody arrives."""
    own = load.traffic.locust
    if own is None:
        return plan_visits(load, read_profile(load.traffic.profile).factor).at_ns
    return own_arrivals(load).at_ns if own.model == "open" else None
