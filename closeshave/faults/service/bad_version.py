"""A release that passes its health checks but does not work."""

from __future__ import annotations

from closeshave.clients import versions
from closeshave.clock import now_ns
from closeshave.faults import extra_processes
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.service import fleet
from closeshave.faults.waiting import after, until, wait_until
from closeshave.history import Injection, Sighting, TouchedProcess
from closeshave.plan import Expected

RELEASE = "bad"
"""Its name among the releases of the environment file."""


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Restart the region's applications one after the other with the bad release, each when the one before says that it is ready."""
    release = aim.deployment.application.releases[RELEASE]
    bad = {process.name: process for process in release.processes}
    touched = []
    wait_until(strike_ns)
    began_ns = now_ns()
    for app in fleet.fleet(aim):
        old = fleet.alive(aim, app)
        extra_processes.end([old])
        new = extra_processes.start(aim.deployment, bad[app.name], {})
        touched.append(TouchedProcess(app.name, old.pid, note=f"{release.version or RELEASE} as pid {new.pid}"))
        until(lambda app=app: fleet.ready(aim.deployment, app), after(fleet.READY_WITHIN_S))  # type: ignore[misc] # a lambda's default
    return Injection(aim.label, tuple(touched), began_ns, now_ns(), tuple(app.name for app in fleet.fleet(aim)))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Ask every process for its version and its readiness."""
    wanted = aim.deployment.application.releases[RELEASE].version
    told = {app.name: versions.of(aim.deployment, app) for app in fleet.fleet(aim)}
    if set(told.values()) != {wanted}:
        seen = ", ".join(f"{name} {version or 'says none'}" for name, version in told.items())
        return NotSeen(f"versions: {seen}; not {wanted} everywhere")
    said = ", ".join(f"{app.name} {'ready' if fleet.ready(aim.deployment, app) else 'not ready'}" for app in fleet.fleet(aim))
    return Sighting("version and readiness of the region's applications, as they say", f"{wanted}: {said}")


KIND = Kind(
    name="service.bad-version",
    hold_s=30,
    does="Rolls out the release `bad` of the environment file to a region, process by process; the stand-in's is ready and reads, but has the "
    "wrong address of every primary.",
    observed_by="Every process of the region says that it has the bad version.",
    undone_by="Rolls back process by process; proven by the absence of the release, readiness, answers and the region's edge.",
    scope=("region",),
    uses=("bad release",),
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
