"""How much more than its mean a plan may send by chance, so that the live cap does not stop a plan that was admitted. Pure.

Sessions and contests arrive by chance (Poisson), and a trial that really sends more than a platform's owner allows for ten seconds stops itself. The
count of requests in a window is a compound Poisson variable: arrivals of rate r that bring R requests each have in w seconds the mean ``r w E[R]``
and the variance ``r w E[R^2]`` (Ross, *Introduction to Probability Models*, on compound Poisson processes), as if all requests of a visit fell into
one window: thinking spreads them, which only lessens the variance. It is approximated by a scaled Poisson variable with this mean and variance, which
is skewed to the right like the true one, unlike a normal one (Bohm and Zech, "Statistics of weighted Poisson events", Nuclear Instruments and Methods
A 748, 2014). A live cap checks many windows: the probability that one of them is over is at most the sum of their probabilities (Boole), even if they
overlap.
"""

from __future__ import annotations

import math

from closeshave import quantiles
from closeshave.caps import offered
from closeshave.plan import Phase, Plan
from closeshave.topology import Topology

WINDOW_S = 10.0
"""The length of a live cap's window, in seconds."""
WINDOWS_PER_S = 2.0
"""How many windows per second count as separate ones. The cap checks more often, but closer windows share nearly all their requests."""
SDS_MIN = 3.0
"""The least room for chance, in standard deviations of the mean over a window."""
STOPPED_BY_CHANCE = 0.005
"""Share of runs that the live cap may stop although their plan was admitted."""
SESSIONS_VARY = 1.2
"""``E[R^2] / E[R]^2`` of a visit: its tasks are 1 + Poisson(8), and the further requests of a booking follow at once."""


def sd_per_s(plan: Plan, phase: Phase) -> float:
    """Standard deviation of a phase's requests per second, as a mean over :data:`WINDOW_S`."""
    # Products, not powers: of what is far too large these become infinite instead of raising.
    session, contest = offered.of_session(plan), offered.CONTEST_REQUESTS
    squares_per_s = phase.sessions_per_s * SESSIONS_VARY * session * session + offered.contests_per_s(plan) * contest * contest
    return math.sqrt(max(0.0, squares_per_s) / WINDOW_S)


def at_most_per_s(plan: Plan, phase: Phase, topology: Topology) -> float:
    """The most that a phase sends over :data:`WINDOW_S`, in requests per second: its mean and the room for chance.

    One in 200 whole runs sends more at some time (:data:`STOPPED_BY_CHANCE`), and the room is at least three standard deviations. NaN stays NaN.
    """
    mean_per_s, sd = offered.of_phase(plan, phase, topology), sd_per_s(plan, phase)
    by_chance_per_s = mean_per_s - offered.steady(plan, phase, topology)
    if not (math.isfinite(mean_per_s) and math.isfinite(sd) and min(sd, by_chance_per_s) > 0):
        return mean_per_s
    windows = max(1.0, plan.duration_s * WINDOWS_PER_S)
    together = sd**2 * WINDOW_S / by_chance_per_s
    most = together * quantiles.poisson_exceeded(STOPPED_BY_CHANCE / windows, by_chance_per_s * WINDOW_S / together)
    return mean_per_s + max(SDS_MIN * sd, most / WINDOW_S - by_chance_per_s)
