"""How an environment of ours scales: levels at saturation, with shares of the processors of different sizes for its application, and the law of them.

All processes of the application share one control group, whose quota is the size. Everything else (databases, caches, balancers) is left as it is: so the
law says what more processors for the application would do, and no more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from closeshave import conclusion
from closeshave.capacity import application_quota, directory, quotas, scaling_told
from closeshave.capacity.application_quota import ApplicationQuota
from closeshave.capacity.claimed import rates
from closeshave.capacity.ground import OwnGround
from closeshave.capacity.level import LevelAsk, LevelCause, LevelPurpose, LevelResult
from closeshave.capacity.levelplan import level_plan, written
from closeshave.capacity.levelreading import read
from closeshave.capacity.running import CapacityTask
from closeshave.capacity.scalability import ScalingFit, UnknownScaling, scaling
from closeshave.capacity.scaling_levels import MULTIPLES, ScalingLevel, ScalingStep, measured, next_rate, steps
from closeshave.capacity.states import CALM
from closeshave.control import processors
from closeshave.files import write_atomically
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.judge.evidence.windows import Span
from closeshave.plan import Role
from closeshave.trial.interrupts import Interrupted
from closeshave.trial.preparation import prepare
from closeshave.trial.series import SeriesStopped
from closeshave.vocabulary import SUMMARY, Exit

Say = Callable[[str], None]

RESULT = "scaling.json"
LEVEL_S = 12.0
LEFT_CORES = 1.0
"""Processors that the databases, the balancers and the load keep."""
CORES_LEAST = 0.05
"""Of the smallest size: with less, even the checks of the balancers would time out."""
DISTURBED = frozenset({LevelCause.GENERATOR, LevelCause.MACHINE, LevelCause.REST, LevelCause.FAULT, LevelCause.FAILED})


@dataclass(frozen=True, slots=True)
class ScalingOutcome:
    """What was measured, and what it says."""

    smallest_cores: float
    """Processors of the size 1."""
    levels: tuple[ScalingLevel, ...]
    fit: ScalingFit | UnknownScaling
    claimed_per_s: tuple[float, ...]
    """Rates that the target promises."""
    interrupted: str = ""
    """Why it ended early; empty where it did not."""

    @property
    def exit_code(self) -> Exit:
        """0 where every promised rate is supported; a law that does not describe its levels supports none."""
        if self.interrupted:
            return Exit.INTERRUPTED
        known = (
            isinstance(self.fit, ScalingFit)
            and not self.fit.misfit
            and all(self.fit.support(each).supported for each in self.claimed_per_s)
        )
        return Exit.PASS if known else Exit.INCONCLUSIVE


def smallest_cores(task: CapacityTask) -> float:
    """The processors of size 1 on this machine. Raises :class:`InvalidFile` where sizes cannot be made or are too small."""
    if not isinstance(task.ground, OwnGround):
        raise InvalidFile(
            Problem(
                "--scaling",
                0,
                "",
                "needs an environment that the harness starts: the processors of a remote platform cannot be limited from here",
            )
        )
    if why := quotas.refused(task.prepared.definition.kind):
        raise InvalidFile(Problem("--scaling", 0, "", why))
    available = processors.available()
    smallest = (available - LEFT_CORES) / max(MULTIPLES)
    if smallest < CORES_LEAST:
        most = max(MULTIPLES) * CORES_LEAST
        said = f"{available:g} processors are too few: {LEFT_CORES:g} are left to the rest, and the largest size needs {most:g}"
        raise InvalidFile(Problem("--scaling", 0, "", said))
    return smallest


def run(task: CapacityTask, cores: float, say: Say) -> ScalingOutcome:
    """Drive every size in every repeat, and fit the law; an interruption fits what there is. ``cores``: of size 1.

    Raises :class:`closeshave.environments.errors.EnvironmentFailed`, and :class:`quotas.NoQuota`.
    """
    assert isinstance(task.ground, OwnGround)
    first = max(phase.sessions_per_s for phase in task.plan.phases if phase.role is Role.CALM)
    levels: list[ScalingLevel] = []
    why = ""
    wanted = steps(task.order.seed)
    try:
        with task.ground.serving(task.directory), application_quota.application(task.ground.series.deployed.id) as quota:
            say("first a level without limits, which does not count: customers log in and caches fill")
            _driven(task, wanted[0], first, 0, None)
            for number, step in enumerate(wanted, start=1):
                while (rate := next_rate(step, levels, first)) is not None:
                    say(
                        f"size {step.size:g} ({step.size * cores:.3g} cores), {number} of {len(wanted)}: {rate:.4g} sessions/s for {LEVEL_S:g} s"
                    )
                    quota.limit(step.size * cores)
                    level = _driven(task, step, rate, len(levels) + 1, quota)
                    levels.append(level)
                    say(f"  {told_level(level)}")
    except (SeriesStopped, Interrupted) as stopped:
        why = str(stopped) or "stopped by the operator"
    found = ScalingOutcome(
        cores,
        tuple(levels),
        scaling(measured(levels), task.order.seed),
        tuple(each.per_s for each in rates(task.prepared.target)),
        why,
    )
    write_atomically(task.directory / RESULT, json.dumps(plain(found), indent=1) + "\n")
    return found


def _driven(task: CapacityTask, step: ScalingStep, rate: float, number: int, quota: ApplicationQuota | None) -> ScalingLevel:
    """One level: its plan written, carried out and read; without a limit where no quota is given."""
    assert isinstance(task.ground, OwnGround)
    ask, began_s = LevelAsk(rate, LEVEL_S, LevelPurpose.STEP), time.monotonic()
    path = task.directory / directory.PLANS / f"scaling-{number:02}.yaml"
    write_atomically(path, written(level_plan(replace(task.plan, seed=task.plan.seed + number), ask, CALM, 1.0)))
    inputs = task.prepared.inputs
    series = task.ground.series
    series.mend()
    said = series.trial(prepare(str(path), environment=str(inputs.environment), target=str(inputs.target)), quota.hold if quota else None)
    write_atomically(said.run / SUMMARY, json.dumps(conclusion.summary(said), indent=1) + "\n")
    return of_level(step, rate, read(said, ask, CALM, task.promised, (0.0, time.monotonic() - began_s), None, _no_pools))


def _no_pools(_: Span) -> Mapping[str, float]:
    """What waits where is a question of the search, not of the scaling."""
    return {}


def of_level(step: ScalingStep, rate: float, result: LevelResult) -> ScalingLevel:
    """What the result of a level says of its size. Pure."""
    if result.figures is None:
        return ScalingLevel(step, 0.0, 0.0, rate, result.why or "nothing was measured")
    disturbed = result.why if result.cause in DISTURBED else ""
    return ScalingLevel(step, result.figures.offered_per_s, result.figures.goodput_per_s, rate, disturbed)


def told_level(level: ScalingLevel) -> str:
    """A finished level in a line. Pure."""
    seen = f"{level.goodput_per_s:,.0f} of {level.offered_per_s:,.0f} requests/s answered well"
    if level.disturbed:
        return f"{seen}; does not count: {level.disturbed}"
    return seen if level.saturated else f"{seen}; not saturated"


def sentences(found: ScalingOutcome) -> Sequence[str]:
    """What is said of it, one thing a line. Pure."""
    told = [f"size 1 is {found.smallest_cores:.3g} cores for all processes of the application together"]
    told += scaling_told.sentences(found.fit)
    if isinstance(found.fit, ScalingFit):
        told += [str(found.fit.support(each)) for each in found.claimed_per_s]
    return told


def plain(found: ScalingOutcome) -> dict[str, object]:
    """Plain values. Pure."""
    return {
        "schema": "closeshave.scaling/1",
        "smallest_cores": found.smallest_cores,
        "interrupted": found.interrupted,
        "scaling": scaling_told.plain(found.fit),
        "levels": [
            {
                "size": each.step.size,
                "repeat": each.step.repeat,
                "rate": each.rate,
                "offered_per_s": each.offered_per_s,
                "goodput_per_s": each.goodput_per_s,
                "saturated": each.saturated,
                "disturbed": each.disturbed,
            }
            for each in found.levels
        ],
        "claimed": [
            {"per_s": each, "supported": found.fit.support(each).supported, "extrapolated_per_s": found.fit.support(each).extrapolated}
            for each in found.claimed_per_s
            if isinstance(found.fit, ScalingFit)
        ],
    }
