"""What installed packages add: kinds of faults, probes, checks, traffic profiles and reports, by entry points of their metadata.

Each room that can be extended loads its own group of entry points and says what fits; this one knows only how. A package that cannot be loaded is named
with its reason before anything starts (:func:`refuse_broken`), but it keeps nobody from healing or from taking an environment down.

May import: files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from closeshave.files.yamlfile import InvalidFile, Problem

FAULTS, PROBES, CHECKS = "closeshave.faults", "closeshave.probes", "closeshave.checks"
PROFILES, REPORTS = "closeshave.profiles", "closeshave.reports"
GROUPS = (FAULTS, PROBES, CHECKS, PROFILES, REPORTS)
"""Groups of entry points."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One thing that a package adds, loaded."""

    group: str
    name: str
    package: str
    version: str
    value: Any = field(repr=False)
    """What the entry point names."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """One thing that a package adds and that cannot be used."""

    group: str
    name: str
    package: str
    version: str
    why: str


Fits = Callable[[Extension], str]
"""Why a loaded thing cannot be used; empty when it can."""

_loaded: dict[str, tuple[Extension, ...]] = {}
_failed: dict[str, tuple[Unusable, ...]] = {}


def load(group: str, unfit: Fits) -> tuple[Extension, ...]:
    """Everything that installed packages add to ``group`` and that fits, by name. Never raises; :func:`failures` tells what was left out."""
    found: dict[str, Extension] = {}
    failed: list[Unusable] = []
    for point in sorted(_points(), key=lambda point: (point.name, _package(point))):
        if point.group != group:
            continue
        package, version = _package(point), point.dist.version if point.dist else "?"
        try:
            extension = Extension(group, point.name, package, version, point.load())
            why = _twice(found.get(point.name)) or unfit(extension)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a package does when it is imported, the others are loaded
            why = f"cannot be loaded: {type(error).__name__}: {error}"
        if why:
            failed.append(Unusable(group, point.name, package, version, why))
        else:
            found[point.name] = extension
    _loaded[group], _failed[group] = tuple(found.values()), tuple(failed)
    return _loaded[group]


def loaded() -> tuple[Extension, ...]:
    """Everything that was loaded so far, by group and name."""
    return tuple(extension for group in GROUPS for extension in _loaded.get(group, ()))


def failures() -> tuple[Unusable, ...]:
    """Everything that could not be loaded so far."""
    return tuple(failure for group in GROUPS for failure in _failed.get(group, ()))


def refuse_broken() -> None:
    """Raise :class:`InvalidFile` when any package that was loaded so far adds something that cannot be used: it names package, thing and reason."""
    if failed := failures():
        raise InvalidFile(
            *(
                Problem(f"package {one.package} {one.version}", 0, f"{one.group}: {one.name}", f"{one.why}; mend or uninstall it")
                for one in failed
            )
        )


@cache
def _points() -> tuple[EntryPoint, ...]:
    """Those of our groups: read once, because every installed package's metadata is looked at."""
    return tuple(point for group in GROUPS for point in entry_points(group=group))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "?"


def _twice(first: Extension | None) -> str:
    return f"has the name of what package {first.package} {first.version} adds" if first else ""
