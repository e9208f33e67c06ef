"""The process of one fault: its kind's experiment, run by Chaos Toolkit in an interpreter that nobody has patched.

``python -m closeshave.faults.experiment``; the trial starts it through ``child.py``.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from chaoslib.experiment import run_experiment  # type: ignore[import-untyped] # it ships no types
from chaoslib.loader import load_experiment  # type: ignore[import-untyped] # it ships no types

from closeshave.deployment import Deployment, load
from closeshave.faults.catalogue import KINDS
from closeshave.faults.child import FAULT
from closeshave.faults.journal import Keeper
from closeshave.faults.ledger import Ledger
from closeshave.faults.runmark import RUN_MARK
from closeshave.faults.toolkit import stop_file
from closeshave.plan import Fault, locate

UNPROVEN = 1


def main(
    deployment: Annotated[Path, typer.Option(help="The environment's root.")],
    run: Annotated[Path, typer.Option(help="The run directory.")],
    fault: Annotated[Path, typer.Option(help="The fault, as JSON.")],
    at_ns: Annotated[int, typer.Option(help="When to strike: monotonic nanoseconds.")],
) -> None:
    """Run the experiment of one fault, from its strike to the proof of its heal."""
    wanted = FAULT.validate_json(fault.read_bytes())
    # What healing starts again belongs to the environment, not to this run: it must not carry the run's mark.
    os.environ.pop(RUN_MARK, None)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    halt = stop_file(run, wanted.id)
    _obey(halt)
    journal = _experiment(load(deployment), run, wanted, at_ns, halt)
    failed = [activity["activity"]["name"] for activity in journal.get("rollbacks", []) if activity["status"] != "succeeded"]
    still_open = Ledger(run).find(wanted.id) is not None
    if failed or still_open:
        logging.error("not healed: failed rollbacks %s, open in the ledger: %s", failed or "none", still_open)
        raise typer.Exit(UNPROVEN)


def _experiment(deployment: Deployment, run: Path, fault: Fault, at_ns: int, halt: Path) -> dict[str, Any]:
    kind = KINDS[fault.kind]
    experiment = load_experiment(str(locate("chaos", str(fault.experiment))))
    configuration = {
        **{parameter.name: parameter.default for parameter in kind.parameters},
        **fault.parameters,
        **fault.scope,
        "deployment": deployment.root,
        "run": str(run),
        "fault": fault.id,
        "at_ns": at_ns,
        "hold_s": fault.hold,
    }
    # "always": by default an interrupted experiment, the one that needs it most, is not rolled back.
    settings = {"runtime": {"rollbacks": {"strategy": "always"}}}
    keeper = Keeper(run / f"journal-{fault.id}.json", running=lambda: _obey(halt))
    journal: dict[str, Any] = run_experiment(experiment, settings, (configuration, {}), event_handlers=[keeper])
    return journal


def _obey(halt: Path) -> None:
    """Turn SIGTERM into a file that every step of the experiment looks for; leave Ctrl-C to the trial."""

    def note(_number: int, _frame: object) -> None:
        halt.parent.mkdir(exist_ok=True)
        halt.touch()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    typer.run(main)
