"""A gray failure: one application process of several answers errors, while its health checks pass."""

from __future__ import annotations

import json

from closeshave.clock import now_ns
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.faults.service.fleet import ASKED, INSTANCE, asked, instance, instruction_file, prove, ready, undo, unfit
from closeshave.faults.waiting import wait_until
from closeshave.files import write_atomically
from closeshave.history import Injection, Sighting, TouchedSettings
from closeshave.plan import Expected

SHARE = Parameter("share", float, default=0.5, about="Share of its requests that end with 500.", at_least=0.05, at_most=1.0)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Write an instruction to fail into the file from which the process reads an operator's instructions."""
    app = instance(aim)
    wait_until(strike_ns)
    began_ns = now_ns()
    file = instruction_file(aim.deployment, app)
    if file is None:
        raise RuntimeError(f"{app.name} takes no instructions")
    write_atomically(file, json.dumps({"error_share": aim.parameters["share"]}))
    touched = TouchedSettings(app.name, f"by its instruction file {file.name}")
    return Injection(aim.label, (touched,), began_ns, now_ns(), (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Read from the process itself, several times, and ask for its readiness: reads fail, the readiness check does not."""
    app = instance(aim)
    statuses = asked(aim, app, ASKED)
    if 500 not in statuses:
        return NotSeen(f"{ASKED} answers of {app.name}, none of them 500: {', '.join(map(str, dict.fromkeys(statuses)))}")
    if not ready(aim.deployment, app):
        return NotSeen(f"{app.name} says that it is not ready")
    return Sighting(
        f"HTTP to {app.name} on port {app.ports[0]}", f"{statuses.count(500)} of {ASKED} answers are 500, but it says that it is ready"
    )


KIND = Kind(
    name="service.erring",
    does="Makes one of a region's application processes answer a share of its requests with 500 while its health checks pass.",
    observed_by="Reads sent to the process's own port are answered with 500, and its readiness with 200.",
    undone_by="Removes the instruction to fail from the process; proven by its answers, its readiness and the region's edge.",
    scope=("region",),
    uses=("instructions",),
    parameters=(INSTANCE, SHARE),
    # Readiness cannot see it, by definition: without outlier ejection an operator has to take the process out.
    expected=Expected.RESTORED,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
)
