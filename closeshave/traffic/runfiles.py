"""The files by which the trial and the workers of a generator communicate before the load starts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from closeshave.vocabulary import LOAD_VARIABLE, STARTER_VARIABLE

VARIABLE = LOAD_VARIABLE
"""The environment variable with the path of ``load.json`` for a Locust process."""
STARTER = STARTER_VARIABLE
"""The environment variable with the process ID of who started it."""

RECORDS = "spool"
"""Directory below the run's in which workers keep their records."""

SenderKind = Literal["customers", "canary"]
"""Which senders a generator has."""

FIRST_NUMBER = {"customers": 1, "canary": 0}
"""Number of a generator's first worker; operation IDs contain the number, so no two workers of a run may have the same."""


def worker(kind: SenderKind, index: int) -> str:
    """The name of a generator's worker."""
    return f"{kind}-{FIRST_NUMBER[kind] + index}"


def ready_file(run: Path, worker: str) -> Path:
    """Written by a worker that is ready to start, with everything imported and computed; holds its process ID."""
    return run / "generators" / f"{worker}.ready"


def failed_file(run: Path, worker: str) -> Path:
    """Written by a worker that cannot carry out its load; the log says why."""
    return run / "generators" / f"{worker}.failed"


def refused_file(run: Path, worker: str) -> Path:
    """Written by a worker whose load does not fit the platform; holds the whole reason, for whoever wrote the plan."""
    return run / "generators" / f"{worker}.refused"


def lease_file(run: Path) -> Path:
    """Touched again and again by whoever is responsible for a leased load: without that, its workers end it by themselves.

    Where a lost share may be dealt again, it holds a number: nanoseconds after the load's start, and what is due from then on must not be begun yet.
    """
    return run / "generators" / "lease"


def redeals_file(run: Path) -> Path:
    """Written for all workers of a leased load: which lost shares were dealt again (:mod:`closeshave.traffic.redealing`)."""
    return run / "generators" / "redeals.json"


def end_file(run: Path, kind: SenderKind) -> Path:
    """Written by the trial for all workers of a generator: the load is over, earlier than planned."""
    return run / "generators" / f"{kind}.end"


def go_file(run: Path, kind: SenderKind) -> Path:
    """Written by the trial for all workers of a generator: the instant of the start, in nanoseconds of the monotonic clock."""
    return run / "generators" / f"{kind}.go"
