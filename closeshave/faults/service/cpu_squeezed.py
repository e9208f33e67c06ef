"""An application process gets too little of a CPU: it is ready, and slow."""

from __future__ import annotations

import time

import psutil

from closeshave.clock import now_ns
from closeshave.control import machine
from closeshave.deployment import Process
from closeshave.faults import squeezing
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.service import fleet
from closeshave.faults.service.fleet import ASKED, INSTANCE, alive, asked, instance, squeezer, unfit
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

SHARE = Parameter("share", float, default=0.1, about="The share of the time for which the process may run.", at_least=0.01, at_most=0.9)
PERIOD_S = 0.2
"""Long enough that a request notices, short enough that a health check still passes."""
LOOKS = 40
TIMES_MIN = 2.0
"""The least factor by which the same requests must take longer than at another process."""


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Squeeze it from the injection on: by its container's quota, or by a helper that is started before the injection."""
    app = instance(aim)
    share = float(aim.parameters["share"])
    touched = squeezing.squeeze(aim.deployment, app, alive(aim, app), squeezer(app), share, PERIOD_S, strike_ns)
    return Injection(aim.label, touched, strike_ns, now_ns(), (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """If a helper stops it, the kernel's process table shows it; for a quota, the time of the same requests at another process is compared."""
    app = instance(aim)
    return _slow(aim, app) if machine.of(app).own_limits else _stopped(aim, app)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Lift the quota; then as for every fault of the service."""
    return (*squeezing.release(fleet.fleet(aim), say), *fleet.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """No application has a quota, and all of them serve as declared."""
    return (squeezing.unsqueezed(fleet.fleet(aim)), *fleet.prove(aim))


def _stopped(aim: Aim, app: Process) -> Sighting | NotSeen:
    """Read its state repeatedly for two periods: it is stopped most of the time."""
    process = psutil.Process(alive(aim, app).pid)
    stopped = 0
    for _ in range(LOOKS):
        stopped += process.status() == psutil.STATUS_STOPPED
        time.sleep(2 * PERIOD_S / LOOKS)
    wanted = LOOKS * (1 - float(aim.parameters["share"])) / 2
    saw = f"stopped in {stopped} of {LOOKS} looks"
    return Sighting(f"process table, {app.name}", saw) if stopped >= wanted else NotSeen(f"{app.name} was {saw}")


def _slow(aim: Aim, app: Process) -> Sighting | NotSeen:
    """Send the same requests in a row to it and to another application: together they need more processor time than the quota allows at once."""
    others = [each for each in (*fleet.fleet(aim), *fleet.everywhere(aim)) if each != app]
    took_s, control_s = _asking_s(aim, app), _asking_s(aim, others[0])
    asked_both, took = f"{ASKED} reads of {app.name} and of {others[0].name}", f"{took_s * 1e3:.0f} ms and {control_s * 1e3:.0f} ms"
    return NotSeen(f"{asked_both} took {took}") if took_s < TIMES_MIN * control_s else Sighting(asked_both, took)


def _asking_s(aim: Aim, app: Process) -> float:
    began_s = time.monotonic()
    asked(aim, app, ASKED)
    return time.monotonic() - began_s


KIND = Kind(
    name="service.cpu-squeezed",
    does="Lets one of a region's application processes run only for a share of the time: by its container's CPU quota, else by SIGSTOP.",
    observed_by="The process table shows the process stopped most of the time, or the same requests take longer than at another process.",
    undone_by="Lifts the quota, or ends the helper and resumes the process; proven by the absence of both, readiness, answers, the edge.",
    scope=("region",),
    parameters=(INSTANCE, SHARE),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    # The helper's interpreter must be up before the injection, on a machine that is busy.
    lead_s=lambda _aim: 3.0,
    observed_within_s=10.0,
)
