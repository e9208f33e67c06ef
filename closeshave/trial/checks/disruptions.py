"""Faults, drills and hooks that cannot be carried out on the environment, or not together; and the faults that a nemesis draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from closeshave.deployment import Call, DrillHook, ExperimentPart, Hook
from closeshave.drills import catalogue as drills
from closeshave.environments import drivers
from closeshave.environments.definition import Definition
from closeshave.faults import catalogue, guard, ownexperiment
from closeshave.files.closest import meant
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.plan import Fault, Plan
from closeshave.trial import candidates, nemesis
from closeshave.trial.prepared import Prepared


def drawn_faults(plan: Plan, definition: Definition) -> tuple[Fault, ...]:
    """The faults that the plan's nemesis draws; none without one. The same for the same seed."""
    if plan.nemesis is None:
        return ()
    kinds = candidates.kinds_of(plan.nemesis, definition.kind, catalogue.offered(definition.hooks, definition.kind))
    # The plan's own faults may be wrong already: that is reported for them, and not for the drawn ones.
    before = set(_troubles(plan, definition))

    def fits(faults: tuple[Fault, ...]) -> bool:
        return set(_troubles(replace(plan, faults=faults), definition)) <= before

    possible = candidates.possible_faults(plan.nemesis, definition.topology, kinds)
    able = [
        each
        for each in possible
        if catalogue.able(each.kind, each.scope, definition.kind, definition.hooks) and not _unserved(definition, each.kind, each.scope, {})
    ]
    return nemesis.draw(plan, able, fits)


def _unserved(definition: Definition, kind: str, scope: Mapping[str, object], parameters: Mapping[str, object]) -> list[str]:
    """What a fault needs and the environment does not have; nothing where a hook of its operator injects it."""
    driver = drivers.of(definition.kind)
    return catalogue.unserved(kind, scope, driver.offers(definition), driver.tiers(definition), parameters)


def _troubles(plan: Plan, definition: Definition) -> list[str]:
    """What is wrong with the combination of the plan's faults."""
    return [*guard.over_caps(plan), *guard.conflicting(plan, definition.topology)]


def nemesis_problems(prepared: Prepared) -> list[Problem]:
    """A nemesis that asks for what there is not, or finds no fault that fits."""
    wanted = prepared.plan.nemesis
    if wanted is None:
        return []
    path, definition = prepared.inputs.plan, prepared.definition
    found = candidates.problems(wanted, definition.kind, definition.topology, catalogue.offered(definition.hooks, definition.kind))
    if not found and not prepared.drawn:
        found = [("", "no fault fits into its phase: make the phase longer, or raise overlap_max")]
    raw = document(path)
    places = [tuple(filter(None, ("nemesis", key))) for key, _ in found]
    return [Problem(str(path), line_of(raw, place), ".".join(place), said) for place, (_, said) in zip(places, found, strict=True)]


def fault_problems(prepared: Prepared) -> list[Problem]:
    """Faults of the plan's file that cannot be injected here, or not together with the others."""
    path = prepared.inputs.plan
    raw = document(path)
    troubles = [*_troubles(prepared.plan, prepared.definition), *_linkless(prepared)]
    found = [Problem(str(path), line_of(raw, ("faults",)), "faults", message) for message in troubles]
    for index, fault in enumerate(prepared.plan.faults):
        if fault in prepared.drawn:
            continue
        place = line_of(raw, ("faults", index))
        messages = catalogue.check(fault, prepared.definition.kind, hooks=prepared.definition.hooks)
        if not messages:
            messages += _experiment_problems(fault)
            messages += _scope_problems(prepared, fault.scope)
            messages += [
                f"fault {fault.id}: {message}" for message in _unserved(prepared.definition, fault.kind, fault.scope, fault.parameters)
            ]
        found += [Problem(str(path), place, f"faults.{index}", message) for message in messages]
    return found


