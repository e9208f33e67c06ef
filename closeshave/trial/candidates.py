"""The faults that a nemesis may draw: every kind that its patterns match, at every scope of the environment that it allows."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Mapping, Sequence

from closeshave.faults.kind import Kind
from closeshave.files.closest import meant
from closeshave.plan import Nemesis
from closeshave.scope import TIERS
from closeshave.topology import Topology
from closeshave.trial.nemesis import Candidate


def kinds_of(nemesis: Nemesis, environment: str, kinds: Mapping[str, Kind]) -> tuple[Kind, ...]:
    """The kinds that match the patterns and work on such an environment, ordered by name."""
    named = [name for name in sorted(kinds) if any(fnmatch.fnmatch(name, pattern) for pattern in nemesis.kinds)]
    return tuple(kinds[name] for name in named if environment in kinds[name].environments)


def possible_faults(nemesis: Nemesis, topology: Topology, kinds: Sequence[Kind]) -> tuple[Candidate, ...]:
    """Every kind at every scope, in a fixed order."""
    places = _places(nemesis, topology)
    return tuple(
        Candidate(kind.name, dict(zip(kind.scope, aimed, strict=True)), kind.expected)
        for kind in kinds
        for aimed in itertools.product(*(places.get(key, ()) for key in kind.scope))
    )


def problems(nemesis: Nemesis, environment: str, topology: Topology, kinds: Mapping[str, Kind]) -> list[tuple[str, str]]:
    """What is wrong with a nemesis, as key and sentence; empty when it has something to choose from."""
    found = [
        ("kinds", f"no kind of fault matches {pattern}{meant(pattern, kinds)}")
        for pattern in nemesis.kinds
        if not fnmatch.filter(kinds, pattern)
    ]
    known = _places(Nemesis(nemesis.phase, nemesis.kinds, nemesis.every, nemesis.hold), topology)
    keys = sorted({*known, *(key for kind in kinds.values() for key in kind.scope)})
    found += [
        ("scopes", f"{key} is not a scope{meant(key, keys)}; available: {', '.join(keys)}") for key in nemesis.scopes if key not in keys
    ]
    for key, wanted in nemesis.scopes.items():
        unknown = [str(place) for place in wanted if key in known and place not in known[key]]
        found += [
            ("scopes", f"{key} {place} is not one of {', '.join(map(str, known[key]))}{meant(place, map(str, known[key]))}")
            for place in unknown
        ]
    for kind in kinds_of(nemesis, environment, kinds):
        found += [
            ("scopes", f"{kind.name} needs a scope: give {key}: [...]") for key in kind.scope if key not in _places(nemesis, topology)
        ]
    if not found and not possible_faults(nemesis, topology, kinds_of(nemesis, environment, kinds)):
        found.append(("kinds", f"no kind that they match works on {environment} environments"))
    return found


def _places(nemesis: Nemesis, topology: Topology) -> Mapping[str, Sequence[str | int]]:
    everywhere: dict[str, Sequence[str | int]] = {
        "shard": tuple(shard.id for shard in topology.shards),
        "region": topology.regions,
        "tier": TIERS,
    }
    return {**everywhere, **nemesis.scopes}
