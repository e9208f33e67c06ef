"""Every kind of drill there is, and the check of a plan's drills against them."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from types import ModuleType

from closeshave.drills import backup, certificate, database, deploy, region, restore, shard, worker
from closeshave.drills.kind import RELEASE, DrillKind
from closeshave.faults import catalogue
from closeshave.faults.kind import Kind
from closeshave.files.closest import meant
from closeshave.plan import Drill
from closeshave.topology import Topology

FAMILIES: Mapping[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module for module in (backup, database, deploy, region, restore, shard, certificate, worker)
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


def check(drill: Drill, environment: str | None = None, kinds: Mapping[str, DrillKind] = KINDS) -> list[str]:
    """What is wrong with a drill of a plan, one sentence each; empty when it can be carried out on this kind of environment."""
    kind = kinds.get(drill.kind)
    if kind is None:
        also = " (it is a kind of fault: list it under faults)" if drill.kind in catalogue.KINDS else ""
        return [
            f"drill {drill.id}: there is no kind of drill {drill.kind}{also or meant(drill.kind, kinds)}; available: {', '.join(sorted(kinds))}"
        ]
    found = kind.problems(drill.scope, drill.parameters, environment)
    if drill.expected.stopped is not None and kind.prove_stopped is None:
        able = ", ".join(sorted(name for name, each in kinds.items() if each.prove_stopped is not None))
        found.append(f"{kind.name} never stops by itself, so that expected.stopped cannot be; these do: {able}")
    return [f"drill {drill.id}: {problem}" for problem in found]


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


def uses(drills: Iterable[Drill]) -> frozenset[str]:
    """What these drills need of an environment."""
    return frozenset(need for drill in drills if drill.kind in KINDS for need in KINDS[drill.kind].uses)
