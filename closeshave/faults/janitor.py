"""The janitor: a detached process that survives the harness and cleans up after it, even after ``kill -9``.

This module is the harness's side: start it, check that it runs, dismiss it. The janitor's own process is ``watch.py``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from closeshave.control import variables
from closeshave.control.processes import Identity, poll_until, read_identity
from closeshave.faults.heartbeat import Heartbeat
from closeshave.faults.runmark import RUN_MARK
from closeshave.faults.watch import FINISHED, RECORD, UNFINISHED
from closeshave.files import write_atomically
from closeshave.files.plaintext import log_end

__all__ = ["Heartbeat", "Janitor", "JanitorFailed", "start"]

LEASE_S = 5.0
STARTED_WITHIN_S = 20.0


class JanitorFailed(RuntimeError):
    """The janitor did not start; without it no part may be started and no fault injected."""


@dataclass(frozen=True, slots=True)
class Janitor:
    """The handle of a run's janitor."""

    run: Path
    identity: Identity

    @property
    def alive(self) -> bool:
        """Whether it runs; a trial without a janitor stops."""
        return self.identity.alive

    def dismiss(self, timeout_s: float = 10.0) -> None:
        """Tell it that everything is cleaned up, and wait until it has ended; kill it when it does not end in time."""
        write_atomically(self.run / FINISHED, "")
        if not poll_until(lambda: not self.alive, timeout_s):
            os.kill(self.identity.pid, signal.SIGKILL)

    def leave_to(self) -> None:
        """Tell it that the harness has ended but could not remove the environment: the janitor goes on trying."""
        write_atomically(self.run / UNFINISHED, "")


def start(
    run: Path, deployment_root: Path, destroy: tuple[str, ...] | None, withheld: Iterable[str] = (), module: str = "closeshave.faults.watch"
) -> Janitor:
    """Start the janitor of a run and wait until it watches. Call it inside a :class:`Heartbeat`, before anything else is started.

    ``destroy`` is the command that removes the environment, for one that the harness owns; ``None`` for one that it was attached to, which is healed
    instead. ``withheld`` names variables with secrets that the janitor does not need; ``module`` is its program, which says what it can undo. Its log
    is ``RUN/logs/janitor.log``. Raises :class:`JanitorFailed`.
    """
    log_path = run / "logs" / "janitor.log"
    log_path.parent.mkdir(exist_ok=True)
    (run / RECORD).unlink(missing_ok=True)
    for word in (FINISHED, UNFINISHED):
        (run / word).unlink(missing_ok=True)
    argv = [sys.executable, "-m", module, "--run", str(run), "--lease-s", str(LEASE_S)]
    argv += ["--deployment", str(deployment_root), *(["--destroy", json.dumps(destroy)] if destroy else [])]
    # Without the run's mark: its sweep of the run's helpers must not end itself.
    environ = {name: value for name, value in variables.without(withheld).items() if name != RUN_MARK}
    with log_path.open("ab") as log:
        launched = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environ, check=False
        )
    if launched.returncode:
        raise JanitorFailed(f"the janitor did not start (exit code {launched.returncode}); {log_end(log_path)}")
    if not poll_until((run / RECORD).exists, STARTED_WITHIN_S):
        raise JanitorFailed(f"the janitor did not say within {STARTED_WITHIN_S:g} s that it watches; {log_end(log_path)}")
    identity = read_identity(run / RECORD)
    if identity is None:
        raise JanitorFailed(f"the janitor did not record its process ID; see {log_path}")
    return Janitor(run, identity)
