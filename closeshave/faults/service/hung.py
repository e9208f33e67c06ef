"""An application process hangs: the kernel accepts connections, and they are never answered."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.faults.freezing import freeze
from closeshave.faults.killing import victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.service.fleet import INSTANCE, instance, prove, undo, unfit
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Stop it by SIGSTOP."""
    app = instance(aim)
    done = freeze(victims_of(aim.deployment, [app]), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.still_ns, (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Ask it for its readiness: the connection is accepted, but no answer comes."""
    app = instance(aim)
    port, path = app.ports[0], aim.deployment.application.readiness.path
    if refused := ports.refusal(port):
        return NotSeen(f"{app.name} accepts no connection on port {port}: {refused}")
    if status := ports.status(ports.url(port, path)):
        return NotSeen(f"{app.name} answers GET {path} with {status}")
    return Sighting(f"GET {path} of {app.name} on port {port}", f"accepted, but no answer within {ports.TIMEOUT_S:g} s")


KIND = Kind(
    name="service.hung",
    does="Stops one of a region's application processes by SIGSTOP: it accepts connections and never answers.",
    observed_by="The process's own port accepts a connection and does not answer when asked for its readiness.",
    undone_by="Resumes the process; proven by its readiness, its answers and the region's edge.",
    scope=("region",),
    parameters=(INSTANCE,),
    # The balancer's checks time out before it is taken out; until then its share of the requests waits.
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
)
