"""The factor for a plan's rates: it fits, a tenth more does not, and the permitted load stays within the cap."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.caps import chance, offered
from closeshave.environments.remote.guard import over_caps
from closeshave.files.shipped import available, locate
from closeshave.plan import Canaries, Limits, Phase, Plan, Role, Traffic
from closeshave.topology import Shard, Topology
from closeshave.traffic.known_profiles import read_profile
from closeshave.trial import fitting
from tests.remote.definitions import remote
from tests.tiers import examples

ONE = Topology(("east",), (Shard(1, 1, 1, "east", "east"),))


@given(st.floats(0.001, 12))
def test_the_factor_fits_and_a_tenth_more_does_not(edge: float) -> None:
    """For every limit; above the largest permitted factor nothing is searched."""
    found = fitting.largest(lambda factor: factor <= edge)
    assert found is not None
    assert found <= edge
    assert found == fitting.MOST or 1.1 * found > edge


def test_where_nothing_fits_nothing_is_proposed() -> None:
    """A lower rate does not make a plan of two hours fit into one."""
    assert fitting.largest(lambda _factor: False) is None


ODD = st.sampled_from([float("nan"), float("inf"), -1.0, -5000.0, 1e300])
RATES = st.one_of(st.floats(0, 400), ODD)
PLANS = st.builds(
    lambda rate, contests, each, home, away: Plan(
        "p", "e", "t", 1, Limits(60, 100), (Phase("calm", Role.CALM, 60.0, abs(rate) or 1.0),),
        traffic=Traffic(contests_per_s=contests, requests_per_session=each), canaries=Canaries(home_per_s=home, away_per_s=away),
    ),
    RATES, RATES, RATES, RATES, RATES,
)  # fmt: skip


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory):
    """A platform that allows 50 requests a second."""
    return remote(tmp_path_factory.mktemp("environment"))


@given(PLANS)
def test_an_accepted_plan_cannot_send_more_than_the_cap(fifty, plan: Plan) -> None:
    """Counted in another way than the guard does: the sum of what each customer, each pair of rivals and each canary may send. A value that is not a
    number is refused.
    """
    told = [sentence for sentence in over_caps(fifty, plan, plan.traffic.requests_per_session) if "requests/s" in sentence]
    traffic, canaries = plan.traffic, plan.canaries
    parts = [plan.phases[0].sessions_per_s * traffic.requests_per_session, 9 * traffic.contests_per_s, canaries.home_per_s]
    total = sum(parts)
    if not total <= fifty.caps.requests_per_s and min(parts) >= 0:
        assert told
    # No file can state a rate below zero, which would make room for others.
    if not told and not min(parts) < 0:
        assert total <= fifty.caps.requests_per_s


@pytest.mark.parametrize(
    ("part", "more"),
    [
        ({"contests_per_s": 1.0}, 10.0),
        ({"requests_per_session": 12.0}, 2.0),
        ({"per_session": {"book": 0.3}}, 0.6),
        ({"per_session": {"login": 0.25}}, 0.5),
        ({"per_session": {"login": 5.0}}, 1.0),
    ],
)
def test_all_that_a_plan_can_send_counts(part: dict, more: float) -> None:  # type: ignore[type-arg]
    """Contests, retries, log-ins, each alone."""
    bare = Plan(
        "p", "e", "t", 1, Limits(60, 100), (Phase("calm", Role.CALM, 60.0, 2.0),),
        traffic=Traffic(contests_per_s=0, per_session={}, requests_per_session=11.0), canaries=Canaries(home_per_s=1, away_per_s=0),
    )  # fmt: skip
    busy = replace(bare, traffic=replace(bare.traffic, **part))
    assert offered.of_phase(busy, busy.phases[0], ONE) - offered.of_phase(bare, bare.phases[0], ONE) == pytest.approx(more)


def by_chance(sessions_per_s: float, contests_per_s: float, duration_s: float) -> Plan:
    """A plan of one phase, with four canary probes a second."""
    phases = (Phase("calm", Role.CALM, duration_s, sessions_per_s),)
    canaries = Canaries(home_per_s=4, away_per_s=0)
    return Plan("p", "e", "t", 1, Limits(duration_s, 100), phases, traffic=Traffic(contests_per_s=contests_per_s), canaries=canaries)


@given(st.floats(0.05, 60), st.floats(0, 2), st.floats(20, 3600))
@settings(max_examples=examples(60))
def test_the_scale_that_fits_leaves_room_for_chance(sessions_per_s: float, contests_per_s: float, duration_s: float) -> None:
    """The proposed scale leaves at least three standard deviations; a tenth more does not fit."""
    plan, cap_per_s = by_chance(sessions_per_s, contests_per_s, duration_s), 60.0
    found = fitting.largest(lambda factor: chance.at_most_per_s((one := plan.scaled(factor)), one.phases[0], ONE) <= cap_per_s)
    assert found is not None
    named, more = plan.scaled(found), plan.scaled(1.1 * found)
    sd = (named.phases[0].sessions_per_s * 1.2 * 11.3**2 / 10 + named.traffic.contests_per_s * 100 / 10) ** 0.5
    assert offered.of_phase(named, named.phases[0], ONE) + 3 * sd <= cap_per_s
    assert found == fitting.MOST or chance.at_most_per_s(more, more.phases[0], ONE) > cap_per_s


def highest_per_s(plan: Plan, rng: np.random.Generator) -> float:
    """The fullest ten seconds of a run that is drawn: visits of booking.py whose requests all come at once, contests, and what is steady."""
    phase, duration_s = plan.phases[0], plan.duration_s
    visits, contests = rng.poisson(phase.sessions_per_s * duration_s), rng.poisson(plan.traffic.contests_per_s * duration_s)
    each = np.rint((1 + rng.poisson(8, visits)) * offered.of_session(plan) / 9).astype(int)
    at_s = np.concatenate([np.repeat(rng.random(visits) * duration_s, each), np.repeat(rng.random(contests) * duration_s, 10)])
    counted = np.concatenate([[0], np.cumsum(np.histogram(at_s, np.arange(0, duration_s + 0.05, 0.1))[0])])
    return float((counted[100:] - counted[:-100]).max()) / 10 + offered.steady(plan, phase, ONE)


@pytest.mark.parametrize(("sessions_per_s", "contests_per_s", "duration_s"), [(1, 1, 60), (2.2, 0.2, 320), (4, 1, 60), (20, 1, 120)])
def test_random_arrivals_stay_under_the_cap(sessions_per_s: float, contests_per_s: float, duration_s: float) -> None:
    """In 995 of 1,000 runs at the limit, whose cap is exactly the stated maximum of the plan; and the margin is not wasteful."""
    plan, rng = by_chance(sessions_per_s, contests_per_s, duration_s), np.random.default_rng(20261128)
    cap_per_s = chance.at_most_per_s(plan, plan.phases[0], ONE)
    highest = np.array([highest_per_s(plan, rng) for _ in range(1000)])
    assert np.mean(highest <= cap_per_s) >= 0.995
    mean_per_s = offered.of_phase(plan, plan.phases[0], ONE)
    assert np.mean(highest <= mean_per_s + 0.7 * (cap_per_s - mean_per_s)) < 0.995


def test_canaries_count_with_their_lists_and_cancels() -> None:
    """Four probes per second are two bookings: two requests for lists if they are refused, and two cancels."""
    plan = Plan("p", "e", "t", 1, Limits(60, 100), (Phase("calm", Role.CALM, 60.0, 2.0),), canaries=Canaries(home_per_s=4, away_per_s=0))
    assert offered.of_canaries(plan, ONE) == 4 + 2 + 2


def test_a_scaled_plan_is_the_same_at_other_rates() -> None:
    """Sessions, contests and canaries, and the number of their requests; nothing else changes."""
    plan = Plan("p", "e", "t", 1, Limits(60, 100), (Phase("calm", Role.CALM, 60.0, 2.0),))
    half = plan.scaled(0.5)
    assert (half.phases[0].sessions_per_s, half.traffic.contests_per_s) == (1.0, 0.5)
    assert (half.canaries.home_per_s, half.canaries.away_per_s) == (5.0, 0.5)
    assert half.limits == Limits(60, 50)
    assert half.scaled(2) == plan == plan.scaled(1)


@pytest.mark.parametrize("name", [*available("scenarios/profiles")])
def test_no_hour_of_a_profile_is_above_its_peak(name: str) -> None:
    """A campaign with ten times the traffic counts too."""
    profile = read_profile(Path(locate("scenarios/profiles", name)).stem)
    assert max(profile.factor(region, at_s) for region in ("us-east-1", "eu-west-1") for at_s in range(0, 600, 5)) <= profile.peak
