"""The operator's stop of a run from another terminal: heal, clean up, judge what there is; exit code 5 of the run that is stopped."""

from __future__ import annotations

import signal
from collections import deque
from pathlib import Path

from closeshave.control.processes import gone, send
from closeshave.faults import heartbeat
from closeshave.files import read_lines, write_atomically
from closeshave.vocabulary import STOP, TIMELINE

FILE = STOP
"""A file in a run directory: the operator requested the stop. Written before the signal, because the signal alone means the same as Ctrl-C."""


def running(runs: Path) -> tuple[Path, ...]:
    """The runs below ``runs`` whose harness is running, oldest first."""
    beats = ((path.parent, heartbeat.read(path.parent)) for path in sorted(runs.glob(f"*/{heartbeat.FILE}")))
    return tuple(run for run, beat in beats if beat is not None and beat.harness.alive)


def ask(run: Path, timeout_s: float) -> bool:
    """Stop a run and wait until it has healed, cleaned up and ended; returns whether it ended within ``timeout_s`` seconds.

    Raises :class:`LookupError` when it is not running.
    """
    beat = heartbeat.read(run)
    if beat is None or not beat.harness.alive:
        raise LookupError(f"{run} is not running")
    write_atomically(run / FILE, "")
    send([beat.harness], signal.SIGTERM)
    return not gone([beat.harness], timeout_s)


def asked(run: Path) -> bool:
    """Whether the operator requested the stop of this run."""
    return (run / FILE).exists()


def last_event(run: Path) -> str:
    """What is last on the timeline of a run, in a few words; says so where nothing can be read there."""
    try:
        last = next(iter(deque(read_lines(run / TIMELINE), maxlen=1)), {})
    except (OSError, ValueError) as error:
        return f"its timeline cannot be read: {error}"
    words = (str(last[key]) for key in ("type", "kind", "fault", "edge", "scope", "detail") if last.get(key))
    return f"last on its timeline: {' '.join(words)}" if last else "its timeline is empty"
