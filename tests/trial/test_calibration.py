"""The rate that a machine sustains, found in samples of a rising load: never more than its share of the processors, and hardly less."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from closeshave.plan import Limits, Phase, Plan, Role
from closeshave.trial import calibration, fitting
from closeshave.trial.calibrating import CODEC, CalibrationRecord
from closeshave.trial.calibration import SHARE, CalibrationResult, MachineProcessors, NothingMeasured, Sample, Wanted

WANTED = Wanted(sessions_per_s=23, requests_per_session=11, contests_per_s=1, requests_per_contest=10, canaries_at=0.5)
TWO = MachineProcessors(processors=2, present=2)


def rising(standing: float, cpu_s: float, *, others: float = 0.0, most: float = float("inf"), seconds: int = 15) -> list[Sample]:
    """A load from a tenth of 23 sessions/s to all of them, on a platform of which these things are known; nobody takes more than ``most``."""
    found = []
    for second in range(seconds):
        sessions = round(23 * (0.1 + 0.9 * (second + 0.5) / seconds))
        customers, canaries = sessions * 11.0, 30.0
        found.append(Sample(1.0, customers, canaries, min(standing + cpu_s * (customers + canaries), most), others))
    return found


def cores(found: CalibrationResult, scale: float) -> float:
    """What all together take at this share of the planned rates: of sessions, contests and canaries, by another sum than the decision's."""
    return found.standing_cores + 23 * scale * found.cpu_s_per_session + found.cpu_s_per_request * (10 * scale + 60 * scale)


STANDING, COST = st.floats(0, 0.5), st.floats(0.0002, 0.02)


@given(STANDING, COST)
def test_known_costs_are_found(standing: float, cpu_s: float) -> None:
    """The constant use, and the cost of a request and of a session."""
    found = calibration.decide(rising(standing, cpu_s), WANTED, MachineProcessors(1000, 1000))
    assert found.standing_cores == pytest.approx(standing, abs=1e-6)
    assert found.cpu_s_per_request == pytest.approx(cpu_s, rel=1e-6)
    assert found.cpu_s_per_session == pytest.approx(11 * cpu_s, rel=1e-6)


@given(STANDING, COST, st.floats(0.3, 64))
def test_the_rate_fits_and_a_tenth_more_does_not(standing: float, cpu_s: float, processors: float) -> None:
    """On every machine: at most its share of the processors is used, and the rest is no larger than rounding to two digits leaves."""
    found = calibration.decide(rising(standing, cpu_s), WANTED, MachineProcessors(processors, processors))
    assert 0 <= found.scale <= 1
    if found.scale:
        assert cores(found, found.scale) <= SHARE * processors + 1e-9
    if found.scale < 1:
        assert cores(found, max(1.1 * found.scale, fitting.LEAST)) > SHARE * processors - 1e-9


@given(STANDING, COST, st.floats(1, 5))
def test_a_platform_that_costs_more_never_gets_a_higher_rate_and_the_cost_is_shown(standing: float, cpu_s: float, times: float) -> None:
    """Not only the smaller rate shows it, but also the cost of a session."""
    before = calibration.decide(rising(standing, cpu_s), WANTED, MachineProcessors(1000, 1000))
    after = calibration.decide(rising(standing, times * cpu_s), WANTED, MachineProcessors(1000, 1000))
    assert after.cpu_s_per_session == pytest.approx(times * before.cpu_s_per_session, rel=1e-6)
    small = MachineProcessors(2, 2)
    assert (
        calibration.decide(rising(standing, times * cpu_s), WANTED, small).scale
        <= calibration.decide(rising(standing, cpu_s), WANTED, small).scale
    )


@given(STANDING, st.floats(0.004, 0.02))
def test_seconds_in_which_the_machine_was_saturated_do_not_count(standing: float, cpu_s: float) -> None:
    """They would make the platform look cheap: more requests used the same processor time."""
    whole, capped = rising(standing, cpu_s), rising(standing, cpu_s, most=2.0)
    assume(sum(not calibration.saturated(each, TWO) for each in whole) >= calibration.SECONDS_MIN)
    seen, sure = calibration.decide(capped, WANTED, TWO), calibration.decide(whole, WANTED, TWO)
    assert seen.cpu_s_per_request == pytest.approx(sure.cpu_s_per_request, rel=1e-6)
    assert seen.scale == sure.scale


def test_a_machine_that_other_programs_fill_is_saturated_too() -> None:
    """With another program on one of two processors, the other one is full at half of what both would give."""
    one = Sample(1.0, 100, 30, 0.85, 1.0)
    assert calibration.saturated(one, TWO)
    assert not calibration.saturated(replace(one, others_s=0.0), TWO)
    assert not calibration.saturated(replace(one, own_s=0.5), TWO)
    assert not calibration.saturated(replace(one, own_s=0.85), MachineProcessors(1, 2))
    assert calibration.saturated(replace(one, own_s=0.95), MachineProcessors(1, 2))


