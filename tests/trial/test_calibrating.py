"""What a calibration counts: whole intervals of the sampler, and what the senders had sent at their ends."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from closeshave.clock import Anchor
from closeshave.environments.remote import guard
from closeshave.files.shipped import available, locate
from closeshave.history import Manifest, load_manifest
from closeshave.plan import read_plan
from closeshave.shapes import RampShape
from closeshave.trial import calibrating
from closeshave.trial.calibration import CalibrationResult, MachineProcessors
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare
from closeshave.trial.starting import options
from closeshave.trial.state import Trial

S = 1_000_000_000


def counts(per_s: int, seconds: int) -> calibrating._Counts:
    """Ten readings per second, with a given number of customers' requests and half as many of canaries."""
    at_ns = [S // 10 * index for index in range(10 * seconds + 1)]
    return calibrating._Counts(at_ns, [at * per_s // S for at in at_ns], [at * per_s // 2 // S for at in at_ns])


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, S - 1))
def test_only_whole_intervals_within_the_calibration_count(first: int, length: int, offset_ns: int) -> None:
    """The sampler's seconds do not begin at the same instants as the load's."""
    intervals = [calibrating._Interval(second * S + offset_ns, 1.0, 0.5, 0.25) for second in range(1, 19)]
    found = list(calibrating._samples(intervals, counts(100, 20), first * S, (first + length) * S))
    assert len(found) == (length if offset_ns == 0 and first + length <= 18 else length - 1)
    for one in found:
        assert one.customers == pytest.approx(100, abs=1)
        assert one.canaries == pytest.approx(50, abs=1)
        assert (one.own_s, one.others_s) == (0.5, 0.25)


def test_all_the_samplers_rows_count_except_the_hosts_and_other_programs(tmp_path) -> None:
    """The host's own row would count everything twice. A line that is still being written is read the next time."""
    usage = [
        {"role": "host", "cpu_s": 1.7, "others_s": 0.4},
        {"role": "postgres", "cpu_s": 0.5},
        {"role": "locust", "cpu_s": 0.3},
        {"role": "harness", "cpu_s": 0.1},
    ]
    (tmp_path / "spool").mkdir()
    line = json.dumps({"at_ns": 5 * S, "interval_s": 1.0, "usage": usage})
    (tmp_path / "spool" / "resources.jsonl").write_text(f"{line}\n{line[:40]}")
    (found,) = calibrating._intervals(tmp_path)
    assert (found.ended_ns, found.seconds) == (5 * S, 1.0)
    assert found.own_s == pytest.approx(0.9)
    assert found.others_s == pytest.approx(0.4)


def test_the_rising_load_is_the_plans_own_without_think_times() -> None:
    """Same scenario, mix and customers, up to the planned rate; another seed, so that no request of the judged load is repeated."""
    calibrated = [plan for name in available("scenarios") if (plan := read_plan(locate("scenarios", name))).rate == "auto"]
    assert calibrated
    for written in calibrated:
        rising = calibrating._rising(written)
        (phase,) = rising.phases
        assert phase.sessions_per_s == written.peak_per_s
        assert isinstance(phase.shape, RampShape)
        assert (phase.shape.start, phase.shape.end) == (calibrating.FROM, 1.0)
        assert rising.seed != written.seed
        assert rising.traffic.scenario == written.traffic.scenario
        assert (rising.traffic.think_time_scale, rising.traffic.contests_per_s, rising.faults, rising.nemesis) == (0, 0, (), None)


def test_a_profile_with_a_crowd_is_calibrated_at_its_peak() -> None:
    """The fullest second of the trial is what the machine must sustain."""
    written = prepare("smoke").written
    campaign = replace(written, traffic=replace(written.traffic, profile="campaign"))
    assert calibrating._rising(campaign).phases[0].sessions_per_s > written.peak_per_s


@pytest.mark.parametrize(
    ("scale", "environment", "calibrates", "repeated"),
    [
        (None, None, True, None),
        (1.0, None, False, "1"),
        (0.37, None, False, "0.37"),
        (None, "bookedbarber-enterprise", False, None),
        (0.37, "bookedbarber-enterprise", False, "0.37"),
    ],
)
def test_a_calibration_chooses_the_rate_only_if_the_user_did_not(monkeypatch, scale, environment, calibrates, repeated) -> None:
    """And only on an environment that the harness started; a chosen rate is in the command that repeats the run."""
    monkeypatch.setattr(guard, "unprepared", lambda *_: ())
    prepared = prepare("smoke", environment=environment, rate_scale=scale)
    assert prepared.calibrates is calibrates
    assert prepared.rate.by == ("plan" if scale is None else "option")
    told = options(prepared)
    assert (told[told.index("--rate-scale") + 1] if "--rate-scale" in told else None) == repeated


def test_a_calibrated_trial_is_the_one_that_its_options_repeat() -> None:
    """Rates and lengths, faults and limits."""
    found = prepare("nightly").calibrated(0.61)
    told = options(found)
    again = prepare("nightly", rate_scale=float(told[told.index("--rate-scale") + 1]))
    assert again.plan == found.plan
    assert found.rate.by == "calibration"
    assert not found.calibrates
    assert found.rate.calm_s == pytest.approx(221, abs=1)
    assert found.rate.planned_calm_s == 135


def begun(place: Path, plan: str) -> tuple[Trial, io.StringIO]:
    """A trial of a shipped plan whose environment runs, as far as a calibration needs it; and its output."""
    prepared = prepare(plan)
    manifest = Manifest(
        id="id", plan=plan, environment="e", target="t", seed=1, evidence="rehearsed", version="0", started_at="2026-11-21T00:00:00+00:00",
        anchor=Anchor(1, 2, 3), topology=prepared.definition.topology, lengths_s=tuple(phase.duration for phase in prepared.plan.phases),
    )  # fmt: skip
    said = io.StringIO()
    return Trial(prepared, place, manifest, Display(Console(file=said, width=400)), None), said


def found(scale: float) -> CalibrationResult:
    """A machine that sustains this share of a plan."""
    return CalibrationResult(scale, 1.1, 0.0, 0.25, 0.0037, 0.041, 1.5)


def test_a_smaller_rate_is_written_everywhere_and_shown_before_the_load(tmp_path) -> None:
    """Manifest, fingerprint and repetition have it; the final state is read from then on."""
    trial, said = begun(tmp_path, "nightly")
    calibrating._go_on(trial, found(0.21), MachineProcessors(2, 2))
    assert trial.prepared.plan == prepare("nightly", rate_scale=0.21).plan
    kept = load_manifest(tmp_path)
    assert kept == trial.manifest
    assert kept.rate_scale == 0.21
    assert kept.lengths_s == (10, 560, 35, 45, 70)
    assert kept.anchor.wall_ns > 2
    assert kept.rate is not None
    assert (kept.rate.by, kept.rate.planned_sessions_per_s) == ("calibration", 23)
    assert kept.rate.sessions_per_s == pytest.approx(4.83)
    told = json.loads((tmp_path / "environment.json").read_text())
    assert (told["rate"]["scale"], told["rate"]["cpu_s_per_session"]) == (0.21, 0.041)
    assert told["machine"]["cpu_available"] > 0
    assert "--rate-scale 0.21" in (tmp_path / "rerun.sh").read_text()
    assert (
        "this machine sustains 4.83 sessions/s of the planned 23 sessions/s (at most 55 % of 2 processors; a session costs 41"
        in said.getvalue()
    )
    assert "too few requests on this machine: availability (availability at least 99.99 %) will be inconclusive" in said.getvalue()


@pytest.mark.parametrize("scale", [0.0, 0.19])
def test_below_the_smallest_rate_no_load_is_sent(tmp_path, scale) -> None:
    """The plan is stored as it was written, because it was not carried out."""
    trial, said = begun(tmp_path, "smoke")
    with pytest.raises(calibrating.TooLittle, match="no load was sent"):
        calibrating._go_on(trial, found(scale), MachineProcessors(2, 2))
    kept = load_manifest(tmp_path)
    assert kept.rate is not None
    assert (kept.rate.scale, kept.rate.enough, kept.rate_scale) == (scale, False, 1.0)
    assert trial.prepared.plan == prepare("smoke").plan
    assert not (tmp_path / "rerun.sh").exists()
    assert "this machine sustains" in said.getvalue()
