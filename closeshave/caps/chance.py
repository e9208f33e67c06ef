"""How much more than its mean a plan may send by chance, so that a live cap does not stop what was admitted. Pure.

Sessions and contests arrive by chance (Poisson), and a trial that really sends more than a platform's owner allows for ten seconds stops
itself. The count of requests in a window is a compound Poisson variable: arrivals of rate r that bring R requests each have in w seconds the
mean ``r w E[R]`` and the variance ``r w E[R^2]`` (Ross, *Introduction to Probability Models*, on compound Poisson processes), as if all
requests of a visit fell into one window: thinking spreads them, which only lessens the variance. A scaled Poisson variable of this mean and
variance stands for it, because it leans to the right as the true one does and a normal one does not (Bohm and Zech, "Statistics of weighted
Poisson events", Nuclear Instruments and Methods A 748, 2014). A live cap looks at many windows: that one of them is over has at most the
sum of their chances (Boole), whatever they share.
"""

from __future__ import annotations

import math

from closeshave import quantiles
from closeshave.caps import offered
from closeshave.plan import Phase, Plan
from closeshave.topology import Topology

WINDOW_S = 10.0
"""Over how long a live cap takes the mean."""
WINDOWS_PER_S = 2.0
"""How many windows count as one of their own. The cap windows more often, but windows that begin less than that apart share nearly all they hold."""
SDS_MIN = 3.0
"""Room for chance, at the least, in standard deviations of the mean over a window."""
STOPPED_BY_CHANCE = 0.005
"""Share of runs that the live cap may stop although their plan was admitted."""
SESSIONS_VARY = 1.2
"""``E[R^2] / E[R]^2`` of a visit: its tasks are 1 + Poisson(8), and what a booking brings with it comes at once."""


def sd_per_s(plan: Plan, phase: Phase) -> float:
    """Standard deviation of a phase's requests a second, taken over :data:`WINDOW_S`."""
    # Products, not powers: of what is far too large these become infinite instead of raising.
    session, contest = offered.of_session(plan), offered.CONTEST_REQUESTS
    squares_per_s = phase.sessions_per_s * SESSIONS_VARY * session * session + plan.traffic.contests_per_s * contest * contest
    return math.sqrt(max(0.0, squares_per_s) / WINDOW_S)


def at_most_per_s(plan: Plan, phase: Phase, topology: Topology) -> float:
    """What a phase sends at the most over :data:`WINDOW_S`, in requests a second: its mean and the room that chance needs.

    Of whole runs one in 200 sends more at some time (:data:`STOPPED_BY_CHANCE`), and the room is three standard deviations at the least.
    What is no number stays none.
    """
    mean_per_s, sd = offered.of_phase(plan, phase, topology), sd_per_s(plan, phase)
    by_chance_per_s = mean_per_s - offered.steady(plan, phase, topology)
    if not (math.isfinite(mean_per_s) and math.isfinite(sd) and min(sd, by_chance_per_s) > 0):
        return mean_per_s
    windows = max(1.0, plan.duration_s * WINDOWS_PER_S)
    together = sd**2 * WINDOW_S / by_chance_per_s
    most = together * quantiles.poisson_exceeded(STOPPED_BY_CHANCE / windows, by_chance_per_s * WINDOW_S / together)
    return mean_per_s + max(SDS_MIN * sd, most / WINDOW_S - by_chance_per_s)
