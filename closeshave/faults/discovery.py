"""What ``chaos discover`` tells of this package: the activities of its experiments, and the kinds of faults that they take."""

from __future__ import annotations

from typing import Any

from chaoslib.discovery.discover import discover_activities, initialize_discovery_result  # type: ignore[import-untyped] # it ships no types

from closeshave.faults import toolkit
from closeshave.faults.catalogue import KINDS
from closeshave.faults.kind import Kind
from closeshave.faults.kubernetes.binding import environments

NAME = "closeshave"


def found(version: str, *, system: bool) -> dict[str, Any]:
    """The discovery in Chaos Toolkit's form; with ``system`` the kinds of faults are its system."""
    told: dict[str, Any] = initialize_discovery_result(NAME, version, NAME)
    for name in toolkit.__all__:
        sort = "probe" if name in toolkit.PROBES else "action"
        told["activities"] += [each for each in discover_activities(toolkit.__name__, sort) if each["name"] == name]
    if system:
        told["system"] = {"faults": [_described(kind) for kind in KINDS.values()]}
    return told


def _described(kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "does": kind.does,
        "scope": list(kind.scope),
        "environments": sorted(environments(kind)),
        "parameters": [
            {"name": each.name, "type": each.type.__name__, "default": each.default, "about": each.about} for each in kind.parameters
        ],
    }
