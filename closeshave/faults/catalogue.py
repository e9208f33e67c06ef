"""Every kind of fault there is, and the check of a plan's faults against them."""

from __future__ import annotations

from collections.abc import Mapping

from closeshave.faults import cache, data, dependency, region, service, shard
from closeshave.faults.kind import Kind
from closeshave.plan import Fault

KINDS: Mapping[str, Kind] = {kind.name: kind for family in (shard, cache, region, service, dependency, data) for kind in family.KINDS}


def check(fault: Fault, environment: str | None = None, kinds: Mapping[str, Kind] = KINDS) -> list[str]:
    """What is wrong with a fault of a plan, one sentence each; empty when it can be run.

    ``environment`` is the kind of environment (``embedded`` …) that it shall run on, when that is known.
    """
    kind = kinds.get(fault.kind)
    if kind is None:
        return [f"fault {fault.id}: there is no kind {fault.kind}; there is: {', '.join(sorted(kinds))}"]
    problems = kind.problems(fault.scope, fault.parameters)
    if kind.undo is None or kind.prove is None:
        problems.append(f"{kind.name} has no undo that can be proven, so it is never injected")
    if environment is not None and environment not in kind.environments:
        problems.append(f"{kind.name} does not work on {environment} environments; it works on: {', '.join(sorted(kind.environments))}")
    return [f"fault {fault.id}: {problem}" for problem in problems]
