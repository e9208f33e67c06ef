"""Let a process have no more than a share of a CPU: by the kernel's own quota where it runs in a container, else by a helper that stops it in turns.

A quota wants privileges, which a container engine has. Seen from the process both are the same: it holds its connections and answers late.
"""

from __future__ import annotations

from collections.abc import Iterable

from closeshave.control import engine
from closeshave.control.engine.allowance import allowance
from closeshave.control.processes import Identity
from closeshave.deployment import Deployment, Process
from closeshave.faults import extra_processes
from closeshave.faults.kind import Proof, Say
from closeshave.faults.waiting import wait_until

LASTS_S_MAX = 1200.0
"""Longer than any fault may hold: a helper that nobody ends still ends."""


def squeeze(
    deployment: Deployment, process: Process, target: Identity, helper: str, share: float, period_s: float, strike_ns: int
) -> tuple[str, ...]:
    """Squeeze at an instant: the container of ``process`` as a whole, or ``target`` and its children by a helper of this name.

    The helper wants some seconds ahead to start in. Raises :class:`OSError` or :class:`engine.EngineFailed`.
    """
    if process.container is not None:
        wait_until(strike_ns)
        engine.limit_cpu(process.container.name, share)
        return (f"container of {process.name} limited to {share:g} of a CPU",)
    said = (target.pid, target.started, share, period_s, strike_ns, LASTS_S_MAX)
    started = extra_processes.help_with(deployment, helper, "squeeze", *map(repr, said))
    wait_until(strike_ns)
    return (f"{process.name} pid {target.pid}", f"{helper} pid {started.pid}")


def release(processes: Iterable[Process], say: Say) -> tuple[str, ...]:
    """Lift the quotas of the containers that these processes run in."""
    done = []
    for process in processes:
        if process.container is None or engine.alive(process.container.name) is None:
            continue
        try:
            if allowance(process.container.name).cpu_share is not None:
                engine.limit_cpu(process.container.name, None)
                done.append(f"{process.name} may use all of a CPU again")
        except engine.EngineFailed as error:
            # It may have ended just now, and with it its quota. If not, the proof says so.
            say(str(error))
    return tuple(done)


def unsqueezed(processes: Iterable[Process]) -> Proof:
    """No running container of these processes has a quota."""
    named = [(process.name, process.container.name) for process in processes if process.container is not None]
    try:
        left = [name for name, container in named if engine.alive(container) is not None and allowance(container).cpu_share is not None]
    except engine.EngineFailed as error:
        left = [str(error)]
    return Proof(f"{len(named)} containers may use all of a CPU", not left, ", ".join(left) or "all of them")
