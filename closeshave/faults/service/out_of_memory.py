"""An application reaches its memory limit, and the kernel kills it."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from closeshave.clients import ports
from closeshave.clock import now_ns
from closeshave.control import machine, processes
from closeshave.control.machine import MachineFailed
from closeshave.deployment import Process
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.service import fleet
from closeshave.faults.service.fleet import INSTANCE, alive, instance
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedMemory, TouchedProcess
from closeshave.plan import Expected
from closeshave.plurals import counted

ROOM_BYTES = 8 << 20
"""The limit is set this much above the memory in use: kernels with version 1 of control groups refuse a limit below it."""
KILLED_WITHIN_S = 5.0
FIRST_TO_GO = "echo 1000 > /proc/1/oom_score_adj"
"""The kernel must choose the application, and no other process of its container."""


class StillThere(RuntimeError):
    """The kernel did not kill an application that had no memory left."""


def unfit(aim: Aim) -> str:
    """Unfit if applications have no memory limit of their own, or until all of them are ready."""
    if reason := fleet.unfit(aim):
        return reason
    return "" if machine.of(instance(aim)).own_limits else f"{instance(aim).name} does not run in a container"


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Set its limit little above its use, and fill the rest from inside its container until the kernel kills it."""
    app = instance(aim)
    target, place = alive(aim, app), machine.of(app)
    place.execute(["/bin/sh", "-c", FIRST_TO_GO])
    bytes_max = _resident_bytes(aim, app) + ROOM_BYTES
    wait_until(strike_ns)
    began_ns = now_ns()
    place.limit_memory(bytes_max)
    # The program that uses it up ends with the container, so its caller sees a failure.
    with contextlib.suppress(MachineFailed):
        place.execute(["python3", "-c", f"b'x' * {bytes_max}"])
    if processes.gone([target], KILLED_WITHIN_S):
        now = f"it is {processes.state(target)} and holds {_resident_bytes(aim, app)} bytes"
        raise StillThere(f"{app.name} still runs {KILLED_WITHIN_S:g} s after its {bytes_max} bytes were used up: {now}")
    touched = (TouchedProcess(app.name, target.pid), TouchedMemory(app.name, bytes_max, container=True))
    return Injection(aim.label, touched, began_ns, now_ns(), (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Connect to its port, and ask the engine why it has ended: the kernel killed it because it was out of memory."""
    app = instance(aim)
    refused = ports.refusal(app.ports[0])
    if not refused:
        return NotSeen(f"{app.name} accepts connections on port {app.ports[0]}")
    if not machine.of(app).killed_for_memory():
        return NotSeen(f"TCP to {app.name}: {refused}, but the engine does not say that it was out of memory")
    return Sighting(
        f"TCP to {app.name} on port {app.ports[0]}, the engine's report on its end", f"{refused}; killed because it was out of memory"
    )


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End an application whose limit is not the declared one; then as for every fault of the service: it starts with the declared limit."""
    done = []
    for app in fleet.fleet(aim):
        found = processes.find(Path(aim.deployment.root), app)
        if found is not None and _undeclared(app):
            processes.send([found], signal.SIGKILL)
            processes.gone([found], KILLED_WITHIN_S)
            done.append(f"ended {app.name} pid {found.pid}")
    return (*done, *fleet.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The region's applications run as declared, may use the memory that is declared, and are reached through the edge."""
    return (_limits(aim), *fleet.prove(aim))


def _limits(aim: Aim) -> Proof:
    apps = fleet.fleet(aim)
    try:
        left = list(filter(None, map(_undeclared, apps)))
    except MachineFailed as error:
        left = [str(error)]
    claim = counted(len(apps), "application may use its declared memory", "applications may use their declared memory")
    return Proof(claim, not left, "; ".join(left) or "all of them")


def _undeclared(app: Process) -> str:
    """How an application's memory limit differs from the declared one; empty when it does not, or there is none."""
    place = machine.of(app)
    declared, now = place.declared_memory_bytes_max(), place.allowance().memory_bytes_max
    return "" if declared == now else f"{app.name} may use {now} bytes of memory; declared: {declared}"


def _resident_bytes(aim: Aim, app: Process) -> int:
    handles = [identity.handle() for identity in processes.family(Path(aim.deployment.root), app)]
    return sum(handle.memory_info().rss for handle in handles if handle is not None)


KIND = Kind(
    name="service.out-of-memory",
    does="Limits one of a region's application processes to the memory that it uses and fills that up, so that the kernel kills it.",
    observed_by="Connections to the process's own port are refused, and the engine reports that the kernel killed it because it was out of memory.",
    undone_by="Starts the process again with its declared limit; proven by reading that back, its readiness, its answers, the region's edge.",
    scope=("region",),
    parameters=(INSTANCE,),
    # Its requests in progress are lost; the balancer sends everything else to the others at once.
    expected=Expected.TOLERATES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: 3.0,
    effect_within_s=None,
    environments=frozenset({"containers"}),
    needs="memory limits of a container engine",
)
