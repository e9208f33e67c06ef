"""An application process has a wrong clock."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path

from closeshave.clients import ports
from closeshave.clock import now_ns
from closeshave.control import machine
from closeshave.deployment import Process
from closeshave.faults import extra_processes
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Say
from closeshave.faults.service import fleet
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedProcess
from closeshave.plan import Expected

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- the directory of the C library
SKEW_S = Parameter(
    "skew_s",
    int,
    # Access tokens are valid for 15 minutes.
    default=1200,
    about="Seconds by which its clock is ahead; a negative number means behind.",
    at_least=-86_400,
    at_most=86_400,
)


def unfit(aim: Aim) -> str:
    """Unfit without the library that skews a clock."""
    if _library() is None:
        return "libfaketime is not installed, and without it no clock can be skewed"
    return "a skew of 0 s has no effect" if aim.parameters["skew_s"] == 0 else fleet.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Restart the process with libfaketime preloaded: wall clocks are skewed, the monotonic clock is not."""
    app = fleet.instance(aim)
    target = fleet.alive(aim, app)
    changes = {"LD_PRELOAD": str(_placed(aim, app)), "FAKETIME": f"{aim.parameters['skew_s']:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    wait_until(strike_ns)
    began_ns = now_ns()
    extra_processes.end([target])
    dead_ns = now_ns()
    new = extra_processes.start(aim.deployment, app, changes)
    touched = (TouchedProcess(app.name, target.pid), TouchedProcess(app.name, new.pid, note="skewed"))
    return Injection(aim.label, touched, began_ns, dead_ns, (app.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Compare the Date of its answers with this machine's clock."""
    app = fleet.instance(aim)
    answer = ports.get(ports.url(app.ports[0], aim.deployment.application.readiness.path))
    if answer is None or "date" not in answer.headers:
        return NotSeen(f"{app.name} does not answer" if answer is None else f"answers of {app.name} have no Date")
    ahead_s = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
    # The header has whole seconds, and is up to one second old.
    if abs(ahead_s - int(aim.parameters["skew_s"])) > 3:
        return NotSeen(f"Date in answers of {app.name} is {ahead_s:+.0f} s from this machine's clock")
    return Sighting(f"Date in answers of {app.name}", f"{ahead_s:+.0f} s from this machine's clock")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """As for every fault of applications; also remove the shared memory that libfaketime left behind."""
    skewed = extra_processes.running(aim.deployment, [app.name for app in fleet.fleet(aim)])
    done = fleet.undo(aim, deadline_ns, say)
    # Its maker is nice(1), which becomes the application and so never comes to remove it.
    return (*done, *(f"removed {path.name}" for identity in skewed for path in _shared(identity.pid) if _removed(path)))


def _shared(pid: int) -> tuple[Path, ...]:
    return (SHARED_MEMORY / f"faketime_shm_{pid}", SHARED_MEMORY / f"sem.faketime_sem_{pid}")


def _removed(path: Path) -> bool:
    with suppress(FileNotFoundError):
        path.unlink()
        return True
    return False


def _placed(aim: Aim, app: Process) -> Path:
    """The path of the library as the process sees it."""
    found = _library()
    assert found is not None, "an environment without it is unfit"
    return machine.of(app).place(found, Path(aim.deployment.root))


def _library() -> Path | None:
    spec = find_spec("libfaketime")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for found in sorted(Path(place).glob("vendor/libfaketime/src/libfaketime.so.*")):
            return found
    return None


KIND = Kind(
    name="service.clock-skewed",
    does="Restarts one of a region's application processes with its wall clock ahead or behind, by libfaketime; the others keep their time.",
    observed_by="The Date header of the process's answers differs from the machine's clock by the skew.",
    undone_by="Restarts the process with the right time; proven by its readiness, its answers and the region's edge.",
    scope=("region",),
    parameters=(fleet.INSTANCE, SKEW_S),
    # Tokens of other processes seem expired to it, and its health checks pass.
    expected=Expected.RESTORED,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=fleet.prove,
    observed_within_s=20.0,
    effect_within_s=20.0,
)
