"""The legs of a gate, carried out: trials on environments that stay up, in the drawn order, judged one by one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from closeshave import conclusion
from closeshave.conclusion import Conclusion
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.rollout import rolling
from closeshave.environments.rollout.steps import all_at_once
from closeshave.files import write_atomically
from closeshave.gate.design import Block, Leg, Side
from closeshave.gate.figures import DISTURBED_MOST, disturbed_share, endless, figures, rates_per_s
from closeshave.gate.pace import LegTimes, leg_times
from closeshave.gate.result import INVARIANTS, BrokenPromise, JudgedBlock, JudgedLeg
from closeshave.gate.rules import Rules
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import spans
from closeshave.judge.measures.processor import sender_cpu_ms_per_request
from closeshave.judge.verdict import Status
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.report.rate import too_little
from closeshave.trial import fitting, series
from closeshave.trial.preparation import Prepared
from closeshave.trial.series import Series
from closeshave.trial.state import CALIBRATING, LOGGING_IN
from closeshave.vocabulary import SUMMARY, Exit

Say = Callable[[str], None]
TOLERATED = frozenset({"host", "rate"})
"""Preconditions that do not spoil a leg: what other programs disturbed is left out of its figures, and a gate's rate is fixed by its first leg."""


RENEWAL_S = 2.0
"""How long customers who are logged in take before a leg, where that was not measured yet."""


class TooSlow(Exception):
    """This machine sustains so little of the plan's rate that no leg would say anything; the message is for a person."""


@dataclass(frozen=True, slots=True)
class GateSide:
    """One side of a gate, ready to be loaded."""

    label: str
    prepared: Prepared
    series: Series
    """Of both sides the same, where they share an environment."""
    release: str | None = None
    """The release that the environment must run for this side; without it, the one with which it starts."""

    @property
    def logged_in(self) -> bool:
        """Whether the customers of its environment are logged in already."""
        kept = self.series.logins
        return kept is not None and bool(kept.of(self.series.deployed.id))


@dataclass(frozen=True, slots=True)
class WarmedUp:
    """What a warm-up found."""

    scale: float
    """The factor on the plan's rates that it had."""
    times: LegTimes | None = None
    """What a leg takes that is like it; ``None`` where it ended before its load."""
    per_s: Mapping[str, float] = field(default_factory=dict)
    """Key operation → its requests per second."""


@contextmanager
def serving(directory: Path, sides: Iterator[GateSide] | tuple[GateSide, ...]) -> Iterator[None]:
    """Start the environments of all sides, and remove them afterwards, also when this process is killed.

    Raises :class:`closeshave.environments.errors.EnvironmentFailed`.
    """
    environments = {id(side.series): side.series for side in sides}.values()
    with ExitStack() as steps:
        for number, environment in enumerate(environments):
            steps.enter_context(series.watched(environment, directory / f"environment-{number + 1}"))
        yield


def carry_out(block: Block, sides: dict[Side, GateSide], rules: Rules, scale: float, say: Say) -> JudgedBlock:
    """All legs of a block; it ends early with a leg that spoils it. Raises :class:`closeshave.trial.series.SeriesStopped`."""
    legs: list[JudgedLeg] = []
    for number, leg in enumerate(block.legs, start=1):
        side = sides[leg.side]
        say(f"{block.name}, leg {number} of {len(block.legs)}: {leg.side.value} ({side.label})")
        began_s = time.monotonic()
        _serve(side, say)
        served_s = time.monotonic()
        said = _run(side, leg, scale)
        legs.append(replace(judged(leg, said, rules), times=_times(side, said, began_s, served_s)))
        if legs[-1].spoilt:
            break
    return JudgedBlock(block.stage, block.number, block.order, tuple(legs))


def warm_up(side: GateSide, scale: float | None, rules: Rules, say: Say) -> WarmedUp:
    """One trial that does not count: it fills caches and pools, logs customers in, and without ``scale`` finds the rate that this machine sustains. It is
    as long as the plan, also at a lower rate.

    Raises :class:`TooSlow`, :class:`closeshave.trial.series.SeriesStopped`, :class:`EnvironmentFailed`.
    """
    began_s = time.monotonic()
    _serve(side, say)
    served_s = time.monotonic()
    new = not side.logged_in
    said = side.series.trial(_as_long_as_planned(side.prepared, scale))
    _keep(said)
    if said.exit_code == Exit.BROKEN:
        raise EnvironmentFailed(
            f"{side.label} cannot be loaded: {said.recorded.manifest.interrupted or 'the environment or the harness failed'}"
        )
    rate = said.recorded.manifest.rate
    if rate is not None and not rate.enough:
        raise TooSlow(too_little(rate))
    once = (LOGGING_IN,) if new and side.logged_in else ()
    times = _times(side, said, began_s, served_s, (CALIBRATING, *once))
    if times is not None and once:
        times = replace(times, before_s=times.before_s + RENEWAL_S)
    evidence = Evidence(said.recorded, said.plan, said.target)
    return WarmedUp(said.recorded.manifest.rate_scale, times, rates_per_s(evidence, [rule.metric for rule in rules.metrics]))


