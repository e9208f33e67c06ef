"""The janitor's own process in a trial: ``python -m closeshave.trial.watching``. It undoes faults, puts back what drills changed, and
goes back from a rollout that was not finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from closeshave.drills.catalogue import WAYS_BACK
from closeshave.environments.rollout import rolling
from closeshave.faults.watch import Duty, serve


def main(
    run: Annotated[Path, typer.Option(help="The run directory.")],
    deployment: Annotated[Path, typer.Option(help="The environment's root.")],
    lease_s: Annotated[float, typer.Option(help="Seconds without a heartbeat after which the harness counts as dead.")] = 5.0,
    destroy: Annotated[str, typer.Option(help="The command that removes the environment, as a JSON list.")] = "[]",
) -> None:
    """Detach from the process that started this, and watch."""
    serve(Duty(run, deployment, tuple(json.loads(destroy)), WAYS_BACK, rolling.go_back), lease_s)


if __name__ == "__main__":
    typer.run(main)
