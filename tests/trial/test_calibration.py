"""What a machine sustains, found in samples of a rising load: never more than its share of the processors, and hardly less."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from closeshave.plan import Limits, Phase, Plan, Role
from closeshave.trial import calibration, fitting
from closeshave.trial.calibrating import CODEC, Record
from closeshave.trial.calibration import SHARE, Found, Machine, NothingMeasured, Sample, Wanted

WANTED = Wanted(sessions_per_s=23, requests_per_session=11, contests_per_s=1, requests_per_contest=10, canaries_at=0.5)
TWO = Machine(processors=2, present=2)


def rising(standing: float, cpu_s: float, *, others: float = 0.0, most: float = float("inf"), seconds: int = 15) -> list[Sample]:
    """A load from a tenth of 23 sessions/s to all of them, on a platform of which these things are known; nobody takes more than ``most``."""
    found = []
    for second in range(seconds):
        sessions = round(23 * (0.1 + 0.9 * (second + 0.5) / seconds))
        customers, canaries = sessions * 11.0, 30.0
        found.append(Sample(1.0, customers, canaries, min(standing + cpu_s * (customers + canaries), most), others))
    return found


def cores(found: Found, scale: float) -> float:
    """What all together take at this share of the planned rates: of sessions, contests and canaries, by another sum than the decision's."""
    return found.standing_cores + 23 * scale * found.cpu_s_per_session + found.cpu_s_per_request * (10 * scale + 60 * scale)


STANDING, COST = st.floats(0, 0.5), st.floats(0.0002, 0.02)


@given(STANDING, COST)
def test_what_is_known_is_found(standing: float, cpu_s: float) -> None:
    """What stands whatever the load is, and what a request and a session cost."""
    found = calibration.decide(rising(standing, cpu_s), WANTED, Machine(1000, 1000))
    assert found.standing_cores == pytest.approx(standing, abs=1e-6)
    assert found.cpu_s_per_request == pytest.approx(cpu_s, rel=1e-6)
    assert found.cpu_s_per_session == pytest.approx(11 * cpu_s, rel=1e-6)


@given(STANDING, COST, st.floats(0.3, 64))
def test_the_rate_fits_and_a_tenth_more_does_not(standing: float, cpu_s: float, processors: float) -> None:
    """Whatever the machine: at most its share of the processors is used, and no more is left unused than rounding to two digits leaves."""
    found = calibration.decide(rising(standing, cpu_s), WANTED, Machine(processors, processors))
    assert 0 <= found.scale <= 1
    if found.scale:
        assert cores(found, found.scale) <= SHARE * processors + 1e-9
    if found.scale < 1:
        assert cores(found, max(1.1 * found.scale, fitting.LEAST)) > SHARE * processors - 1e-9


@given(STANDING, COST, st.floats(1, 5))
def test_a_platform_that_costs_more_never_gets_more_and_shows_it(standing: float, cpu_s: float, times: float) -> None:
    """The smaller rate is not all that tells: the cost of a session does."""
    before = calibration.decide(rising(standing, cpu_s), WANTED, Machine(1000, 1000))
    after = calibration.decide(rising(standing, times * cpu_s), WANTED, Machine(1000, 1000))
    assert after.cpu_s_per_session == pytest.approx(times * before.cpu_s_per_session, rel=1e-6)
    small = Machine(2, 2)
    assert (
        calibration.decide(rising(standing, times * cpu_s), WANTED, small).scale
        <= calibration.decide(rising(standing, cpu_s), WANTED, small).scale
    )


@given(STANDING, st.floats(0.004, 0.02))
def test_seconds_in_which_the_machine_had_no_more_to_give_do_not_count(standing: float, cpu_s: float) -> None:
    """They would make the platform look cheap: asked for more, it took the same."""
    whole, capped = rising(standing, cpu_s), rising(standing, cpu_s, most=2.0)
    assume(sum(not calibration.saturated(each, TWO) for each in whole) >= calibration.SECONDS_MIN)
    seen, sure = calibration.decide(capped, WANTED, TWO), calibration.decide(whole, WANTED, TWO)
    assert seen.cpu_s_per_request == pytest.approx(sure.cpu_s_per_request, rel=1e-6)
    assert seen.scale == sure.scale


