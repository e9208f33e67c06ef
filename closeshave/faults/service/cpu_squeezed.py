"""An application process gets too little of a CPU: it is ready, and slow."""

from __future__ import annotations

import time

import psutil

from closeshave.clock import now_ns
from closeshave.faults import altered
from closeshave.faults.kind import Aim, Injection, Kind, Parameter, Sighting
from closeshave.faults.service.fleet import INSTANCE, alive, instance, prove, squeezer, undo, unfit
from closeshave.faults.waiting import wait_until
from closeshave.plan import Expected

SHARE = Parameter("share", float, default=0.1, about="How much of the time the process may run.", at_least=0.01, at_most=0.9)
PERIOD_S = 0.2
"""Long enough that a request notices, short enough that a health check still passes."""
LASTS_S_MAX = 1200.0
"""Longer than any fault may hold: a helper that nobody ends still ends."""
LOOKS = 40


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Start the helper ahead of its time; it begins at the strike."""
    app = instance(aim)
    target = alive(aim, app)
    said = (target.pid, target.started, aim.parameters["share"], PERIOD_S, strike_ns, LASTS_S_MAX)
    helper = altered.help_with(aim.deployment, squeezer(app), "squeeze", *map(repr, said))
    wait_until(strike_ns)
    touched = (f"{app.name} pid {target.pid}", f"{squeezer(app)} pid {helper.pid}")
    return Injection(aim.label, touched, strike_ns, now_ns(), (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | None:
    """Read its state from the kernel's process table, again and again for two periods: it is stopped for most of them."""
    app = instance(aim)
    process = psutil.Process(alive(aim, app).pid)
    stopped = 0
    for _ in range(LOOKS):
        stopped += process.status() == psutil.STATUS_STOPPED
        time.sleep(2 * PERIOD_S / LOOKS)
    wanted = LOOKS * (1 - float(aim.parameters["share"])) / 2
    return Sighting(f"process table, {app.name}", f"stopped in {stopped} of {LOOKS} looks") if stopped >= wanted else None


KIND = Kind(
    name="service.cpu-squeezed",
    does="Lets one of a region's application processes run for a share of each 200 ms only, by SIGSTOP and SIGCONT.",
    observed_by="The kernel's process table shows the process stopped most of the times.",
    undone_by="Ends the helper and resumes the process; proven by its readiness, its answers and the region's edge.",
    scope=("region",),
    parameters=(INSTANCE, SHARE),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    # The helper's interpreter must be up before the strike, on a machine that is busy.
    lead_s=lambda _aim: 3.0,
)
