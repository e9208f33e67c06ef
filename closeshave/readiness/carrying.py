"""Carries out what a ledger lacks: trials and rounds of probes, one environment after the other. A run that ended is kept: the next call goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.console import Console

from closeshave.conclusion import publish
from closeshave.environments import drivers
from closeshave.environments.definition import Definition, read_definition
from closeshave.files.shipped import available, locate
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.plan import read_plan
from closeshave.probes import carrying, record
from closeshave.readiness.due import AROUND_S, CALIBRATION_S, ROUND_S, DueWork, TargetWork
from closeshave.target import Target
from closeshave.trial.preparation import prepare
from closeshave.trial.series import Series, watched

FOLDER = "scenarios"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WorkPlaces:
    """Where runs are written."""

    trials: Path
    rounds: Path
    beside: Path
    """For the signs of life and logs of environments."""


@dataclass(frozen=True, slots=True)
class ListedWork:
    """What a target has to be carried out."""

    work: tuple[TargetWork, ...]
    unfit: tuple[str, ...] = ()
    """A sentence for each plan that cannot run on the environment that was named: its promises stay without it."""


def listed(target: Target, called: str, environment: str | None) -> ListedWork:
    """The plans of a target, and a round of its probes, on ``environment`` (a file or name) or each on its own.

    Raises :class:`InvalidFile`: also for an environment that the harness does not start, where a person must permit each run.
    """
    if environment is not None:
        _refuse_platform(read_definition(locate("environments", environment)), environment)
    found: list[TargetWork] = []
    unfit: list[str] = []
    for name in target.plans or tuple(_naming(target)):
        try:
            found.append(_of_plan(name, called, environment))
        except InvalidFile as error:
            if environment is None:
                raise
            unfit.append(f"{name} cannot run on {environment}: {error.problems[0].message}")
    if any(claim.probes for claim in target.claims):
        where = environment or (found[0].file if found else None)
        if where is not None:
            asked = carrying.question(where, called, (), ())
            found.append(TargetWork(record.NAME, record.NAME, asked.definition.name, where, ROUND_S))
    if not found:
        why = "; ".join(unfit) or f"no plan in {FOLDER}/ names {target.name}; name some, or make one with this target"
        raise InvalidFile(Problem(called, 0, "plans", why))
    return ListedWork(tuple(found), tuple(unfit))


def carry_out(due: Sequence[DueWork], called: str, places: WorkPlaces, console: Console, say: Say) -> None:
    """All of it. Raises :class:`closeshave.trial.series.SeriesStopped`, and :class:`closeshave.environments.errors.EnvironmentFailed`."""
    number = 0
    for environment, several in groupby(due, key=lambda one: one.work.environment):
        work = list(several)
        series = Series(places.trials, console, work[0].work.file)
        say(f"starting {environment}")
        with watched(series, places.beside / environment):
            for one in work:
                number += 1
                say(f"{number} of {len(due)}: {one.work.called} on {environment}")
                series.mend()
                if one.work.is_round:
                    question = carrying.question(one.work.file, called, (), ())
                    carrying.carry_out(question, places.rounds, series.root, say, _nothing_to_remove, strain=True)
                else:
                    concluded = series.trial(prepare(one.work.called, environment=one.work.file, target=called))
                    publish(concluded)


def _nothing_to_remove() -> None:
    """The environment of a round is that of the trials before it."""


def _of_plan(name: str, called: str, environment: str | None) -> TargetWork:
    prepared = prepare(name, environment=environment, target=called)
    definition, plan = prepared.definition, prepared.written
    _refuse_platform(definition, str(prepared.inputs.environment))
    lasts_s = plan.duration_s + AROUND_S + (CALIBRATION_S if plan.rate == "auto" else 0.0)
    return TargetWork(name, plan.name, definition.name, str(prepared.inputs.environment), lasts_s)


def _refuse_platform(definition: Definition, file: str) -> None:
    if not drivers.of(definition.kind).ours:
        ask = "there 'closeshave run' and 'closeshave probe' ask for permission"
        message = f"--run starts environments itself, and {definition.name} is a platform: {ask}"
        raise InvalidFile(Problem(file, 0, "kind", message))


def _naming(target: Target) -> Iterator[str]:
    """The plans at hand that name this target."""
    for name in available(FOLDER):
        try:
            plan = read_plan(locate(FOLDER, name))
        except (InvalidFile, OSError):
            continue
        if plan.target == target.name:
            yield name
