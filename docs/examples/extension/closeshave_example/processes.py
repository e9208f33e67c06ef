"""A probe: how many processes of the platform run."""

from __future__ import annotations

from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.trial.probe import PlatformProbe


def ask(deployment: Deployment) -> str:
    """``41 of 42 run``."""
    running = sum(processes.find(Path(deployment.root), process) is not None for process in deployment.processes)
    return f"{running} of {len(deployment.processes)} run"


PROBE = PlatformProbe(asks="How many of the platform's processes run, by the records of their starts.", ask=ask)
