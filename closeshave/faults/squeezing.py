"""Limits a process to a share of a CPU: by the kernel's own quota if it runs in a container, otherwise by a helper that stops and resumes it.

A quota needs privileges, which a container engine has. The effect of both is the same: the process keeps its connections and answers late.
"""

from __future__ import annotations

from collections.abc import Iterable

from closeshave.control import machine
from closeshave.control.machine import MachineFailed
from closeshave.control.processes import Identity
from closeshave.deployment import Deployment, Process
from closeshave.faults import extra_processes
from closeshave.faults.kind import Proof, Say
from closeshave.faults.waiting import wait_until
from closeshave.history import TouchedCpu, TouchedProcess
from closeshave.plurals import counted

LASTS_S_MAX = 1200.0
"""Longer than any fault may be held: after this time a helper ends even if nothing stops it."""


def squeeze(
    deployment: Deployment, process: Process, target: Identity, helper: str, share: float, period_s: float, strike_ns: int
) -> tuple[TouchedCpu | TouchedProcess, ...]:
    """Squeeze at an instant: the container of ``process`` as a whole, or ``target`` and its children by a helper of this name.

    The helper needs some seconds to start before the injection. Raises :class:`OSError` or :data:`MachineFailed`.
    """
    place = machine.of(process)
    if place.own_limits:
        wait_until(strike_ns)
        place.limit_cpu(share)
        return (TouchedCpu(process.name, share),)
    said = (target.pid, target.started, share, period_s, strike_ns, LASTS_S_MAX)
    started = extra_processes.start_helper(deployment, helper, "squeeze", *map(repr, said))
    wait_until(strike_ns)
    return (TouchedProcess(process.name, target.pid), TouchedProcess(helper, started.pid))


def release(processes: Iterable[Process], say: Say) -> tuple[str, ...]:
    """Lift the quotas of the containers that these processes run in."""
    done = []
    for process in processes:
        place = machine.of(process)
        if not place.own_limits or not place.running:
            continue
        try:
            if place.allowance().cpu_share is not None:
                place.limit_cpu(None)
                done.append(f"{process.name} may use all of a CPU again")
        except MachineFailed as error:
            # It may have ended just now, and with it its quota. If not, the proof says so.
            say(str(error))
    return tuple(done)


def unsqueezed(processes: Iterable[Process]) -> Proof:
    """No running container of these processes has a quota."""
    limited = [(process.name, place) for process in processes if (place := machine.of(process)).own_limits]
    try:
        left = [name for name, place in limited if place.running and place.allowance().cpu_share is not None]
    except MachineFailed as error:
        left = [str(error)]
    return Proof(
        counted(len(limited), "container may use a whole CPU", "containers may use a whole CPU"), not left, ", ".join(left) or "all of them"
    )
