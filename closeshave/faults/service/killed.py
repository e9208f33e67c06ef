"""An application process dies at once."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.service.fleet import INSTANCE, PART, instance, prove, undo, unfit
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill it by SIGKILL."""
    app = instance(aim)
    done = kill(victims_of(aim.deployment, [app]), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Connect to its port: refused."""
    app = instance(aim)
    refused = ports.refusal(app.ports[0])
    if not refused:
        return NotSeen(f"{app.name} accepts connections on port {app.ports[0]}")
    return Sighting(f"TCP to {app.name} on port {app.ports[0]}", refused)


KIND = Kind(
    name="service.killed",
    does="Kills one of a region's application processes, or one of its poolers, by SIGKILL; nothing restarts it until the fault is healed.",
    observed_by="Connections to the process's own port are refused.",
    undone_by="Starts the process again; proven by its readiness, its answers and the region's edge.",
    scope=("region",),
    parameters=(INSTANCE, PART),
    # Its requests in progress are lost; the balancer sends everything else to the others at once.
    expected=Expected.TOLERATES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    effect_within_s=None,
)
