"""The legs of a gate, carried out: trials on environments that stay up, in the drawn order, judged one by one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave import conclusion
from closeshave.conclusion import Conclusion
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.rollout import rolling
from closeshave.environments.rollout.steps import all_at_once
from closeshave.faults import janitor
from closeshave.files import write_atomically
from closeshave.gate.design import Block, Leg, Side
from closeshave.gate.figures import DISTURBED_MOST, disturbed_share, figures
from closeshave.gate.result import INVARIANTS, BrokenPromise, JudgedBlock, JudgedLeg
from closeshave.gate.rules import Rules
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import spans
from closeshave.judge.verdict import Status
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.report.rate import too_little
from closeshave.trial.preparation import Prepared
from closeshave.trial.series import Series
from closeshave.vocabulary import SUMMARY, Exit

Say = Callable[[str], None]
TOLERATED = frozenset({"host", "rate"})
"""Preconditions that do not spoil a leg: what other programs disturbed is left out of its figures, and a gate's rate is fixed by its first leg."""


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


@contextmanager
def serving(directory: Path, sides: Iterator[GateSide] | tuple[GateSide, ...]) -> Iterator[None]:
    """Start the environments of all sides, and remove them afterwards, also when this process is killed.

    Raises :class:`closeshave.environments.errors.EnvironmentFailed`.
    """
    environments = {id(side.series): side.series for side in sides}.values()
    with ExitStack() as steps:
        for number, environment in enumerate(environments):
            watched = directory / f"environment-{number + 1}"
            (watched / "logs").mkdir(parents=True, exist_ok=True)
            steps.enter_context(janitor.Heartbeat(watched))
            steps.enter_context(_up(environment, watched))
        yield


@contextmanager
def _up(environment: Series, watched: Path) -> Iterator[None]:
    """As a trial owns its environment: a janitor removes it when the harness no longer gives a sign of life."""
    root = environment.choose()
    guard = janitor.start(
        watched, root, (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(watched / "logs"))
    )
    try:
        environment.up()
        yield
    finally:
        try:
            environment.down()
        finally:
            guard.dismiss()


def carry_out(block: Block, sides: dict[Side, GateSide], rules: Rules, scale: float, say: Say) -> JudgedBlock:
    """All legs of a block; it ends early with a leg that spoils it. Raises :class:`closeshave.trial.series.SeriesStopped`."""
    legs: list[JudgedLeg] = []
    for number, leg in enumerate(block.legs, start=1):
        side = sides[leg.side]
        say(f"{block.name}, leg {number} of {len(block.legs)}: {leg.side.value} ({side.label})")
        legs.append(judged(leg, _run(side, leg, scale, say), rules))
        if legs[-1].spoilt:
            break
    return JudgedBlock(block.stage, block.number, block.order, tuple(legs))


def warm_up(side: GateSide, scale: float | None, say: Say) -> float:
    """One trial that does not count: it fills caches and pools, and without ``scale`` finds the rate that this machine sustains. Returns the factor on
    the plan's rates.

    Raises :class:`TooSlow`, :class:`closeshave.trial.series.SeriesStopped`, :class:`EnvironmentFailed`.
    """
    _serve(side, say)
    said = side.series.trial(side.prepared if scale is None else side.prepared.calibrated(scale))
    _keep(said)
    if said.exit_code == Exit.BROKEN:
        raise EnvironmentFailed(
            f"{side.label} cannot be loaded: {said.recorded.manifest.interrupted or 'the environment or the harness failed'}"
        )
    rate = said.recorded.manifest.rate
    if rate is not None and not rate.enough:
        raise TooSlow(too_little(rate))
    return said.recorded.manifest.rate_scale


def _serve(side: GateSide, say: Say) -> None:
    """Make the environment sound, and run this side. A release is rolled out before every leg, also where it runs already: so each leg begins with new
    processes, whatever the drawn order is, and the exact test of shares holds. No customer is there, so all instances are replaced at the same time.

    Raises :class:`closeshave.environments.errors.EnvironmentFailed`.
    """
    side.series.mend()
    if side.release is not None:
        done = rolling.roll(side.series.root, side.release, say, order=all_at_once)
        say(f"release {side.release} is rolled out after {done.took_s:.1f} s")


def _run(side: GateSide, leg: Leg, scale: float, say: Say) -> Conclusion:
    _serve(side, say)
    seeded = replace(
        side.prepared, plan=replace(side.prepared.plan, seed=leg.seed), written=replace(side.prepared.written, seed=leg.seed)
    ).calibrated(scale)
    said = side.series.trial(seeded)
    _keep(said)
    return said


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
