"""A Chaos Toolkit experiment that a user wrote: the command that runs a part of it, and what is wrong with its file.

It is run and checked in an interpreter of its own (:mod:`closeshave.faults.experimentpart`), because its Python functions may do anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from closeshave.deployment import ExperimentPart
from closeshave.files import foreign
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of

Location = tuple[str | int, ...]
SOURCES = Path(__file__).parents[2]
"""Where an interpreter in another directory finds this package."""
CHECKED_WITHIN_S = 60.0
NEEDS: Mapping[ExperimentPart, tuple[Location, str]] = {
    "method": (("method",), "has no actions: it would break nothing"),
    "rollbacks": (("rollbacks",), "is missing or empty: write the rollbacks, or give the hook an undo"),
    "steady-state": (("steady-state-hypothesis", "probes"), "is missing or empty: write the probes, or give the hook a heal_check"),
    "deviation": (("steady-state-hypothesis", "probes"), "is missing or empty: write the probes, or give the hook an observe"),
}
"""What each part needs in the file, and what to do where that is missing."""


def command(what: ExperimentPart | Literal["check"], path: Path) -> tuple[str, ...]:
    """The program that runs a part of the experiment in this file, or checks the file."""
    return (sys.executable, "-m", "closeshave.faults.experimentpart", what, str(path))


def variables(path: Path) -> dict[str, str]:
    """Environment variables of that program: its Python functions may lie beside the file or in the current directory."""
    places = [str(SOURCES), str(path.parent), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, places))}


def problems(path: Path, parts: Iterable[ExperimentPart]) -> list[Problem]:
    """What is wrong with an experiment of which these parts are needed: file, line and key of each problem; none when it can be run."""
    try:
        raw = document(path)
    except InvalidFile as error:
        return list(error.problems)
    missing = {NEEDS[part] for part in parts if not _held(raw, NEEDS[part][0])}
    found: list[tuple[Location, str]] = sorted(missing)
    return [Problem(str(path), line_of(raw, place), ".".join(map(str, place)), message) for place, message in found or _checked(path)]


def _held(raw: Any, place: Location) -> bool:
    for key in place:
        raw = raw.get(key) if isinstance(raw, Mapping) else None
    return bool(raw)


def _checked(path: Path) -> list[tuple[Location, str]]:
    """What Chaos Toolkit itself says about the file."""
    try:
        done = subprocess.run(
            command("check", path),
            # What is only looked at leaves nothing behind.
            env={**os.environ, **variables(path), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=path.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECKED_WITHIN_S,
            check=False,
        )
        told = foreign.loads(done.stdout)
        return [(tuple(place), str(message)) for place, message in told]
    except subprocess.TimeoutExpired:
        return [((), f"could not be checked within {CHECKED_WITHIN_S:g} s: a module that it names may hang when it is imported")]
    except (ValueError, TypeError, OSError):
        return [((), "could not be checked: a module that it names may end the interpreter when it is imported")]
