"""What is wrong with a Locust file or a scenario, before anything starts. The file is imported in a process of its own: importing runs its code."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files.yamlfile import Problem
from closeshave.plan import LocustFile
from closeshave.traffic import stepnames

CHECKED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A file with classes of customers, and what its plan asks of them."""

    file: str
    contests: bool
    """Whether the plan has contests for slots."""


ORDER: TypeAdapter[LocustFile | Scenario] = TypeAdapter(LocustFile | Scenario)


@dataclass(frozen=True, slots=True)
class FileFound:
    """What the process that imported the file says of it."""

    problem: str = ""
    """Why it cannot be used, as a sentence; empty when it can."""
    line: int = 0
    """The line of the file that raised; 0 where none did."""


FOUND = TypeAdapter(FileFound)


def check(own: LocustFile | Scenario) -> list[Problem]:
    """Import the file in a process of its own, and say what is wrong with it; none when it can be used.

    Of a scenario every misspelt step is told, and nothing else: it is not imported then.
    """
    if isinstance(own, Scenario) and (misspelt := _misspelt(own)):
        return misspelt
    sources = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    # What is only looked at leaves nothing behind.
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sources)), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "closeshave.traffic.ownfile", ORDER.dump_json(own).decode()]
    try:
        done = subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=CHECKED_WITHIN_S, check=False)
        found = FOUND.validate_json(done.stdout)
    except subprocess.TimeoutExpired:
        found = FileFound(f"was not imported within {CHECKED_WITHIN_S:g} s: code at its top level must not wait")
    except (OSError, ValueError):
        found = FileFound("ends the interpreter when it is imported: leave exits, and the start of Locust, out of its top level")
    return [Problem(own.file, found.line, "", found.problem)] if found.problem else []


def _misspelt(scenario: Scenario) -> list[Problem]:
    """Steps that there are not; nothing for a file that Python cannot read, which is told otherwise."""
    try:
        with warnings.catch_warnings():
            # An escape that means nothing is Locust's to warn of.
            warnings.simplefilter("ignore")
            parsed = ast.parse(Path(scenario.file).read_bytes(), scenario.file)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    # Here alone: the process that imports a Locust file reads this module too, and need not wait for it.
    from closeshave.traffic.steps import SessionSteps  # noqa: PLC0415 - see above

    steps = frozenset({*dir(SessionSteps), "session"})
    return [Problem(scenario.file, one.line, one.where, one.said) for one in stepnames.unknown(parsed, steps)]
