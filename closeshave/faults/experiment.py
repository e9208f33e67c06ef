"""The process of one fault: its kind's experiment, run by Chaos Toolkit in an unpatched interpreter.

``python -m closeshave.faults.experiment ORDER.json``; the trial starts it through ``child.py``.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from chaoslib.experiment import run_experiment  # type: ignore[import-untyped] # it ships no types
from chaoslib.loader import load_experiment  # type: ignore[import-untyped] # it ships no types

from closeshave.clock import now_ns
from closeshave.faults.catalogue import KINDS, OWN
from closeshave.faults.child import ORDER, ExperimentOrder
from closeshave.faults.experiments import text
from closeshave.faults.journal import JournalWriter, failed_rollbacks, tracebacks
from closeshave.faults.ledger import Ledger
from closeshave.faults.runmark import RUN_MARK
from closeshave.faults.toolkit import stop_file
from closeshave.files import unexpected, write_atomically
from closeshave.files.shipped import locate
from closeshave.history import Mark, record
from closeshave.vocabulary import MarkKind

UNPROVEN = 1


def run(order: ExperimentOrder) -> int:
    """Run the experiment of one fault, from its injection to the proof of its heal; returns the exit code."""
    # What healing starts again belongs to the environment, not to this run: it must not carry the run's mark.
    os.environ.pop(RUN_MARK, None)
    halt = stop_file(Path(order.run), order.fault)
    obey(halt)
    journal = _experiment(order, halt)
    for name, told in tracebacks(journal):
        unexpected.keep_text(told, Path(order.run), f"{order.fault}: {name}")
    failed = failed_rollbacks(journal)
    still_open = Ledger(Path(order.run)).find(order.fault) is not None
    if failed or still_open:
        told = "; ".join(failed) or "no rollback failed, but the ledger still shows it as open"
        logging.error("not healed: %s", told)
        record(Path(order.run), Mark(now_ns(), MarkKind.NOTE, f"{order.fault} was not healed by its experiment: {told}"))
        return UNPROVEN
    return 0


def _experiment(order: ExperimentOrder, halt: Path) -> dict[str, Any]:
    experiment = load_experiment(str(_file(order)))
    configuration = {
        **{parameter.name: parameter.default for parameter in KINDS[order.kind].parameters},
        **order.parameters,
        **order.scope,
        "deployment": order.deployment,
        "run": order.run,
        "fault": order.fault,
        "at_ns": order.at_ns,
        "hold_s": order.hold_s,
    }
    # "always": by default an interrupted experiment, the one that needs it most, is not rolled back.
    settings = {"runtime": {"rollbacks": {"strategy": "always"}}}
    # Chaos Toolkit installs a handler that raises at any point on SIGTERM, inside a rollback too; afterwards the harness's own is restored.
    writer = JournalWriter(Path(order.run) / f"journal-{order.fault}.json", running=lambda: obey(halt))
    journal: dict[str, Any] = run_experiment(experiment, settings, (configuration, {}), event_handlers=[writer])
    return journal


def _file(order: ExperimentOrder) -> Path:
    """The experiment of the fault's kind: the file below ``chaos/``, or, for a kind of an installed package, one that is made in the run."""
    if order.kind in OWN:
        family, name = order.kind.split(".")
        return locate("chaos", f"{family}/{name}.yaml")
    made = Path(order.run) / "faults" / f"{order.fault}.experiment.yaml"
    made.parent.mkdir(exist_ok=True)
    write_atomically(made, text(KINDS[order.kind]))
    return made


def obey(halt: Path) -> None:
    """On SIGTERM, create a file that every step of the experiment looks for. Ctrl-C is ignored here; the trial handles it."""

    def note(_number: int, _frame: object) -> None:
        halt.touch()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(order: Path) -> int:
    """Run the experiment of the order in this file; returns the exit code. Raises :class:`OSError` and :class:`ValueError`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # otherwise every request to a part is a line
    return run(ORDER.validate_json(order.read_bytes()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