def test_a_machine_that_others_fill_is_saturated_too() -> None:
    """Beside a neighbour on one of two processors the other one is full at half of what both would give."""
    one = Sample(1.0, 100, 30, 0.85, 1.0)
    assert calibration.saturated(one, TWO)
    assert not calibration.saturated(replace(one, others_s=0.0), TWO)
    assert not calibration.saturated(replace(one, own_s=0.5), TWO)
    assert not calibration.saturated(replace(one, own_s=0.85), Machine(1, 2))
    assert calibration.saturated(replace(one, own_s=0.95), Machine(1, 2))


@given(COST)
def test_a_machine_that_is_full_at_once_is_not_taken_for_more_than_it_gave(cpu_s: float) -> None:
    """Too few seconds for a line: all that was used is charged to the requests."""
    samples = [replace(each, own_s=0.5) for each in rising(0.1, cpu_s, seconds=3)]
    found = calibration.decide(samples, WANTED, Machine(0.5, 2))
    assert found.standing_cores == 0
    assert found.cpu_s_per_request == pytest.approx(1.5 / sum(each.customers + each.canaries for each in samples))


@pytest.mark.parametrize(
    ("others", "machine", "taken"),
    [
        (0.0, Machine(2, 2), 0.0),
        (1.0, Machine(2, 2), 1.0),
        (1.0, Machine(1, 2), 0.0),
        (1.5, Machine(1, 2), 0.5),
        (3.0, Machine(2, 2), 3.0),
    ],
)
def test_what_others_take_is_not_ours(others: float, machine: Machine, taken: float) -> None:
    """But what they take of processors that we may not use anyway costs us nothing."""
    found = calibration.decide(rising(0.1, 0.004, others=others), WANTED, machine)
    assert found.others_cores == pytest.approx(taken)
    assert found.budget_cores == pytest.approx(SHARE * max(0.0, machine.processors - taken))


def test_a_burst_of_others_is_not_all_the_time() -> None:
    """A job of three seconds beside a calibration of fifteen takes nothing from the rate."""
    samples = [replace(each, others_s=2.0 if at in {4, 5, 6} else 0.01) for at, each in enumerate(rising(0.1, 0.004))]
    assert calibration.decide(samples, WANTED, TWO).others_cores == pytest.approx(0.01)


def test_a_platform_that_waits_gets_the_planned_rate() -> None:
    """Whether it answers late, refuses or hangs: it takes no processor time, and fails at the rate that was planned."""
    late = calibration.decide(rising(0.1, 0.002), WANTED, TWO)
    refusing = calibration.decide([replace(each, customers=each.customers / 9) for each in rising(0.1, 0.0)], WANTED, TWO)
    assert late.scale == refusing.scale == 1.0


def test_a_cost_that_falls_with_the_load_is_none() -> None:
    """Noise around a load that costs next to nothing: what was used is then what stands."""
    samples = [replace(each, own_s=0.3 - 0.001 * at) for at, each in enumerate(rising(0, 0.0))]
    found = calibration.decide(samples, WANTED, TWO)
    assert found.cpu_s_per_request == 0
    assert found.standing_cores == pytest.approx(0.293)


@pytest.mark.parametrize("samples", [[], [Sample(1, 0, 30, 0.1, 0)], [Sample(0, 9, 30, 0.1, 0)]], ids=["none", "nothing sent", "no time"])
def test_samples_that_say_nothing_are_refused(samples: list[Sample]) -> None:
    """Nothing is no rate."""
    with pytest.raises(NothingMeasured):
        calibration.decide(samples, WANTED, TWO)


