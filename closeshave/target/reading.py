"""Reads a target file: quantities that do not fit their measure, objectives that collide, claims that are not there."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of, plain, read, seconds, share, whole
from closeshave.target.measures import FROM_BELOW, MEASURES, Measure, wrong_side
from closeshave.target.objectives import CONFIDENCE_LEAST, WRITTEN, Objective
from closeshave.target.whole import Target

_READ: Mapping[str, Callable[[object], float]] = MappingProxyType({"time": seconds, "share": share, "rate": plain, "number": whole})


def read_target(path: Path) -> Target:
    """Read and check a target. Raises :class:`InvalidFile`: also for an objective whose claim does not exist."""
    raw = document(path)
    misfits = [Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message) for location, message in _misfits(raw)]
    try:
        target = read(path, Target)
    except InvalidFile as error:
        # Reported once: with its key and what to write, and not a second time for the value that it was read as.
        said = {(problem.line, problem.key) for problem in misfits} | {
            (problem.line, problem.key.rpartition(".")[0]) for problem in misfits
        }
        others = (problem for problem in error.problems if (problem.line, problem.key) not in said)
        raise InvalidFile(*misfits, *others) from None
    if misfits:
        raise InvalidFile(*misfits)
    known = {claim.id for claim in target.claims}
    problems = [
        Problem(
            str(path),
            line_of(raw, ("objectives", index)),
            f"objectives.{index}.claims",
            f"{claim} is not among the claims of this file{meant(claim, known)}",
        )
        for index, objective in enumerate(target.objectives)
        for claim in objective.claims
        if claim not in known
    ]
    problems += [
        Problem(
            str(path),
            line_of(raw, ("objectives", index)),
            f"objectives.{index}.id",
            f"{objective.id} already gives such verdicts; two objectives may share an ID only for different parts or faults",
        )
        for index, objective in enumerate(target.objectives)
        if any(_collide(objective, other) for other in target.objectives[:index])
    ]
    if len(set(target.plans)) != len(target.plans):
        problems.append(Problem(str(path), line_of(raw, ("plans",)), "plans", "names one plan twice"))
    if problems:
        raise InvalidFile(*problems)
    return target


def _misfits(raw: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Quantities of an objective that do not fit its measure: the key, and what would be right."""
    listed = raw.get("objectives")
    for index, objective in enumerate(listed if isinstance(listed, list) else ()):
        measure = objective.get("measure") if isinstance(objective, dict) else None
        if not isinstance(measure, str) or measure not in set(Measure):
            continue
        for key in sorted({"at_most", "at_least", "percentile", "confidence"} & set(objective)):
            if objective[key] is not None and (trouble := _misfit(Measure(measure), key, objective[key])):
                yield ("objectives", index, key), trouble


def _misfit(measure: Measure, key: str, text: object) -> str:
    """Why this text is not valid for the key of an objective on ``measure``; empty when it is."""
    if key in {"at_most", "at_least"}:
        if measure is Measure.INTEGRITY:
            return "integrity takes no bound: a single breach fails it"
        if (measure in FROM_BELOW) != (key == "at_least"):
            return wrong_side(measure)
        unit, read_as = MEASURES[measure].figure, measure.replace("_", " ")
    else:
        unit, read_as = "share", key
    try:
        value = _READ[unit](text)
    except ValueError as error:
        return _told(text, read_as, unit, error)
    troubles = {
        "percentile": (not 0 < value < 1, "a percentile must be between 0% and 100%, both excluded; write 95%"),
        "confidence": (not CONFIDENCE_LEAST < value < 1, "confidence must be between 50% and 100%, both excluded; write 95%"),
    }
    wrong, why = troubles.get(key, (unit == "rate" and value <= 0, f"{read_as} is {WRITTEN[unit]}"))
    return f"{text}: {why}" if wrong else ""


def _told(text: object, read_as: str, unit: str, error: ValueError) -> str:
    """What is wrong with a quantity, and how to write it."""
    if unit == "time":
        try:
            plain(text)
        except ValueError:
            return f"{error}"
        return f"{text} has no unit: {read_as} is {WRITTEN[unit]}; write {text}ms or {text}s"
    return f"{error} ({read_as} is {WRITTEN[unit]})"


def _collide(one: Objective, other: Objective) -> bool:
    """Whether both could give a verdict with the same ID. The ID contains the fault for measures of faults, else the part."""
    if one.id != other.id:
        return False
    if not (one.faults and other.faults):
        return not one.faults and not other.faults and one.per == other.per
    # Kinds are not known here: two patterns meet where one matches the other as if that were a name.
    return any(fnmatch.fnmatch(mine, theirs) or fnmatch.fnmatch(theirs, mine) for mine in one.faults for theirs in other.faults)
