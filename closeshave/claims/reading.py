"""Targets by name, and the plans that test them. Reads files; nothing else here does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from closeshave.claims.finding import Planned, Promises
from closeshave.environments.definition import read_definition
from closeshave.files.shipped import available, locate
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.plan import read_plan
from closeshave.target import read_target

TARGETS = "environments/targets"


def promises(names: Iterable[str]) -> tuple[tuple[Promises, ...], tuple[str, ...]]:
    """The targets of these names or paths (all that there are, without any), and what is wrong with plans that cannot be read and are left out.

    Raises :class:`InvalidFile` for a target that does not exist or is wrong; it holds every problem of all of them.
    """
    paths: list[Path] = []
    problems: list[Problem] = []
    for name in dict.fromkeys(names) or available(TARGETS):
        try:
            paths.append(locate(TARGETS, name))
        except InvalidFile as error:
            problems += error.problems
    targets = {}
    for path in paths:
        try:
            targets[path] = read_target(path)
        except InvalidFile as error:
            problems += error.problems
    if problems:
        raise InvalidFile(*problems)
    plans, left_out = _plans(targets)
    return tuple(Promises(target, tuple(plans.get(path, ()))) for path, target in targets.items()), left_out


def _plans(wanted: Iterable[Path]) -> tuple[dict[Path, list[Planned]], tuple[str, ...]]:
    """The plans of each of these targets, and problems of plans that cannot be read."""
    wanted = set(wanted)
    found: dict[Path, list[Planned]] = {}
    left_out: list[str] = []
    for name in available("scenarios"):
        try:
            plan = read_plan(locate("scenarios", name))
            target = locate(TARGETS, plan.target)
            if target in wanted:
                found.setdefault(target, []).append(Planned(plan, read_definition(locate("environments", plan.environment)).topology))
        except InvalidFile as error:
            left_out += [str(each) for each in error.problems]
    return found, tuple(left_out)
