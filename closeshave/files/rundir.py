"""The directory of one run: its path and name, and the copies of its inputs that keep it readable."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from closeshave.files import write_atomically
from closeshave.files.plaintext import clean
from closeshave.files.taken import Taken, told
from closeshave.vocabulary import CHARTS, ENVIRONMENT, FINAL_STATE, LOGS, OPTION_PREFIX, OPTIONS, PLAN, RERUN, SPOOL, TARGET


class NoRun(Exception):
    """A directory cannot be judged, because it does not say what was run or how the run ended."""


class NotARun(NoRun):
    """A directory is not that of a run."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a user that a run keeps as exact copies."""

    plan: Path
    target: Path
    environment: Path
    taken: tuple[Taken, ...] = ()
    """The options that were set, and where."""
    beside: Mapping[str, Path] = field(default_factory=dict)
    """Files that the plan or the environment names by a path from its own directory, by that path: experiments, a Locust file."""


def sources(inputs: Inputs, started_in: Path) -> dict[str, str]:
    """What each file is → its path, from ``started_in`` where it lies below that: as a repository that holds them names them."""
    paths = {"plan": inputs.plan, "target": inputs.target, "environment": inputs.environment}
    return {what: str(path.relative_to(started_in) if path.is_relative_to(started_in) else path) for what, path in paths.items()}


def create(runs: Path, plan: str, started: datetime, token: str) -> Path:
    """Create the directory of a new run below ``runs``: ``20261121-014500-nightly-3f2a``. Raises :class:`OSError`, for example when the disk is full."""
    run = runs / f"{started:%Y%m%d-%H%M%S}-{plan}-{token}"
    for part in (LOGS, SPOOL, CHARTS, FINAL_STATE):
        (run / part).mkdir(parents=True, exist_ok=False)
    return run.resolve()


def keep(run: Path, inputs: Inputs, options: Iterable[str]) -> None:
    """Copy the inputs into the run, note where its options came from, and write ``rerun.sh``, which runs them again."""
    for source, name in ((inputs.plan, PLAN), (inputs.target, TARGET), (inputs.environment, ENVIRONMENT)):
        shutil.copyfile(source, run / name)
    for name, source in inputs.beside.items():
        copy = run / name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    write_atomically(run / OPTIONS, json.dumps(told(inputs.taken), indent=1) + "\n")
    write_rerun(run, options, inputs.taken)


def write_rerun(run: Path, options: Iterable[str], taken: Iterable[Taken] = ()) -> None:
    """Write ``rerun.sh`` with these options, replacing an earlier one: once the calibrated rate is known, with that rate.

    It can be called from any directory. The trial runs where the first one ran, with the same interpreter, because the plan's names were looked up
    there; on a machine that has neither, in the directory of the caller, with the ``python3`` of its path.
    """
    arguments = "".join(f" {shlex.quote(option)}" for option in options)
    notes = "".join(f"# {_one_line(each)}\n" for each in taken)
    here, interpreter = shlex.quote(str(Path.cwd())), shlex.quote(sys.executable)
    script = f"""#!/bin/sh
# Runs this trial again: the same plan, target, environment and seed. Its run directory is made below the caller's reports/runs;
# more options may follow, such as --runs DIRECTORY.
{notes}set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
runs=$PWD/reports/runs
# Variables would change what is repeated.
for name in $(env | sed -n 's/^\\({OPTION_PREFIX}_RUN_[A-Z_]*\\)=.*/\\1/p'); do unset "$name"; done
cd {here} 2>/dev/null || :
python={interpreter}
[ -x "$python" ] || python=python3
exec "$python" -m closeshave run "$here/{PLAN}" --target "$here/{TARGET}" --environment "$here/{ENVIRONMENT}" --runs "$runs"{arguments} "$@"
"""
    write_atomically(run / RERUN, script)
    (run / RERUN).chmod(0o755)


def _one_line(taken: Taken) -> str:
    """For a comment: whatever a value holds, the line after it is no part of it."""
    return clean(f"{taken}").replace("\n", " ").replace("\t", " ")
