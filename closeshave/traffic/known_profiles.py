"""Traffic profiles by name: files of ``scenarios/profiles``, and those of installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from closeshave import extensions
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, read
from closeshave.traffic.profiles import Profile


def _unfit(added: extensions.Extension) -> str:
    """Why what a package adds is no profile; empty when it is one."""
    return "" if isinstance(added.value, Profile) else f"is {type(added.value).__name__}, not closeshave.traffic.profiles.Profile"


ADDED: Mapping[str, Profile] = MappingProxyType({each.name: each.value for each in extensions.load(extensions.PROFILES, _unfit)})
"""Profiles of installed packages, by name."""


def read_profile(name: str) -> Profile:
    """The profile of this name: a file below ``scenarios/profiles``, or one of an installed package. Raises :class:`InvalidFile`."""
    try:
        path = locate("scenarios/profiles", name)
    except InvalidFile as error:
        if name in ADDED:
            return ADDED[name]
        more = f"; of installed packages: {', '.join(sorted(ADDED))}" if ADDED else ""
        raise InvalidFile(*(replace(problem, message=f"{problem.message}{more}") for problem in error.problems)) from None
    return read(path, Profile)
