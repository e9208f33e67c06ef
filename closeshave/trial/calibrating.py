"""The calibration: a short load that rises to the planned rate, on the environment that was just started, before the load that is judged.

It is not part of the run's history. Its customers book like others, but with another tag and another seed, on other days, and before the instant from
which the final state is read. They have no think time, so that a session's cost is seen at once. It ends as soon as the machine has no processor time
left. ``calibration.json`` holds the measurements and the result; :mod:`closeshave.trial.calibration` computes the result.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from closeshave import history, private
from closeshave.caps import offered
from closeshave.clock import Anchor, now_ns
from closeshave.control import processors
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.evidence import resources
from closeshave.environments.evidence.meter import HOST
from closeshave.files import read_lines, record_of, rundir, write_atomically
from closeshave.plan import Phase, Plan, Role
from closeshave.report import rate as told
from closeshave.shapes import RampShape
from closeshave.traffic.generator import Generator, GeneratorFailed
from closeshave.traffic.known_profiles import read_profile
from closeshave.traffic.load import ACCOUNTS_FILE, Load, plan_load
from closeshave.traffic.runfiles import RECORDS
from closeshave.trial import calibration, outlook
from closeshave.trial.calibration import FLOOR, SHARE, CalibrationResult, MachineProcessors, NothingMeasured, Sample, Wanted
from closeshave.trial.starting import describe, options
from closeshave.trial.state import SENDERS, Trial
from closeshave.vocabulary import CALIBRATION

FILE = CALIBRATION
PLACE = "calibration"
"""Directory below the run's in which the senders of the calibration keep their records and logs, while it lasts."""
RISE_S = 18.0
FROM = 0.1
"""The share of the planned rate at which the rising load begins."""
CANARIES_AT = 0.5
"""The share of their planned rates at which canaries probe: about as much as in many calibrated runs."""
SKIPPED_S = 2.0
"""Seconds at the beginning that do not count, because connections are opened and caches are empty."""
LEAST_S = 7.0
"""The calibration lasts at least so long, even on a machine without processor time left, because a shorter one would not be reliable."""
LOOK_S = 1.0
"""Seconds between checks whether the machine has processor time left."""
SEED_APART = 7_919_000_003
"""Added to the plan's seed: with the same seed its requests would have the same idempotency keys as those that are judged later."""
POLL_S = 0.1
QUIET_S = 20.0


class TooLittle(Exception):
    """This machine sustains so little of the plan's rate that no load is sent: the run is inconclusive."""


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """``calibration.json``: what was measured, and the result of ``calibration.decide``."""

    samples: tuple[Sample, ...]
    wanted: Wanted
    machine: MachineProcessors
    found: CalibrationResult


CODEC = TypeAdapter(CalibrationRecord)


@dataclass(slots=True)
class _Counts:
    """How many requests the senders had sent at some instants."""

    at_ns: list[int]
    customers: list[int]
    canaries: list[int]

    def look(self, place: Path) -> None:
        found = [sum(_requests(place, kind)) for kind in SENDERS]
        self.at_ns.append(now_ns())
        self.customers.append(found[0])
        self.canaries.append(found[1])

    def between(self, counted: Sequence[int], from_ns: int, to_ns: int) -> float:
        earlier, later = np.interp([from_ns, to_ns], self.at_ns, counted)
        return float(later - earlier)


def calibrate(trial: Trial) -> None:
    """Find the rate that this machine sustains, and change the trial's plan to that rate.

    Raises :class:`TooLittle` if it is below :data:`closeshave.trial.calibration.FLOOR`, :class:`EnvironmentFailed` if nothing could be measured,
    :class:`GeneratorFailed`, :class:`OSError`.
    """
    written = trial.prepared.written
    machine = MachineProcessors(processors.available(), float(os.cpu_count() or 1))
    trial.say(f"calibrating: a load rises towards the plan's {written.peak_per_s:g} sessions/s, {RISE_S:g} s at most")
    samples = _measured(trial, machine)
    peak = read_profile(written.traffic.profile).peak
    wanted = Wanted(
        written.peak_per_s * peak, offered.of_session(written), written.traffic.contests_per_s, offered.CONTEST_REQUESTS, CANARIES_AT
    )
    try:
        found = calibration.decide(samples, wanted, machine)
    except NothingMeasured as error:
        raise EnvironmentFailed(
            f"the calibration measured nothing ({error}); see {PLACE}/logs, or give --rate-scale X to run without a calibration"
        ) from None
    record = CalibrationRecord(tuple(samples), wanted, machine, found)
    write_atomically(trial.run / FILE, CODEC.dump_json(record, indent=1))
    shutil.rmtree(trial.run / PLACE, ignore_errors=True)
    _go_on(trial, found, machine)


def _go_on(trial: Trial, found: CalibrationResult, machine: MachineProcessors) -> None:
    """Set the rate, write it to the run's files, and report its consequences."""
    trial.prepared = trial.prepared.calibrated(found.scale) if found.scale >= FLOOR else trial.prepared
    prepared = trial.prepared
    rate = replace(
        prepared.rate,
        by="calibration",
        scale=found.scale,
        sessions_per_s=prepared.written.peak_per_s * found.scale,
        processors=machine.processors,
        share_at_most=SHARE,
        cpu_s_per_session=found.cpu_s_per_session,
        standing_cores=found.standing_cores,
        others_cores=found.others_cores,
        least_scale=FLOOR,
    )
    trial.manifest = replace(
        trial.manifest,
        rate=rate,
        rate_scale=prepared.rate_scale,
        lengths_s=tuple(phase.duration for phase in prepared.plan.phases),
        # The run starts here: what the calibration booked does not belong to it.
        anchor=Anchor.take(),
    )
    history.save_manifest(trial.run, trial.manifest)
    describe(trial)
    trial.say(told.sentence(rate))
    if not rate.enough:
        raise TooLittle(told.too_little(rate))
    rundir.write_rerun(trial.run, options(prepared), prepared.inputs.taken)
    for line in outlook.foreseen(prepared):
        trial.say(line)


