"""Every probe there is: those of the modules in :mod:`closeshave.probes.families`, which are listed nowhere else."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from types import MappingProxyType

from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.probes import families
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.target import Target


def _families() -> Mapping[str, ProbeFamily]:
    found: dict[str, ProbeFamily] = {}
    for module in pkgutil.iter_modules(families.__path__):
        family: ProbeFamily = import_module(f"{families.__name__}.{module.name}").FAMILY
        found[family.name] = family
    return MappingProxyType(found)


FAMILIES: Mapping[str, ProbeFamily] = _families()
"""By name, in alphabetical order of their modules."""
PROBES: Mapping[str, PromiseProbe] = MappingProxyType({probe.name: probe for family in FAMILIES.values() for probe in family.probes})
"""By name."""
SMOKE = tuple(name for name, probe in PROBES.items() if probe.smoke)
"""The smoke suite: names of probes."""


def matching(patterns: Collection[str]) -> tuple[str, ...]:
    """Probes that a claim of a target names, by patterns such as ``routing.*``."""
    return tuple(name for name in PROBES if any(fnmatchcase(name, pattern) for pattern in patterns))


def chosen(target: Target, families_asked: Sequence[str], names: Sequence[str]) -> tuple[PromiseProbe, ...]:
    """Those of the families and of the names that somebody asked for; else the smoke suite, and what the target's promises name.

    Raises :class:`InvalidFile` for a family or a probe that there is not.
    """
    problems = [
        Problem("--family", 0, "", f"there is no family of probes {name!r}{meant(name, FAMILIES)}; available: {', '.join(FAMILIES)}")
        for name in families_asked
        if name not in FAMILIES
    ]
    problems += [
        Problem("--probe", 0, "", f"there is no probe {name!r}{meant(name, PROBES)}; see docs/probes.md")
        for name in names
        if name not in PROBES
    ]
    if problems:
        raise InvalidFile(*problems)
    if families_asked or names:
        wanted = {name for name, probe in PROBES.items() if probe.family in families_asked or name in names}
    else:
        wanted = {*SMOKE, *matching([pattern for claim in target.claims for pattern in claim.probes])}
    return tuple(probe for name, probe in PROBES.items() if name in wanted)
