"""Freeze processes of an environment by SIGSTOP, all at once, and prove them frozen: alive in every table, answering nobody."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from closeshave.clock import now_ns
from closeshave.faults.killing import Victim
from closeshave.faults.waiting import after, until, wait_until
from closeshave.processes import Identity, send

FROZEN_WITHIN_S = 2.0


class StillRunning(RuntimeError):
    """Something that was to be frozen runs on."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """When freezing began and when everything was proven to stand still, in monotonic nanoseconds."""

    began_ns: int
    still_ns: int
    touched: tuple[str, ...]


def freeze(victims: Iterable[Victim], at_ns: int) -> Freeze:
    """Stop ``victims`` at an instant and wait until all of them stand still. Raises :class:`StillRunning`; also when there was nobody."""
    everyone = tuple(victims)
    wait_until(at_ns)
    began_ns = now_ns()
    if len(send([victim.identity for victim in everyone], signal.SIGSTOP)) < len(everyone) or not everyone:
        raise StillRunning("not everything was there to be frozen")
    if not until(lambda: all(stopped(victim.identity) for victim in everyone), after(FROZEN_WITHIN_S), interval_s=0.005):
        raise StillRunning(f"not stopped after SIGSTOP: {', '.join(str(victim) for victim in everyone if not stopped(victim.identity))}")
    return Freeze(began_ns, now_ns(), tuple(str(victim) for victim in everyone))


def stopped(identity: Identity) -> bool:
    """Whether this incarnation lives and stands still."""
    handle = identity.handle()
    return handle is not None and handle.status() == psutil.STATUS_STOPPED
