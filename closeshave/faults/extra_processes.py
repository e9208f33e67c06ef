"""Processes that exist because of a fault: its helpers, and parts of the environment that run with other settings than declared.

Each carries a mark with the name of the process that it replaces, so that any process that heals can find it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import psutil

from closeshave.control import processes
from closeshave.control.local import reap
from closeshave.control.processes import Identity
from closeshave.deployment import Deployment, Process
from closeshave.vocabulary import SUBSTITUTE_VARIABLE

"""The variable that holds the name of the deployment's process, or of the helper."""
POLITE_S = 4.0
"""An application that is asked to end finishes its requests in flight, for two seconds at most."""


def start(deployment: Deployment, process: Process, changes: Mapping[str, str]) -> Identity:
    """Start a process of the deployment with these variables beside its declared ones. Raises :class:`OSError`."""
    environ = {**process.environ, **changes, SUBSTITUTE_VARIABLE: process.name}
    return processes.start(Path(deployment.root), deployment.id, replace(process, environ=environ))


def start_helper(deployment: Deployment, name: str, module: str, *arguments: str, nice: int = 0) -> Identity:
    """Start a helper, ``python -m closeshave.faults.helpers.MODULE``, which runs until it is ended. Raises :class:`OSError`.

    It belongs to the environment and ends with it at the latest.
    """
    # It runs below the environment's root: this package must be found from there.
    paths = [str(Path(__file__).parents[2]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environ = {"PYTHONPATH": os.pathsep.join(paths), SUBSTITUTE_VARIABLE: name}
    argv = (sys.executable, "-m", f"closeshave.faults.helpers.{module}", *arguments)
    return processes.start(Path(deployment.root), deployment.id, Process(name, "helper", None, argv, environ, nice=nice))


def running(deployment: Deployment, names: Iterable[str]) -> dict[Identity, str]:
    """The live processes of this environment that carry one of these names in their mark."""
    reap()
    wanted = set(names)
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environ = process.environ()
            name = environ.get(SUBSTITUTE_VARIABLE, "")
            if name in wanted and environ.get(processes.MARK) == deployment.id and process.status() != psutil.STATUS_ZOMBIE:
                found[Identity(process.pid, process.create_time())] = name
    return found


def end(targets: Iterable[Identity], polite_s: float = POLITE_S) -> None:
    """Ask processes to end, resume those that are stopped, and kill those that have not ended in time."""
    everyone = list(targets)
    processes.send(everyone, signal.SIGTERM)
    processes.send(everyone, signal.SIGCONT)
    left = processes.gone(everyone, polite_s)
    processes.send(left, signal.SIGKILL)
    processes.gone(left, polite_s)