def _measured(trial: Trial, machine: MachineProcessors) -> list[Sample]:
    """Run the rising load and count. Its senders have ended afterwards, whatever happens."""
    place = trial.run / PLACE
    (place / "logs").mkdir(parents=True, exist_ok=True)
    (place / RECORDS).mkdir(exist_ok=True)
    load = _load(trial, place)
    trial.sample()
    counts = _Counts([], [], [])
    generators: list[Generator] = []
    try:
        for sender in SENDERS:
            generators.append(Generator.start(sender, load))  # noqa: PERF401 - one by one: what has started must be stopped, whatever the next does
        for generator in generators:
            generator.wait_ready(60)
        start_ns = now_ns() + 500_000_000
        for generator in generators:
            generator.go(start_ns)
        end_ns = _watch(trial, machine, place, counts, start_ns, generators)
    finally:
        for generator in generators:
            generator.stop()
    trial.driver.quiesce(trial.serving, QUIET_S)
    return list(_samples(_intervals(trial.run), counts, start_ns + round(SKIPPED_S * 1e9), end_ns))


def _watch(trial: Trial, machine: MachineProcessors, place: Path, counts: _Counts, start_ns: int, generators: Sequence[Generator]) -> int:
    """Wait until the load has risen to its end, or the machine has no processor time left; returns when that was. Raises :class:`GeneratorFailed`."""
    end_ns, look_ns = start_ns + round(RISE_S * 1e9), start_ns + round(LEAST_S * 1e9)
    while (now := now_ns()) < end_ns:
        counts.look(place)
        if dead := [each.kind for each in generators if each.poll() is not None and now_ns() < end_ns]:
            raise GeneratorFailed(f"the load generator for {dead[0]} ended before the calibration did; see {PLACE}/logs")
        if now >= look_ns:
            look_ns += round(LOOK_S * 1e9)
            seen = list(_samples(_intervals(trial.run), counts, start_ns, now))
            if seen and calibration.saturated(seen[-1], machine):
                break
        time.sleep(POLL_S)
    counts.look(place)
    return now_ns()


def _load(trial: Trial, place: Path) -> Load:
    """The rising load, on the trial's own environment and with its customers."""
    plan = _rising(trial.prepared.written)
    load = plan_load(plan, trial.serving, place, f"{trial.manifest.id}-calibration")
    return replace(load, tokens=str(private.place(trial.run) / ACCOUNTS_FILE), days="last", rate_scale=CANARIES_AT)


def _rising(written: Plan) -> Plan:
    """The plan's customers and canaries, without contests, think time and time of day."""
    profile = read_profile(written.traffic.profile)
    phase = Phase("calibration", Role.WARM_UP, RISE_S, written.peak_per_s * profile.peak, RampShape("ramp", FROM, 1.0))
    return replace(
        written,
        seed=written.seed + SEED_APART,
        phases=(phase,),
        faults=(),
        nemesis=None,
        traffic=replace(written.traffic, profile="flat", think_time_scale=0.0, contests_per_s=0.0),
        canaries=replace(
            written.canaries, home_per_s=written.canaries.home_per_s * CANARIES_AT, away_per_s=written.canaries.away_per_s * CANARIES_AT
        ),
    )


@dataclass(frozen=True, slots=True)
class _Interval:
    """One line of the resource sampler."""

    ended_ns: int
    seconds: float
    own_s: float
    others_s: float


def _intervals(run: Path) -> Iterator[_Interval]:
    for line in read_lines(run / resources.SPOOL):
        usage = line["usage"]
        yield _Interval(
            int(line["at_ns"]),
            float(line["interval_s"]),
            sum(float(each["cpu_s"]) for each in usage if each["role"] != HOST),
            sum(float(each.get("others_s") or 0.0) for each in usage if each["role"] == HOST),
        )


def _samples(intervals: Iterable[_Interval], counts: _Counts, from_ns: int, to_ns: int) -> Iterator[Sample]:
    """The intervals that lie completely between the two instants."""
    for one in intervals:
        began_ns = one.ended_ns - round(one.seconds * 1e9)
        if began_ns < from_ns or one.ended_ns > to_ns:
            continue
        yield Sample(
            seconds=one.seconds,
            customers=counts.between(counts.customers, began_ns, one.ended_ns),
            canaries=counts.between(counts.canaries, began_ns, one.ended_ns),
            own_s=one.own_s,
            others_s=one.others_s,
        )


def _requests(place: Path, kind: str) -> Iterator[int]:
    """The number of requests by the senders' own counters. Raises :class:`OSError` for counters that cannot be read."""
    for path in (place / RECORDS).glob(f"{kind}-*.counters.json"):
        try:
            yield int(record_of(path.read_bytes())["requests"])
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise OSError(f"the senders' counters cannot be read: {type(error).__name__}: {error}") from None
