"""Finds everything that is wrong with a trial before anything is started."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from closeshave import extensions
from closeshave.environments.definition import Definition, read_definition
from closeshave.environments.remote.definition import Remote
from closeshave.files.rundir import Inputs
from closeshave.files.shipped import locate
from closeshave.files.taken import Taken
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.plan import Plan, read_plan
from closeshave.shapes import Replayed
from closeshave.target import read_target
from closeshave.trial import fitting, gamedays
from closeshave.trial.checks.disruptions import calls, drawn_faults, drill_problems, fault_problems, hook_problems, nemesis_problems
from closeshave.trial.checks.platform import account_problems, conventions_problems, production_problems
from closeshave.trial.checks.probing import probe_problems, round_problems
from closeshave.trial.checks.promises import alert_problems, target_problems
from closeshave.trial.checks.scripts import scenario_problems, with_own_file
from closeshave.trial.checks.sending import canary_problems, sending_problems
from closeshave.trial.prepared import Prepared

__all__ = ["Prepared", "check_disk", "prepare"]

DISK_BYTES_MIN = 1 << 30
"""A run writes some hundred megabytes; with less than this free it does not start, instead of failing in the middle."""


def prepare(
    plan: str,
    *,
    environment: str | None = None,
    target: str | None = None,
    seed: int | None = None,
    processes: int | None = None,
    rate_scale: float | None = None,
    accounts: Path | None = None,
    taken: tuple[Taken, ...] = (),
) -> Prepared:
    """Read the plan and the files that it (or the command) names, and check that they fit together.

    ``rate_scale`` multiplies the rates of sessions, contests and canaries; without it they are the plan's, until a calibration finds what this
    machine sustains where the plan asks for one. ``accounts`` is another file of customers than the environment's. ``taken`` says where these options
    came from. Raises :class:`InvalidFile` with every problem found: everything that is known without asking the platform, for ``validate`` as for
    ``run``; also when an installed package adds something that cannot be used.
    """
    extensions.refuse_broken()
    scale = 1.0 if rate_scale is None else rate_scale
    if not 0 < scale <= fitting.MOST:
        raise InvalidFile(Problem("--rate-scale", 0, "", f"{scale:g} is not above 0 and at most {fitting.MOST:g}"))
    plan_path = locate("scenarios", plan)
    read = with_own_file(_read_plan(plan_path, target), plan_path)
    if seed is not None:
        read = replace(read, seed=seed)
    if processes is not None:
        read = replace(read, traffic=replace(read.traffic, processes=processes))
    if scale != 1 and any(isinstance(phase.shape, Replayed) for phase in read.phases):
        raise InvalidFile(Problem(str(plan_path), 0, "", "arrivals that are replayed from a file cannot be scaled by --rate-scale"))
    written, read = read, fitting.fitted(read, scale)
    inputs = Inputs(
        plan=plan_path,
        target=_found(plan_path, "target", "environments/targets", target or read.target),
        environment=_found(plan_path, "environment", "environments", environment or read.environment),
        taken=taken,
    )
    definition = read_definition(inputs.environment)
    experiments = (call.experiment for call in calls(definition))
    own = read.traffic.locust
    of_plan = [own.file if own else None, *(str(plan_path.absolute().parent / each.runbook) for each in read.inject if each.runbook)]
    inputs = replace(inputs, beside=_beside(inputs.environment, experiments) | _beside(plan_path, of_plan))
    if accounts is not None:
        definition = _with_accounts(definition, accounts)
    drawn = drawn_faults(read, definition)
    whole = replace(read, faults=(*read.faults, *drawn))
    written = replace(written, faults=whole.faults)
    by: Literal["plan", "option"] = "plan" if rate_scale is None else "option"
    prepared = Prepared(whole, drawn, read_target(inputs.target), definition, inputs, written, scale, by)
    problems = [
        *production_problems(prepared),
        *target_problems(prepared),
        *probe_problems(prepared),
        *round_problems(prepared),
        *account_problems(prepared),
        *hook_problems(prepared),
        *nemesis_problems(prepared),
        *fault_problems(prepared),
        *drill_problems(prepared),
        *gamedays.problems(whole, plan_path, definition.topology),
        *alert_problems(prepared),
    ]
    unreadable = [*conventions_problems(prepared), *scenario_problems(prepared)]
    problems += unreadable
    if not unreadable:
        # What the plan would send needs the profile and the replayed files.
        problems += [*sending_problems(prepared), *canary_problems(prepared)]
    if problems:
        raise InvalidFile(*problems)
    return prepared


def _beside(file: Path, named: Iterable[str | None]) -> dict[str, Path]:
    """Files below the directory of a file that names them: a run keeps copies in the same places, so that its copy of the file finds them."""
    there = file.absolute().parent
    found = (Path(name) for name in named if name is not None)
    return {str(path.relative_to(there)): path for path in found if path.is_relative_to(there) and path.is_file()}


def _with_accounts(definition: Definition, path: Path) -> Definition:
    if not isinstance(definition, Remote):
        raise InvalidFile(
            Problem(
                "--accounts",
                0,
                "",
                f"an environment of kind {definition.kind} creates its own customers; --accounts is for remote platforms",
            )
        )
    return replace(definition, accounts=replace(definition.accounts, file=str(path.absolute())))


def check_disk(directory: Path) -> None:
    """Raise :class:`OSError` when there is too little disk space for the run."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < DISK_BYTES_MIN:
        raise OSError(f"only {free >> 20} MiB are free below {directory}; a run needs {DISK_BYTES_MIN >> 20} MiB")


def _found(plan: Path, key: str, folder: str, name: str) -> Path:
    path = plan.parent / name
    if path.suffix and path.is_file():
        return path.resolve()
    try:
        return locate(folder, name)
    except InvalidFile as error:
        message = error.problems[0].message
        if not path.suffix and (beside := path.with_name(f"{path.name}.yaml")).is_file():
            message += f"; {beside.name} lies beside the plan: write {beside.name}"
        raise InvalidFile(Problem(str(plan), line_of(document(plan), (key,)), key, f"{name!r}: {message}")) from None


def _read_plan(path: Path, target: str | None) -> Plan:
    """The plan. Raises :class:`InvalidFile`, with the problems of its target too: whoever writes both wants to know everything at once."""
    try:
        return read_plan(path)
    except InvalidFile as error:
        raise InvalidFile(*error.problems, *_problems_of_target(path, target)) from None


def _problems_of_target(plan: Path, target: str | None) -> Sequence[Problem]:
    try:
        raw = document(plan)
        name = target or (raw.get("target") if isinstance(raw, Mapping) else None)
        if isinstance(name, str):
            read_target(_found(plan, "target", "environments/targets", name))
    except InvalidFile as error:
        return error.problems
    return ()