@given(STANDING, COST)
def test_the_decision_can_be_made_again_of_its_record(standing: float, cpu_s: float) -> None:
    """As it lies in the run directory."""
    samples = rising(standing, cpu_s)
    kept = CODEC.validate_json(CODEC.dump_json(Record(tuple(samples), WANTED, TWO, calibration.decide(samples, WANTED, TWO))))
    assert calibration.decide(kept.samples, kept.wanted, kept.machine) == kept.found


RATES = st.floats(fitting.LEAST, fitting.MOST)
LENGTHS = st.floats(1, 400)


def plan(warm_s: float, calm_s: float, more_s: float, fault_s: float, room_s: float) -> Plan:
    """Two calm phases, and faults after them; ``room_s`` is left within its limit of time."""
    phases = (
        Phase("warm-up", Role.WARM_UP, warm_s, 18),
        Phase("calm", Role.CALM, calm_s, 23),
        Phase("broken", Role.FAULT, fault_s, 20),
        Phase("after", Role.CALM, more_s, 20),
    )
    return Plan("p", "e", "t", 1, Limits(warm_s + calm_s + more_s + fault_s + room_s, 200_000), phases)


def calm_sessions(one: Plan) -> float:
    """That arrive in calm, on average."""
    return sum(phase.duration * phase.sessions_per_s for phase in one.phases if phase.role is Role.CALM)


@given(LENGTHS, LENGTHS, LENGTHS, LENGTHS, st.floats(0, 800), RATES)
def test_calm_grows_as_far_as_it_may_and_no_other_phase_does(
    warm_s: float, calm_s: float, more_s: float, fault_s: float, room_s: float, factor: float
) -> None:
    """It brings as many sessions as planned, less at the most what rounding to seconds takes, unless the limit of time is in the way."""
    written = plan(warm_s, calm_s, more_s, fault_s, room_s)
    found = fitting.fitted(written, factor)
    assert [phase.duration for phase in found.phases if phase.role is not Role.CALM] == [warm_s, fault_s]
    assert all(new.duration >= old.duration for new, old in zip(found.phases, written.phases, strict=True))
    assert found.duration_s <= max(written.limits.duration, written.duration_s) + 1e-6
    assert [phase.sessions_per_s for phase in found.phases] == pytest.approx([phase.sessions_per_s * factor for phase in written.phases])
    if factor >= 1:
        assert found == written.scaled(factor)
        return
    rounding = 2 * fitting.STEP_S * 23 * factor
    assert calm_sessions(found) <= calm_sessions(written) + 1e-6
    full = found.duration_s >= written.limits.duration - 2 * fitting.STEP_S
    assert full or calm_sessions(found) >= calm_sessions(written) - rounding - 1e-6


@given(LENGTHS, LENGTHS, LENGTHS, LENGTHS, st.floats(0, 800), st.floats(fitting.LEAST, 1))
def test_a_smaller_plan_never_sends_more_than_was_allowed(
    warm_s: float, calm_s: float, more_s: float, fault_s: float, room_s: float, factor: float
) -> None:
    """And what it is allowed is enough for its greater length."""
    written = plan(warm_s, calm_s, more_s, fault_s, room_s)
    found = fitting.fitted(written, factor)
    assert found.limits.requests <= written.limits.requests
    per_s = written.limits.requests / written.duration_s
    assert found.limits.requests >= min(written.limits.requests, int(per_s * factor * found.duration_s))


@given(st.floats(0.05, 1), st.floats(0.05, 1))
def test_the_same_factor_makes_the_same_plan(one: float, other: float) -> None:
    """Whoever found it; and a greater one never makes a longer one."""
    written = plan(10, 135, 20, 150, 200)
    assert fitting.fitted(written, one) == fitting.fitted(written, one)
    small, large = sorted((one, other))
    assert fitting.fitted(written, small).duration_s >= fitting.fitted(written, large).duration_s
