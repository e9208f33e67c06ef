"""Everything that can be found wrong with a trial before anything is started."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave import choices, nemesis
from closeshave.environments.definition import Definition, read_definition
from closeshave.faults import catalogue, guard
from closeshave.plan import Fault, Plan, read_plan
from closeshave.rundir import Inputs
from closeshave.shapes import Replayed
from closeshave.shelf import locate
from closeshave.target import Target, read_target
from closeshave.traffic import limits, manners
from closeshave.traffic.arrivals import replayed
from closeshave.traffic.profiles import read_profile
from closeshave.yamlfile import InvalidFile, Problem, document, line_of

DISK_BYTES_MIN = 1 << 30
"""A run writes some hundred megabytes; less than this free is refused before the start instead of found out in the middle."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial that is ready to start: read, checked, and consistent."""

    plan: Plan
    """Its faults are all there are: those that were written down, and those that its nemesis drew."""
    drawn: tuple[Fault, ...]
    """The latter alone."""
    target: Target
    definition: Definition
    inputs: Inputs


def prepare(
    plan: str, *, environment: str | None = None, target: str | None = None, seed: int | None = None, processes: int | None = None
) -> Prepared:
    """Read the plan and what it names, or what the command names instead, and check them against each other.

    Raises :class:`InvalidFile` with every problem found.
    """
    plan_path = locate("scenarios", plan)
    read = read_plan(plan_path)
    if seed is not None:
        read = replace(read, seed=seed)
    if processes is not None:
        read = replace(read, traffic=replace(read.traffic, processes=processes))
    inputs = Inputs(
        plan=plan_path,
        target=_beside(plan_path, "target", "environments/targets", target or read.target),
        environment=_beside(plan_path, "environment", "environments", environment or read.environment),
    )
    definition = read_definition(inputs.environment)
    drawn = _draw(read, definition)
    whole = replace(read, faults=(*read.faults, *drawn))
    prepared = Prepared(whole, drawn, read_target(inputs.target), definition, inputs)
    problems = [
        *_hook_problems(prepared),
        *_nemesis_problems(prepared),
        *_fault_problems(prepared),
        *_manners_problems(prepared),
        *_scenario_problems(prepared),
    ]
    if problems:
        raise InvalidFile(*problems)
    return prepared


def check_disk(directory: Path) -> None:
    """Raise :class:`OSError` when the run could not be written to the end."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < DISK_BYTES_MIN:
        raise OSError(f"only {free >> 20} MiB are free below {directory}; a run needs {DISK_BYTES_MIN >> 20} MiB")


def _beside(plan: Path, key: str, folder: str, name: str) -> Path:
    neighbour = plan.parent / name
    if neighbour.suffix and neighbour.is_file():
        return neighbour.resolve()
    try:
        return locate(folder, name)
    except InvalidFile as error:
        message = error.problems[0].message
        raise InvalidFile(Problem(str(plan), line_of(document(plan), (key,)), key, f"{name!r}: {message}")) from None


def _draw(plan: Plan, definition: Definition) -> tuple[Fault, ...]:
    if plan.nemesis is None:
        return ()
    kinds = choices.kinds_of(plan.nemesis, definition.kind, catalogue.offered(definition.hooks))
    # Those of the plan may be wrong already: that is said of them, not blamed on what is drawn.
    before = set(_troubles(plan, definition))

    def fits(faults: tuple[Fault, ...]) -> bool:
        return set(_troubles(replace(plan, faults=faults), definition)) <= before

    menu = choices.choices(plan.nemesis, definition.topology, kinds)
    able = [choice for choice in menu if catalogue.able(choice.kind, choice.scope, definition.kind, definition.hooks)]
    return nemesis.draw(plan, able, fits)


def _troubles(plan: Plan, definition: Definition) -> list[str]:
    """What is wrong with the plan's faults taken together."""
    return [*guard.over_caps(plan), *guard.entangled(plan, definition.topology)]


