"""Of a plan with injects: checks before anything starts, and the directory in which people and the trial meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.gameday import planned, presses, tokens
from closeshave.plan import Plan
from closeshave.topology import Topology


def problems(plan: Plan, path: Path, topology: Topology) -> Iterator[Problem]:
    """What is wrong with the injects of the plan in this file, whoever carries it out."""
    raw = document(path)
    for place, said in planned.unknown_regions(plan, topology):
        yield Problem(str(path), line_of(raw, place), ".".join(map(str, place)), said)
    try:
        planned.read_runbooks(plan, path)
    except InvalidFile as error:
        yield from error.problems


def prepare_directory(run: Path) -> None:
    """Make room for presses, and the roles' tokens. Raises :class:`OSError`."""
    presses.directory(run).mkdir(parents=True)
    tokens.issue(run)
