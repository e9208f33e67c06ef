"""A retry storm: a short pause of a region's applications, and clients that repeat their reads at once, during the pause and after it.

Both the pause and the clients are injected: a helper sends reads in addition to those of the trial's customers, at a fixed rate, and repeats each
that is late or bad. If the retries overload a platform, it stays slow for as long as they come.
"""

from __future__ import annotations

import signal

from closeshave.clients import edges
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.faults import extra_processes
from closeshave.faults.freezing import freeze
from closeshave.faults.killing import victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.service import fleet
from closeshave.faults.waiting import SECOND_NS, after, wait_until
from closeshave.history import Before, Injection, Sighting, TouchedProcess
from closeshave.plan import Expected

RATE = Parameter("rate", float, default=20.0, about="New reads per second.", at_least=1, at_most=200)
RETRIES = Parameter("retries", int, default=4, about="How often one read is repeated at most.", at_least=1, at_most=9)
PATIENCE_S = Parameter("patience_s", float, default=0.5, about="Seconds without an answer until it is repeated.", at_least=0.05, at_most=10)
PAUSE_S = Parameter("pause_s", float, default=2.0, about="Seconds for which the region's applications are paused.", at_least=0, at_most=10)
LASTS_S_MAX = 900.0
"""Longer than any fault may hold: after this time the helper ends even if no process ends it."""
ENDS_WITHIN_S = 20.0
"""The helper waits for its requests in flight, so that the edge has counted every request that was noted."""
LOOK_S = 0.5
NICE = 5
"""The same niceness as the servers, so that the trial's own customers keep their schedule."""


def helper(aim: Aim) -> str:
    """The name of the helper's process."""
    return f"storm-{fleet.region_of(aim)}"


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Start the helper before the injection; at the injection it begins to send, and the applications are paused for a while."""
    before = Before(fleet.region_of(aim), "requests_per_s", _per_s(aim))
    said = [aim.deployment.root, fleet.region_of(aim), *(aim.parameters[parameter.name] for parameter in (RATE, RETRIES, PATIENCE_S))]
    storm = extra_processes.start_helper(aim.deployment, helper(aim), "storm", *map(str, (*said, strike_ns, LASTS_S_MAX)), nice=NICE)
    apps = fleet.fleet(aim)
    victims = victims_of(aim.deployment, apps)
    touched: tuple[TouchedProcess, ...] = (TouchedProcess(helper(aim), storm.pid),)
    wait_until(strike_ns)
    began_ns = now_ns()
    if aim.parameters["pause_s"]:
        try:
            touched += freeze(victims, strike_ns).touched
            wait_until(began_ns + round(float(aim.parameters["pause_s"]) * SECOND_NS))
        finally:
            processes.send([victim.identity for victim in victims], signal.SIGCONT)
    targets = tuple(app.name for app in apps)
    return Injection(aim.label, touched, began_ns, now_ns(), targets, before=(before,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Read the edge's own counter twice: it grows faster than before the injection, by at least the helper's rate."""
    per_s = _per_s(aim)
    more = per_s - injection.before_of(fleet.region_of(aim))
    if more < 0.5 * float(aim.parameters["rate"]):
        return NotSeen(f"the edge of {fleet.region_of(aim)} gets {per_s} requests a second, {more} more than before")
    return Sighting(f"requests at the edge of {fleet.region_of(aim)}", f"{per_s} a second, {more} more than before")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the helper, resume and run the region's applications."""
    storms = extra_processes.running(aim.deployment, [helper(aim)])
    if storms:
        say(f"ending {helper(aim)}")
        extra_processes.end(storms, ENDS_WITHIN_S)
    return (*(f"ended {name} pid {identity.pid}" for identity, name in storms.items()), *fleet.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The helper has ended, and the region's applications answer."""
    left = [f"{name} pid {identity.pid}" for identity, name in extra_processes.running(aim.deployment, [helper(aim)]).items()]
    return (Proof(f"{helper(aim)} has ended", not left, ", ".join(left) or "no such process"), *fleet.prove(aim))


def _per_s(aim: Aim) -> int:
    """Requests a second at the region's edge at the moment, by the edge's own counter."""
    edge = aim.deployment.edge(fleet.region_of(aim))
    began_ns, before = now_ns(), edges.requests(edge)
    wait_until(after(LOOK_S))
    return round((edges.requests(edge) - before) / ((now_ns() - began_ns) / SECOND_NS))


KIND = Kind(
    name="data.retry-storm",
    does="Pauses a region's applications for seconds, while a helper sends reads at a fixed rate and repeats late or bad ones at once.",
    observed_by="The edge's own request counter grows faster than before, by the storm's rate.",
    undone_by="Ends the helper and resumes the applications; proven by the absence of the helper, their answers, readiness and the region's edge.",
    scope=("region",),
    parameters=(RATE, RETRIES, PATIENCE_S, PAUSE_S),
    # While the storm goes on: the pause ends by itself, and the queue that it caused must drain.
    expected=Expected.RECOVERS,
    unfit=fleet.unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: 4.0,
    observed_within_s=10.0,
    healed_within_s=90.0,
)