def _nemesis_problems(prepared: Prepared) -> list[Problem]:
    wanted = prepared.plan.nemesis
    if wanted is None:
        return []
    path, definition = prepared.inputs.plan, prepared.definition
    found = choices.problems(wanted, definition.kind, definition.topology, catalogue.offered(definition.hooks))
    if not found and not prepared.drawn:
        found = [("", "no fault fits into its phase: leave more time, or allow more overlap")]
    raw = document(path)
    places = [tuple(filter(None, ("nemesis", key))) for key, _ in found]
    return [Problem(str(path), line_of(raw, place), ".".join(place), said) for place, (_, said) in zip(places, found, strict=True)]


def _fault_problems(prepared: Prepared) -> list[Problem]:
    path = prepared.inputs.plan
    raw = document(path)
    found = [Problem(str(path), line_of(raw, ("faults",)), "faults", message) for message in _troubles(prepared.plan, prepared.definition)]
    for index, fault in enumerate(prepared.plan.faults):
        if fault in prepared.drawn:
            continue
        place = line_of(raw, ("faults", index))
        messages = catalogue.check(fault, prepared.definition.kind, hooks=prepared.definition.hooks)
        if not messages:
            try:
                locate("chaos", str(fault.experiment))
            except InvalidFile as error:
                messages.append(f"no experiment for kind {fault.kind}: {error.problems[0].message}")
            messages += _scope_problems(prepared, fault.scope)
        found += [Problem(str(path), place, f"faults.{index}", message) for message in messages]
    return found


def _hook_problems(prepared: Prepared) -> list[Problem]:
    path = prepared.inputs.environment
    found = []
    for index, hook in enumerate(prepared.definition.hooks):
        messages = [*catalogue.check_hook(hook), *_scope_problems(prepared, dict(hook.scope))]
        found += [Problem(str(path), line_of(document(path), ("hooks", index)), f"hooks.{index}", message) for message in messages]
    return found


def _manners_problems(prepared: Prepared) -> list[Problem]:
    """What the platform cannot be told apart by, and what is more than one address may send."""
    able, path = prepared.definition.capabilities, prepared.inputs.environment
    unknown = [operation for operation in (*able.steps_off, *able.limits) if operation not in manners.OPERATIONS]
    messages = [f"{operation!r} is no operation; there is: {', '.join(sorted(manners.OPERATIONS))}" for operation in unknown]
    try:
        spoken = manners.of(able, prepared.definition.topology)
    except ValueError as error:
        messages.append(str(error))
    if messages:
        return [Problem(str(path), line_of(document(path), ("capabilities",)), "capabilities", message) for message in messages]
    if able.forwarded_for:
        return []
    plan = prepared.inputs.plan
    over = limits.exceeded(prepared.plan, prepared.definition.topology, spoken.limits, spoken.steps_off)
    return [Problem(str(plan), line_of(document(plan), ("phases",)), "phases", message) for message in over]


def _scope_problems(prepared: Prepared, scope: object) -> list[str]:
    topology = prepared.definition.topology
    assert isinstance(scope, dict)
    found = []
    if "region" in scope and scope["region"] not in topology.regions:
        found.append(f"scope.region: {scope['region']!r} is no region of this environment; there is: {', '.join(topology.regions)}")
    if "shard" in scope and scope["shard"] not in {shard.id for shard in topology.shards}:
        found.append(
            f"scope.shard: {scope['shard']!r} is no shard of this environment; there is: {', '.join(str(s.id) for s in topology.shards)}"
        )
    return found


def _scenario_problems(prepared: Prepared) -> list[Problem]:
    name = prepared.plan.traffic.scenario
    try:
        locate("scenarios", name)
    except InvalidFile as error:
        path = prepared.inputs.plan
        return [Problem(str(path), line_of(document(path), ("traffic", "scenario")), "traffic.scenario", error.problems[0].message)]
    read_profile(prepared.plan.traffic.profile)
    return _replay_problems(prepared)


def _replay_problems(prepared: Prepared) -> list[Problem]:
    found = []
    for index, phase in enumerate(prepared.plan.phases):
        if isinstance(phase.shape, Replayed):
            try:
                replayed(locate("scenarios", phase.shape.file), phase.duration)
            except ValueError as error:
                place = ("phases", index, "shape", "file")
                path = prepared.inputs.plan
                what = error.problems[0].message if isinstance(error, InvalidFile) else str(error)
                found.append(Problem(str(path), line_of(document(path), place), f"phases.{index}.shape.file", what))
    return found
