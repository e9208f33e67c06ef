"""Kill processes of an environment by SIGKILL, all at once, and prove them dead."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from closeshave.clock import now_ns
from closeshave.control.processes import Identity, daemon, descendants, family, gone, send, state
from closeshave.deployment import Deployment, Process
from closeshave.faults.waiting import wait_until
from closeshave.history import TouchedProcess

GONE_WITHIN_S = 2.0


class StillAlive(RuntimeError):
    """A killed process did not die."""


@dataclass(frozen=True, slots=True)
class Victim:
    """One operating-system process to be killed, under the name of the deployment's process that it belongs to."""

    process: str
    program: str
    identity: Identity

    @property
    def touched(self) -> TouchedProcess:
        """The same, as evidence."""
        return TouchedProcess(self.process, self.identity.pid, self.program)

    def __str__(self) -> str:
        return str(self.touched)


@dataclass(frozen=True, slots=True)
class Kill:
    """When a kill began and when everything was proven dead, in monotonic nanoseconds."""

    began_ns: int
    dead_ns: int
    touched: tuple[TouchedProcess, ...]


def victims_of(deployment: Deployment, processes: Iterable[Process]) -> tuple[Victim, ...]:
    """All processes that belong to these: daemons and descendants too, in the order in which they should die.

    A process that starts others (Patroni, a postmaster) comes before them, so that it cannot start them again in between.
    """
    root = Path(deployment.root)
    return tuple(Victim(process.name, _program(identity), identity) for process in processes for identity in family(root, process))


def postmaster(deployment: Deployment, process: Process) -> tuple[Victim, ...]:
    """The postmaster that a Patroni process manages, and its children; empty when there is none."""
    identity = daemon(Path(deployment.root), process)
    return tuple(Victim(process.name, _program(each), each) for each in (descendants(identity) if identity else ()))


def kill(signalled: Iterable[Victim], at_ns: int, dying_with_them: Iterable[Victim] = ()) -> Kill:
    """Kill ``signalled`` at an instant and wait until they and ``dying_with_them``, which end by themselves then, are dead.

    Raises :class:`StillAlive`, also when there was no process to kill.
    """
    first = tuple(signalled)
    everyone = (*first, *dying_with_them)
    wait_until(at_ns)
    began_ns = now_ns()
    if not send([victim.identity for victim in first], signal.SIGKILL):
        raise StillAlive("no process to kill was running")
    left = gone([victim.identity for victim in everyone], GONE_WITHIN_S)
    if left:
        # An orphan that did not notice its parent's death: it would still acknowledge writes and block the restart.
        send(left, signal.SIGKILL)
        left = gone(left, GONE_WITHIN_S)
    if left:
        raise StillAlive(
            f"still alive {GONE_WITHIN_S:g} s after SIGKILL: {states(victim for victim in everyone if victim.identity in left)}"
        )
    return Kill(began_ns, now_ns(), tuple(victim.touched for victim in everyone))


def states(victims: Iterable[Victim]) -> str:
    """Each of them and what it does now: ``postgres shard1-us-west-2 pid 71 (disk-sleep)``."""
    return ", ".join(f"{victim} ({state(victim.identity)})" for victim in victims)


def _program(identity: Identity) -> str:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(identity.pid).name()
    return "process"
