"""Starts and stops the process of one fault, for the trial. The process itself is ``experiment.py``.

SIGTERM means *stop holding and heal now*: whatever the experiment is doing, it heals, proves and then ends. Its exit code is 0 when nothing
of the fault is left, 1 when its heal could not be proven.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from closeshave.control import variables
from closeshave.deployment import Deployment
from closeshave.faults.runmark import RUN_MARK, mark
from closeshave.files import write_atomically
from closeshave.plan import Fault


@dataclass(frozen=True, slots=True)
class ExperimentOrder:
    """All settings of an experiment's process, as a file."""

    fault: str
    kind: str
    scope: Mapping[str, str | int]
    parameters: Mapping[str, str | int | float | bool]
    hold_s: float
    at_ns: int
    deployment: str
    run: str


ORDER = TypeAdapter(ExperimentOrder)


class Child(Protocol):
    """The process of an experiment, as :class:`subprocess.Popen` and :class:`closeshave.faults.forkserver.Forked` are one."""

    def poll(self) -> int | None:
        """Its exit code; ``None`` while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises :class:`subprocess.TimeoutExpired` after ``timeout`` seconds."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""


def order(deployment: Deployment, run: Path, fault: Fault, at_ns: int) -> Path:
    """Write the order of the experiment of ``fault``: inject at ``at_ns`` (monotonic), heal ``fault.hold`` seconds later. Returns the file."""
    written = run / "faults" / f"{fault.id}.json"
    written.parent.mkdir(exist_ok=True)
    told = ExperimentOrder(fault.id, fault.kind, fault.scope, fault.parameters, fault.hold, at_ns, deployment.root, str(run))
    write_atomically(written, ORDER.dump_json(told, indent=1))
    return written


def log_file(written: Path) -> Path:
    """The log of the experiment of this order: ``RUN/logs/fault-ID.log``."""
    logs = written.parent.parent / "logs"
    logs.mkdir(exist_ok=True)
    return logs / f"fault-{written.stem}.log"


def start(deployment: Deployment, run: Path, fault: Fault, at_ns: int) -> subprocess.Popen[bytes]:
    """Start the experiment of ``fault`` in a new interpreter.

    Call this about five seconds before the injection: the interpreter takes a second or two to start, and then checks that the environment is fit.
    Output goes to ``RUN/logs/fault-ID.log``, Chaos Toolkit's journal to ``RUN/journal-ID.json``. Raises :class:`OSError`.
    """
    return begin(deployment, run, order(deployment, run, fault, at_ns), "closeshave.faults.experiment")


def begin(deployment: Deployment, run: Path, written: Path, module: str) -> subprocess.Popen[bytes]:
    """Carry out a written order in a new interpreter that runs ``module``. Raises :class:`OSError`."""
    with log_file(written).open("ab") as log:
        # A session of its own: Ctrl-C at the terminal is for the trial, which then asks the experiment to heal.
        return subprocess.Popen(
            [sys.executable, "-m", module, str(written)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**variables.without(deployment.secrets.not_for_faults), RUN_MARK: mark(run)},
        )


def stop(child: Child, timeout_s: float = 150.0) -> int | None:
    """Ask an experiment to heal at once and wait for it; returns its exit code.

    ``None`` when it had not ended after ``timeout_s`` seconds and was killed: its fault is still open in the ledger.
    """
    child.terminate()
    try:
        return child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return None
