"""A search from its first level to its answer. What decides is pure; what is here only acts, records and asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from closeshave import __version__, conclusion, history
from closeshave.capacity import directory, pools, quotas
from closeshave.capacity.claimed import rates
from closeshave.capacity.directory import CapacityOrder
from closeshave.capacity.ground import Ground
from closeshave.capacity.judging import AVAILABILITY
from closeshave.capacity.level import LevelAsk, LevelResult, LevelStatus
from closeshave.capacity.levelplan import before_s, level_plan, written
from closeshave.capacity.levelreading import read
from closeshave.capacity.result import (
    CapacityAbout,
    CapacityObjective,
    CapacityResult,
    StateCapacity,
    concluded,
    not_searched,
    of_state,
    told,
)
from closeshave.capacity.search import SearchRules, next_level
from closeshave.capacity.states import CALM, FailureState
from closeshave.environments import drivers
from closeshave.faults.catalogue import KINDS
from closeshave.files import write_atomically
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.target import Objective
from closeshave.trial.interrupts import Interrupted
from closeshave.trial.preparation import Prepared, prepare
from closeshave.trial.series import SeriesStopped
from closeshave.vocabulary import MANIFEST, SUMMARY

Say = Callable[[str], None]
STATE_FIRST, STATE_MOST = 0.5, 2.0
"""Under a fault the first level has this share of the calm capacity, and none more than so many times of it."""


@dataclass(frozen=True, slots=True)
class CapacityTask:
    """A search that is ready to start, or to go on."""

    directory: Path
    order: CapacityOrder
    prepared: Prepared
    plan: Plan
    """As written in its file."""
    rules: SearchRules
    """Of the search in calm."""
    states: tuple[FailureState, ...]
    """Besides calm."""
    promised: tuple[Objective, ...]
    ground: Ground


@dataclass(slots=True)
class _Progress:
    """What was found so far, for an end at any time."""

    states: list[StateCapacity] = field(default_factory=list)
    grade: str = ""
    scale: str = ""


def run(task: CapacityTask, say: Say) -> CapacityResult:
    """Drive what is missing, and conclude; an interruption concludes what there is.

    Raises :class:`closeshave.environments.errors.EnvironmentFailed` for an environment that does not start, and :class:`quotas.NoQuota`.
    """
    for line in budget(task):
        say(line)
    progress, why = _Progress(), ""
    try:
        with task.ground.serving(task.directory):
            _search(task, progress, say)
    except (SeriesStopped, Interrupted) as stopped:
        why = str(stopped) or "stopped by the operator"
    found = conclude(task, progress.states or list(_kept(task)), progress, why)
    write_atomically(task.directory / directory.RESULT, json.dumps(told(found), indent=1) + "\n")
    return found


def budget(task: CapacityTask) -> Iterator[str]:
    """What a search takes at most, said before it begins."""
    rules = task.rules
    yield (
        f"each state takes at most {rules.budget_s / 60:g} minutes and {rules.levels_max} levels of {rules.level_s:g} to {rules.level_s_most:g} s, "
        f"from {rules.first:g} to at most {rules.most:,.4g} sessions/s"
    )
    yield f"it holds while {', '.join(_said(one) for one in task.promised)}, and {AVAILABILITY:.0%} of the requests are answered well"


def _said(one: Objective) -> str:
    assert one.percentile is not None
    assert one.at_most is not None
    return f"p{one.percentile * 100:g} ≤ {one.at_most * 1e3:g} ms ({one.id})"


def _search(task: CapacityTask, progress: _Progress, say: Say) -> None:
    calm = _state(task, CALM, task.rules, progress, say)
    for state in task.states:
        rules = state_rules(task, calm, state)
        if isinstance(rules, str):
            say(f"{state.name}: {rules}")
            progress.states.append(not_searched(state.name, rules))
            continue
        _state(task, state, rules, progress, say)


def state_rules(task: CapacityTask, calm: StateCapacity, state: FailureState) -> SearchRules | str:
    """The rules of a search under a fault, or why there is none."""
    if state.needs_quota and drivers.of(task.prepared.definition.kind).ours and task.ground.quota_cores is None:
        return quotas.SHARED
    rate = calm.found.held
    if rate is None:
        return "no rate held in calm, so it is not known at which rate to begin"
    around_s = before_s(state) + KINDS[state.kind].healed_within_s / 2 + 10.0
    first, most = max(rate * STATE_FIRST, 1e-3), min(task.rules.most, rate * STATE_MOST)
    return replace(task.rules, first=min(first, most), most=most, overload=0.0, around_s=around_s)


def _state(task: CapacityTask, state: FailureState, rules: SearchRules, progress: _Progress, say: Say) -> StateCapacity:
    """Search one state; what is found is in the progress, also when it is stopped on the way."""
    levels = list(directory.kept(task.directory, state.name))
    if levels:
        say(f"{state.name}: continued after {counted(len(levels), 'finished level')}")
    began_s = time.monotonic() - sum(one.took_s for one in levels)
    place = len(progress.states)
    progress.states.append(of_state(state.name, rules, levels, task.ground.quota_cores))
    while (ask := next_level(rules, levels)) is not None:
        say(f"{state.name}, level {len(levels) + 1} ({ask.purpose.value}): {ask.rate:.4g} sessions/s for {ask.length_s:g} s")
        result = _drive(task, state, ask, levels, began_s, progress)
        directory.keep(task.directory, state.name, result)
        levels.append(result)
        say(f"  {told_level(result)}")
        progress.states[place] = of_state(state.name, rules, levels, task.ground.quota_cores)
    return progress.states[place]


def _drive(
    task: CapacityTask, state: FailureState, ask: LevelAsk, levels: Sequence[LevelResult], began_s: float, progress: _Progress
) -> LevelResult:
    """One level: its plan written, carried out, judged and read."""
    started_s = time.monotonic()
    plan = level_plan(replace(task.plan, seed=task.plan.seed + len(levels)), ask, state, task.rules.overload or 1.0)
    path = task.directory / directory.PLANS / f"{state.slug}-{len(levels) + 1:02}.yaml"
    write_atomically(path, written(plan))
    inputs = task.prepared.inputs
    said = task.ground.trial(prepare(str(path), environment=str(inputs.environment), target=str(inputs.target)))
    write_atomically(said.run / SUMMARY, json.dumps(conclusion.summary(said), indent=1) + "\n")
    progress.grade = str(said.recorded.manifest.evidence)
    idle_ms = next((one.idle_ms for one in reversed(levels) if one.idle_ms is not None and one.rested_s is not None), None)
    took_s = time.monotonic() - started_s
    return read(said, ask, state, task.promised, (started_s - began_s, took_s), idle_ms, partial(pools.during, task.directory / pools.FILE))


def told_level(result: LevelResult) -> str:
    """A finished level in a line."""
    figures = result.figures
    seen = "" if figures is None else f"{figures.offered_per_s:,.0f} requests/s"
    if figures is not None and figures.p95_s is not None:
        seen += f", p95 {figures.p95_s * 1e3:,.0f} ms"
    cause = f" ({result.cause.value})" if result.status is LevelStatus.UNKNOWN else ""
    return "; ".join(filter(None, (f"{result.status.value}{cause}", seen, result.why)))


def _kept(task: CapacityTask) -> Iterator[StateCapacity]:
    """What an earlier call found, where this one was stopped before it began."""
    levels = directory.kept(task.directory, CALM.name)
    if levels:
        yield of_state(CALM.name, task.rules, levels, task.ground.quota_cores)


def conclude(task: CapacityTask, states: Sequence[StateCapacity], progress: _Progress, interrupted: str) -> CapacityResult:
    """The answer of what was found."""
    about = CapacityAbout(
        plan=task.plan.name,
        environment=task.prepared.definition.name,
        target=task.prepared.target.name,
        grade=progress.grade or _grade(task, states),
        seed=task.order.seed,
        started_at=task.order.started_at,
        version=__version__,
        scale=_scale(task),
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        quota_cores=task.ground.quota_cores,
    )
    objectives = tuple(
        CapacityObjective(one.id, one.percentile, one.at_most)
        for one in task.promised
        if one.percentile is not None and one.at_most is not None
    )
    stopped = interrupted or ("the search under a fault is missing" if _missing(task, states) else "")
    return concluded(about, objectives, AVAILABILITY, states, rates(task.prepared.target), stopped)


def _missing(task: CapacityTask, states: Sequence[StateCapacity]) -> bool:
    return len(states) < 1 + len(task.states)


def _grade(task: CapacityTask, states: Sequence[StateCapacity]) -> str:
    """Of the newest run that is still there: a search that is only concluded again starts nothing."""
    for state in states:
        for level in reversed(state.levels):
            run = task.directory / level.run
            if level.run and (run / MANIFEST).is_file():
                return str(history.load_manifest(run).evidence)
    return ""


def _scale(task: CapacityTask) -> str:
    topology = task.prepared.definition.topology
    quota = f", {task.ground.quota_cores:g} cores for each region" if task.ground.quota_cores is not None else ""
    return f"{counted(len(topology.regions), 'region')} and {counted(len(topology.shards), 'shard')}{quota}"
