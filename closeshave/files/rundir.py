"""The directory of one run: its path and name, and the copies of its inputs that keep it readable."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from closeshave.files import write_atomically
from closeshave.vocabulary import CHARTS, ENVIRONMENT, FINAL_STATE, LOGS, PLAN, RERUN, SPOOL, TARGET


class NoRun(Exception):
    """A directory cannot be judged, because it does not say what was run or how the run ended."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a user that a run keeps as exact copies."""

    plan: Path
    target: Path
    environment: Path


def create(runs: Path, plan: str, started: datetime, token: str) -> Path:
    """Create the directory of a new run below ``runs``: ``20261121-014500-nightly-3f2a``. Raises :class:`OSError`, for example when the disk is full."""
    run = runs / f"{started:%Y%m%d-%H%M%S}-{plan}-{token}"
    for part in (LOGS, SPOOL, CHARTS, FINAL_STATE):
        (run / part).mkdir(parents=True, exist_ok=False)
    return run.resolve()


def keep(run: Path, inputs: Inputs, options: Iterable[str]) -> None:
    """Copy the inputs into the run and write ``rerun.sh``, which runs them again from any checkout."""
    for source, name in ((inputs.plan, PLAN), (inputs.target, TARGET), (inputs.environment, ENVIRONMENT)):
        shutil.copyfile(source, run / name)
    write_rerun(run, options)


def write_rerun(run: Path, options: Iterable[str]) -> None:
    """Write ``rerun.sh`` with these options, replacing an earlier one: once the calibrated rate is known, with that rate."""
    arguments = " ".join(map(shlex.quote, options))
    script = (
        "#!/bin/sh\n# Runs this trial again: the same plan, target, environment and seed.\nset -eu\n"
        'here=$(cd "$(dirname "$0")" && pwd)\n'
        f'exec {shlex.quote(Path(sys.executable).name)} -m closeshave run "$here/{PLAN}" --target "$here/{TARGET}" --environment "$here/{ENVIRONMENT}"'
        f"{' ' + arguments if arguments else ''}\n"
    )
    write_atomically(run / RERUN, script)
    (run / RERUN).chmod(0o755)