def _as_long_as_planned(prepared: Prepared, scale: float | None) -> Prepared:
    """The same trial whose calm phases are not lengthened at a lower rate: nothing of a warm-up is counted."""
    written = replace(prepared.written, limits=replace(prepared.written.limits, duration=prepared.written.duration_s))
    shorter = replace(prepared, written=written)
    return replace(shorter, plan=fitting.fitted(written, prepared.rate_scale)) if scale is None else shorter.calibrated(scale)


def _serve(side: GateSide, say: Say) -> None:
    """Make the environment sound, and run this side. A release is rolled out before every leg, also where it runs already: so each leg begins with new
    processes, whatever the drawn order is, and the exact test of shares holds. No customer is there, so all instances are replaced at the same time.

    Raises :class:`closeshave.environments.errors.EnvironmentFailed`.
    """
    side.series.mend()
    if side.release is not None:
        done = rolling.roll(side.series.root, side.release, say, order=all_at_once, start=side.series.interpreter.of)
        say(f"release {side.release} is rolled out after {done.took_s:.1f} s")


def _run(side: GateSide, leg: Leg, scale: float) -> Conclusion:
    seeded = replace(
        side.prepared, plan=replace(side.prepared.plan, seed=leg.seed), written=replace(side.prepared.written, seed=leg.seed)
    ).calibrated(scale)
    said = side.series.trial(seeded)
    _keep(said)
    return said


def _times(side: GateSide, said: Conclusion, began_s: float, served_s: float, aside: Collection[str] = ()) -> LegTimes | None:
    """What a leg took that is judged just now."""
    phases = said.recorded.manifest.phases
    if not phases:
        return None
    load = (phases[0].started_ns / 1e9, phases[-1].ended_ns / 1e9)
    return leg_times(began_s, served_s, side.series.steps, load, time.monotonic(), aside)


def _keep(said: Conclusion) -> None:
    """Its verdicts; 'closeshave report' makes the rest of its report, if anybody wants it."""
    write_atomically(said.run / SUMMARY, json.dumps(conclusion.summary(said), indent=1) + "\n")


def judged(leg: Leg, said: Conclusion, rules: Rules) -> JudgedLeg:
    """What a leg says. Pure."""
    evidence = Evidence(said.recorded, said.plan, said.target)
    measured = figures(evidence, [rule.metric for rule in rules.metrics]) if said.exit_code != Exit.BROKEN else {}
    disturbed = disturbed_share(evidence, spans(said.recorded.manifest, "calm"))
    return JudgedLeg(
        side=leg.side,
        run=said.run.name,
        seed=leg.seed,
        figures=measured,
        disturbed=disturbed,
        endless=endless(evidence, [rule.metric for rule in rules.metrics]) if said.exit_code != Exit.BROKEN else (),
        broken=tuple(
            BrokenPromise(leg.side, said.run.name, verdict.id, verdict.reason)
            for verdict in said.assessment.verdicts
            if verdict.status is Status.FAIL
            and (verdict.gates or verdict.waived is not None)
            and kind_of(verdict) is not VerdictKind.PRECONDITION
            # As of its figures: no response time of a leg counts that was disturbed for most of its time. No noisy machine loses a booking.
            and (disturbed <= DISTURBED_MOST or verdict.id.startswith(INVARIANTS))
        ),
        spoilt=_spoilt(said),
        sender_cpu_ms=sender_cpu_ms_per_request(evidence, spans(said.recorded.manifest, "calm")),
    )


def _spoilt(said: Conclusion) -> str:
    """Why a leg cannot be used; empty where it can."""
    if said.exit_code in {Exit.BROKEN, Exit.SAFETY}:
        return said.recorded.manifest.interrupted or "the environment or the harness failed"
    for verdict in said.assessment.verdicts:
        if (
            verdict.gates
            and verdict.status is not Status.PASS
            and kind_of(verdict) is VerdictKind.PRECONDITION
            and verdict.measure not in TOLERATED
        ):
            return f"{verdict.id}: {verdict.reason}"
    return ""
