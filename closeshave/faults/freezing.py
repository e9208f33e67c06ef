"""Freeze processes of an environment by SIGSTOP, all at once, and verify that they are stopped: alive, but answering nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass

from closeshave.clock import now_ns
from closeshave.control.processes import send, stopped
from closeshave.control.waiting import obstacle
from closeshave.faults.killing import Victim, states
from closeshave.faults.waiting import wait_until
from closeshave.history import TouchedProcess

FROZEN_WITHIN_S = 2.0


class StillRunning(RuntimeError):
    """A process that should be frozen still runs."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """When freezing began and when all processes were proven to be stopped, in monotonic nanoseconds."""

    began_ns: int
    still_ns: int
    touched: tuple[TouchedProcess, ...]


def freeze(victims: Iterable[Victim], at_ns: int) -> Freeze:
    """Stop ``victims`` at an instant and wait until all are stopped. Raises :class:`StillRunning`, also when there was none."""
    everyone = tuple(victims)
    wait_until(at_ns)
    began_ns = now_ns()
    targets = [victim.identity for victim in everyone]
    if len(send(targets, signal.SIGSTOP)) < len(targets) or not targets:
        raise StillRunning("not all processes to stop were running")
    if going := obstacle(lambda: unstopped(everyone), FROZEN_WITHIN_S, interval_s=0.005):
        raise StillRunning(f"not stopped {FROZEN_WITHIN_S:g} s after SIGSTOP: {going}")
    return Freeze(began_ns, now_ns(), tuple(victim.touched for victim in everyone))


def unstopped(victims: Iterable[Victim]) -> str:
    """Those that are not stopped, and what each does instead; empty when all are."""
    everyone = tuple(victims)
    still = stopped(victim.identity for victim in everyone)
    return states(victim for victim in everyone if victim.identity not in still)
