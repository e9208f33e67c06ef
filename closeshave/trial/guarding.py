"""A janitor for what changes a running environment without a trial: if its process is killed, somebody else puts the environment back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closeshave.faults import janitor

WATCHING = "closeshave.trial.watching"
"""The janitor's program: it can undo faults and drills, and goes back from a rollout."""


@contextmanager
def guarded(root: Path) -> Iterator[None]:
    """While the block runs, a janitor watches this process from a directory in the environment's root, where its log stays if it had work.

    Raises :class:`closeshave.faults.janitor.JanitorFailed`, :class:`OSError`; then nothing was begun.
    """
    place = root / f"rollout-{os.getpid()}"
    place.mkdir(exist_ok=True)
    try:
        with janitor.Heartbeat(place):
            guard = janitor.start(place, root, None, module=WATCHING)
            try:
                yield
            finally:
                guard.dismiss()
    finally:
        shutil.rmtree(place, ignore_errors=True)