def drill_problems(prepared: Prepared) -> list[Problem]:
    """Drills that there are not, that this environment cannot do, and promises that the target does not have."""
    path, definition = prepared.inputs.plan, prepared.definition
    raw, found = document(path), []
    promised = [claim.id for claim in prepared.target.claims]
    for index, drill in enumerate(prepared.plan.drills):
        driver = drivers.of(definition.kind)
        hooks = driver.drill_hooks(definition)
        messages = drills.check(drill, definition.kind, hooks=hooks)
        messages = messages or [f"drill {drill.id}: {said}" for said in _scope_problems(prepared, drill.scope)]
        if not drills.by_hooks(drill, hooks):
            messages = messages or drills.lacking(drill, driver.has(definition, drill.scope))
            messages = messages or drills.unknown_release(drill, driver.releases(definition))
            messages = messages or drills.beyond(drill, driver.instances(definition))
            messages = messages or drills.misfit(drill, definition.topology)
        found += [Problem(str(path), line_of(raw, ("drills", index)), f"drills.{index}", message) for message in messages]
        for claim in drill.claims:
            if claim not in promised:
                place = ("drills", index, "claims")
                said = f"{claim!r} is not a promise of {prepared.target.name}{meant(claim, promised)}; available: {', '.join(promised) or 'none'}"
                found.append(Problem(str(path), line_of(raw, place), f"drills.{index}.claims", said))
    return found


def _experiment_problems(fault: Fault) -> list[str]:
    """That of a kind of an installed package is made from the kind; ours are files that a person may have removed."""
    try:
        if fault.kind in catalogue.OWN:
            locate("chaos", str(fault.experiment))
    except InvalidFile as error:
        how = "'python -m closeshave.faults.experiments chaos' makes the experiments of a checkout"
        return [f"no experiment for kind {fault.kind}: {error.problems[0].message}; {how}"]
    return []


def _linkless(prepared: Prepared) -> list[str]:
    """Faults on links that have no Toxiproxy by the environment file."""
    there = drivers.of(prepared.definition.kind).links_of(prepared.definition)
    return [] if there is None else catalogue.lacking(prepared.plan.faults, there, f"{prepared.inputs.environment} (links)")


def hook_problems(prepared: Prepared) -> list[Problem]:
    """Hooks of kinds that there are not, or on parts that the environment does not have; experiments that cannot be used."""
    path, definition = prepared.inputs.environment, prepared.definition
    told = [("hooks", index, catalogue.check_hook(hook), hook.scope) for index, hook in enumerate(definition.hooks)]
    of_drills = drivers.of(definition.kind).drill_hooks(definition)
    told += [("drill_hooks", index, drills.check_hook(hook), hook.scope) for index, hook in enumerate(of_drills)]
    found = [
        Problem(str(path), line_of(document(path), (key, index)), f"{key}.{index}", message)
        for key, index, wrong, scope in told
        for message in (*wrong, *_scope_problems(prepared, dict(scope)))
    ]
    parts: dict[Path, list[ExperimentPart]] = {}
    for call in calls(definition):
        if call.experiment is not None:
            parts.setdefault(Path(call.experiment), []).append(call.part or "method")
    return [*found, *(problem for file, needed in parts.items() for problem in ownexperiment.problems(file, needed))]


def calls(definition: Definition) -> Iterator[Call]:
    """Every call of its operator's hooks, for faults and for drills."""
    hooks: tuple[Hook | DrillHook, ...] = (*definition.hooks, *drivers.of(definition.kind).drill_hooks(definition))
    for hook in hooks:
        yield from hook.calls.values()


def _scope_problems(prepared: Prepared, scope: object) -> list[str]:
    topology = prepared.definition.topology
    assert isinstance(scope, dict)
    found = []
    if "region" in scope and scope["region"] not in topology.regions:
        there = topology.regions
        near = meant(str(scope["region"]), there)
        found.append(f"scope.region: {scope['region']!r} is not a region of this environment{near}; available: {', '.join(there)}")
    if "shard" in scope and scope["shard"] not in {shard.id for shard in topology.shards}:
        found.append(
            f"scope.shard: {scope['shard']!r} is not a shard of this environment; available: {', '.join(str(s.id) for s in topology.shards)}"
        )
    return found
