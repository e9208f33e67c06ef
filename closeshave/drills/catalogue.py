"""Every kind of drill there is, and the check of a plan's drills against them."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from types import ModuleType

from closeshave.deployment import Deployment, DrillHook
from closeshave.drills import backup, cache, certificate, database, deploy, hooked, platform, region, restore, scale, shard, worker
from closeshave.drills.kind import RELEASE, DrillKind
from closeshave.faults import catalogue, drillhook
from closeshave.faults.kind import OUTSIDE, Kind
from closeshave.files.closest import meant
from closeshave.plan import Drill
from closeshave.topology import Topology

FAMILIES: Mapping[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (backup, database, deploy, platform, region, restore, scale, shard, cache, certificate, worker)
}
"""The families, in the order in which they are explained; each kind is a module in the folder of its family, and is listed nowhere else."""


def _kinds_of(family: ModuleType) -> Iterable[DrillKind]:
    for module in pkgutil.iter_modules(family.__path__):
        found = vars(import_module(f"{family.__name__}.{module.name}")).values()
        yield from (value for value in found if isinstance(value, DrillKind))


KINDS: Mapping[str, DrillKind] = {kind.name: kind for family in FAMILIES.values() for kind in _kinds_of(family)}
"""Every kind of drill, by name."""
WAYS_BACK: Mapping[str, Kind] = {**catalogue.KINDS, **{name: kind.way_back for name, kind in KINDS.items()}}
"""Everything that may stand in a ledger, by its kind: faults, and drills, each with its undo and the proof of that."""


def of(kind: str, scope: Mapping[str, object], deployment: Deployment, environ: Mapping[str, str] = catalogue.NOTHING) -> DrillKind:
    """A kind of drill as it is carried out on ``deployment``: by the catalogue, or by hooks of the platform's operator for exactly this scope.

    ``environ`` is added to the environment of the hooks' commands. Raises :class:`LookupError` for a kind that nobody can carry out there.
    """
    own = drillhook.find(kind, scope, deployment.drill_hooks)
    return KINDS[kind] if own is None else hooked.bind(own, environ, deployment.way)


def by_hooks(drill: Drill, hooks: Sequence[DrillHook]) -> bool:
    """Whether hooks of the platform's operator carry a drill out."""
    return drillhook.find(drill.kind, drill.scope, hooks) is not None


def check_hook(own: DrillHook) -> list[str]:
    """What is wrong with an operator's hook for a drill, one sentence each; empty when it can carry out drills of its kind."""
    if own.kind in catalogue.KINDS:
        return [f"{own.kind} is a kind of fault: list it under hooks, or give the drill another name"]
    return KINDS[own.kind].way_back.problems(own.scope, {}) if own.kind in KINDS else []


def check(
    drill: Drill, environment: str | None = None, kinds: Mapping[str, DrillKind] = KINDS, hooks: Sequence[DrillHook] = ()
) -> list[str]:
    """What is wrong with a drill of a plan, one sentence each; empty when it can be carried out on this kind of environment, or by one of the ``hooks`` of
    its operator."""
    own = drillhook.find(drill.kind, drill.scope, hooks)
    kind = kinds.get(drill.kind) if own is None else hooked.bind(own, catalogue.NOTHING)
    if kind is None:
        also = " (it is a kind of fault: list it under faults)" if drill.kind in catalogue.KINDS else ""
        nobody = f"there is no kind of drill {drill.kind}{_unhooked(environment, hooks)}{also or meant(drill.kind, kinds)}"
        return [f"drill {drill.id}: {nobody}; available: {', '.join(sorted(kinds))}"]
    found = kind.problems(drill.scope, drill.parameters, environment)
    if own is None and environment is not None and environment not in kind.environments and (also := _unhooked(environment, hooks)):
        found[-1] += also
    if drill.expected.stopped is not None and kind.prove_stopped is None:
        able = ", ".join(sorted(name for name, each in kinds.items() if each.prove_stopped is not None))
        found.append(f"{kind.name} never stops by itself, so that expected.stopped cannot be; these do: {able}")
    return [f"drill {drill.id}: {problem}" for problem in found]


def _unhooked(environment: str | None, hooks: Sequence[DrillHook]) -> str:
    """The other way to carry it out on a remote platform: hooks of its operator."""
    if environment not in OUTSIDE:
        return ""
    there = "; ".join(map(drillhook.label, hooks)) or "none"
    return f", and no drill hook of the environment carries it out at exactly this scope; drill hooks: {there}"


def lacking(drill: Drill, there: Collection[str]) -> list[str]:
    """What a drill needs and an environment that has ``there`` (:data:`closeshave.drills.kind.USES`) does not have, one sentence each."""
    return [f"drill {drill.id}: {problem}" for problem in KINDS[drill.kind].lacks(there)] if drill.kind in KINDS else []


def unknown_release(drill: Drill, releases: Collection[str]) -> list[str]:
    """A release of a drill that is not one of the environment's, as a sentence; empty when there is none."""
    named = {parameter.name: parameter.default for parameter in KINDS[drill.kind].parameters} if drill.kind in KINDS else {}
    wanted = str(drill.parameters.get(RELEASE, named.get(RELEASE, "")))
    if RELEASE not in named or wanted in releases:
        return []
    return [
        f"drill {drill.id}: the environment has no release {wanted!r}{meant(wanted, releases)}; it has: {', '.join(releases) or 'none'}"
    ]


def misfit(drill: Drill, topology: Topology) -> list[str]:
    """Why a drill's scope and parameters do not fit an environment with this topology, as a sentence; empty when they do."""
    if (kind := KINDS.get(drill.kind)) is None:
        return []
    told = {each.name: each.read(drill.parameters.get(each.name, each.default)) for each in kind.parameters}
    reason = kind.misfit(topology, drill.scope, told)
    return [f"drill {drill.id}: {reason}"] if reason else []


def beyond(drill: Drill, instances: int) -> list[str]:
    """What is wrong with how many instances a drill wants, as a sentence; empty when a region with so many has room for it."""
    own = {parameter.name: parameter for parameter in KINDS[drill.kind].parameters} if drill.kind in KINDS else {}
    if not {"least", "most"} <= own.keys():
        return []
    least, most = (int(own[name].read(drill.parameters.get(name, own[name].default))) for name in ("least", "most"))
    if least < most <= instances:
        return []
    return [
        f"drill {drill.id}: from {least} to {most} instances: least must be below most, and each region has {instances} (apps_per_region)"
    ]


def uses(drills: Iterable[Drill]) -> frozenset[str]:
    """What these drills need of an environment."""
    return frozenset(need for drill in drills if drill.kind in KINDS for need in KINDS[drill.kind].uses)