@given(COST)
def test_a_machine_that_is_saturated_at_once_is_not_overestimated(cpu_s: float) -> None:
    """Too few seconds for a line: all processor time is assigned to the requests, in the second in which a request cost most."""
    samples = [replace(each, own_s=0.5) for each in rising(0.1, cpu_s, seconds=3)]
    found = calibration.decide(samples, WANTED, MachineProcessors(0.5, 2))
    assert found.standing_cores == 0
    assert found.cpu_s_per_request == pytest.approx(0.5 / min(each.customers + each.canaries for each in samples))


@given(STANDING, st.floats(0.008, 0.05))
def test_a_rate_that_is_judged_fits_also_when_the_machine_was_soon_saturated(standing: float, cpu_s: float) -> None:
    """Whatever the constant use: at the decided rate the platform takes no more than its share, if the rate is one at which a run is judged."""
    found = calibration.decide(rising(standing, cpu_s, most=2.0), WANTED, TWO)
    if found.scale >= calibration.FLOOR:
        assert standing + found.scale * cpu_s * (23 * 11 + 10 + 60) <= SHARE * 2 + 1e-9


@pytest.mark.parametrize(
    ("others", "machine", "taken"),
    [
        (0.0, MachineProcessors(2, 2), 0.0),
        (1.0, MachineProcessors(2, 2), 1.0),
        (1.0, MachineProcessors(1, 2), 0.0),
        (1.5, MachineProcessors(1, 2), 0.5),
        (3.0, MachineProcessors(2, 2), 3.0),
    ],
)
def test_the_use_of_other_programs_is_subtracted(others: float, machine: MachineProcessors, taken: float) -> None:
    """But not what they use of processors that the harness may not use."""
    found = calibration.decide(rising(0.1, 0.004, others=others), WANTED, machine)
    assert found.others_cores == pytest.approx(taken)
    assert found.budget_cores == pytest.approx(SHARE * max(0.0, machine.processors - taken))


def test_a_burst_of_other_programs_does_not_lower_the_rate() -> None:
    """A job of three seconds during a calibration of fifteen has no effect on the rate."""
    samples = [replace(each, others_s=2.0 if at in {4, 5, 6} else 0.01) for at, each in enumerate(rising(0.1, 0.004))]
    assert calibration.decide(samples, WANTED, TWO).others_cores == pytest.approx(0.01)


def test_a_platform_that_waits_gets_the_planned_rate() -> None:
    """Whether it answers late, refuses or hangs: it uses no processor time, and fails at the planned rate."""
    late = calibration.decide(rising(0.1, 0.002), WANTED, TWO)
    refusing = calibration.decide([replace(each, customers=each.customers / 9) for each in rising(0.1, 0.0)], WANTED, TWO)
    assert late.scale == refusing.scale == 1.0


def test_a_cost_that_falls_with_the_load_counts_as_zero() -> None:
    """Noise around a load that costs almost nothing: the use is then the constant one."""
    samples = [replace(each, own_s=0.3 - 0.001 * at) for at, each in enumerate(rising(0, 0.0))]
    found = calibration.decide(samples, WANTED, TWO)
    assert found.cpu_s_per_request == 0
    assert found.standing_cores == pytest.approx(0.293)


@pytest.mark.parametrize("samples", [[], [Sample(1, 0, 30, 0.1, 0)], [Sample(0, 9, 30, 0.1, 0)]], ids=["none", "nothing sent", "no time"])
def test_samples_without_evidence_are_refused(samples: list[Sample]) -> None:
    """No rate follows from nothing."""
    with pytest.raises(NothingMeasured):
        calibration.decide(samples, WANTED, TWO)


@given(STANDING, COST)
def test_the_decision_can_be_repeated_from_its_record(standing: float, cpu_s: float) -> None:
    """As it is stored in the run directory."""
    samples = rising(standing, cpu_s)
    kept = CODEC.validate_json(CODEC.dump_json(CalibrationRecord(tuple(samples), WANTED, TWO, calibration.decide(samples, WANTED, TWO))))
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
def test_only_the_calm_phase_gets_longer_up_to_the_limit(
    warm_s: float, calm_s: float, more_s: float, fault_s: float, room_s: float, factor: float
) -> None:
    """It has as many sessions as planned, apart from rounding to seconds, unless the limit of the duration prevents that."""
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
    """And its permission suffices for its greater length."""
    written = plan(warm_s, calm_s, more_s, fault_s, room_s)
    found = fitting.fitted(written, factor)
    assert found.limits.requests <= written.limits.requests
    per_s = written.limits.requests / written.duration_s
    assert found.limits.requests >= min(written.limits.requests, int(per_s * factor * found.duration_s))


@given(st.floats(0.05, 1), st.floats(0.05, 1))
def test_the_same_factor_makes_the_same_plan(one: float, other: float) -> None:
    """For every origin of the factor; a greater factor never makes a longer plan."""
    written = plan(10, 135, 20, 150, 200)
    assert fitting.fitted(written, one) == fitting.fitted(written, one)
    small, large = sorted((one, other))
    assert fitting.fitted(written, small).duration_s >= fitting.fitted(written, large).duration_s
