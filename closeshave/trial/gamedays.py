"""What makes a trial of a prepared plan a game day: checks before anything starts, and the files in which people and the trial meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.gameday import planned, presses, tokens
from closeshave.gameday.planned import GameDayPlan
from closeshave.plan import Plan, not_by_people
from closeshave.topology import Topology

if TYPE_CHECKING:
    from closeshave.trial.preparation import Prepared


def problems(plan: Plan, path: Path, topology: Topology) -> Iterator[Problem]:
    """What is wrong with the injects of the plan in this file, whoever carries it out."""
    raw = document(path)
    for place, said in planned.unknown_regions(plan, topology):
        yield Problem(str(path), line_of(raw, place), ".".join(map(str, place)), said)
    try:
        planned.read_runbooks(plan, path)
    except InvalidFile as error:
        yield from error.problems


def held(prepared: Prepared, *, rehearse: bool) -> Prepared:
    """The same trial with a clock that people hold; ``rehearse``: faster, and nothing is broken. Raises :class:`InvalidFile`."""
    path = prepared.inputs.plan
    raw = document(path)
    wrong = [Problem(str(path), line_of(raw, place), ".".join(map(str, place)), said) for place, said in not_by_people(prepared.plan)]
    if wrong:
        raise InvalidFile(*wrong)
    gameday = GameDayPlan(planned.read_runbooks(prepared.plan, path), rehearse)
    if not rehearse:
        return replace(prepared, gameday=gameday)
    return replace(prepared, plan=planned.rehearsed(prepared.plan), written=planned.rehearsed(prepared.written), gameday=gameday)


def prepare_directory(run: Path) -> None:
    """Make room for presses, and the roles' tokens. Raises :class:`OSError`."""
    presses.directory(run).mkdir(parents=True)
    tokens.issue(run)
