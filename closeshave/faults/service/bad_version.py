"""A release that passes its health checks but does not work."""

from __future__ import annotations

import json

from closeshave.clients import ports
from closeshave.clock import now_ns
from closeshave.deployment import OVERRIDES
from closeshave.faults import extra_processes
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.service import fleet
from closeshave.faults.waiting import after, until, wait_until
from closeshave.history import Injection, Sighting, TouchedProcess
from closeshave.plan import Expected

VERSION = "1.0.1-bad"
NOWHERE = 9
"""The discard service's port, where no program listens: the release has the wrong address of every primary."""


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Restart the region's applications one after the other with the bad release, each when the one before says that it is ready."""
    bad = {"version": VERSION, "primaries": {str(shard.id): NOWHERE for shard in aim.deployment.topology.shards}}
    touched = []
    wait_until(strike_ns)
    began_ns = now_ns()
    for app in fleet.fleet(aim):
        old = fleet.alive(aim, app)
        extra_processes.end([old])
        new = extra_processes.start(aim.deployment, app, {OVERRIDES: json.dumps(bad)})
        touched.append(TouchedProcess(app.name, old.pid, note=f"{VERSION} as pid {new.pid}"))
        until(lambda app=app: fleet.ready(app), after(fleet.READY_WITHIN_S))  # type: ignore[misc] # a lambda's default
    return Injection(aim.label, tuple(touched), began_ns, now_ns(), tuple(app.name for app in fleet.fleet(aim)))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Ask every process for its version and its readiness."""
    answers = {app.name: ports.get(ports.url(app.ports[0], "/health/ready")) for app in fleet.fleet(aim)}
    versions = {name: answer.headers.get("x-app-version") for name, answer in answers.items() if answer is not None}
    if set(versions) != set(answers) or set(versions.values()) != {VERSION}:
        told = [f"{name} {versions.get(name) or ('has no version' if name in versions else 'does not answer')}" for name in answers]
        return NotSeen(f"X-App-Version: {', '.join(told)}; not {VERSION} everywhere")
    said = ", ".join(f"{name} {answer.status_code}" for name, answer in answers.items() if answer is not None)
    return Sighting("X-App-Version and readiness of the region's applications", f"{VERSION}: {said}")


KIND = Kind(
    name="service.bad-version",
    hold_s=30,
    does="Rolls out a bad release to a region, process by process: it is ready and reads, but has the wrong address of every primary.",
    observed_by="Every process of the region reports the bad version in a header of its answers.",
    undone_by="Rolls back process by process; proven by the absence of the release, readiness, answers and the region's edge.",
    scope=("region",),
    # Health checks pass, so the region stays in rotation: an operator has to roll back.
    expected=Expected.RESTORED,
    unfit=fleet.unfit,
    inject=inject,
    look=look,
    undo=fleet.undo,
    prove=fleet.prove,
    observed_within_s=10.0,
    healed_within_s=90.0,
    effect_within_s=20.0,
)
