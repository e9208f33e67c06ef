"""Makes a game day of a prepared trial: people hold its clock; or a dress rehearsal, in which nothing is broken."""

from __future__ import annotations

from dataclasses import replace

from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.gameday import planned
from closeshave.gameday.planned import GameDayPlan
from closeshave.plan import not_by_people
from closeshave.trial.preparation import Prepared


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
