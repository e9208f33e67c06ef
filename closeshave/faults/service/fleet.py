"""The application processes of a region: which are affected, and how all of them are restored as declared."""

from __future__ import annotations

from pathlib import Path

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.faults import extra_processes, proofs, repair
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.faults.waiting import after, until
from closeshave.plurals import counted

INSTANCE = Parameter("instance", int, default=0, about="Which of the region's application processes, counted from 0.", at_most=99)
PART = Parameter(
    "part",
    str,
    default="app",
    about="Which of the region's processes: its applications, or the poolers before its databases, one for each shard.",
    among=("app", "pooler"),
    needs={"pooler": "pooler"},
)
READY_WITHIN_S = 20.0
ASKED = 20
"""So many requests in a row must not fail: a share of errors of one in five is then missed once in a hundred times."""


def region_of(aim: Aim) -> str:
    """The region that a fault is aimed at."""
    return str(aim.scope["region"])


def fleet(aim: Aim) -> tuple[Process, ...]:
    """The region's processes of the part that a fault is aimed at, in order: its applications unless it says otherwise."""
    return _those(aim, str(aim.parameters.get(PART.name, PART.default)))


def _those(aim: Aim, role: str) -> tuple[Process, ...]:
    return tuple(process for process in aim.deployment.owned_by(region_of(aim)) if process.role == role)


def everywhere(aim: Aim) -> tuple[Process, ...]:
    """The application processes of all regions."""
    return tuple(process for process in aim.deployment.processes if process.role == "app")


def instance(aim: Aim) -> Process:
    """The application process that a fault is aimed at."""
    return fleet(aim)[int(aim.parameters["instance"])]


def unfit(aim: Aim) -> str:
    """Unfit until every application of the region is ready, and if there is none with the fault's number."""
    apps, part = fleet(aim), str(aim.parameters.get(PART.name, PART.default))
    what = "application" if part == PART.default else part
    if not apps:
        return f"this environment has no {what}s in a region {region_of(aim)!r}"
    number = int(aim.parameters.get("instance", 0))
    if number >= len(apps):
        return f"{region_of(aim)} has {counted(len(apps), f'{what} process', f'{what} processes')}, so there is no instance {number}"
    unready = [app.name for app in apps if not ready(aim.deployment, app)]
    return f"not ready: {', '.join(unready)}" if unready else ""


def ready(deployment: Deployment, app: Process) -> bool:
    """Whether the application reports that it is ready; a pooler says nothing else than that it listens."""
    if app.role != PART.default:
        return ports.listens(app.ports[0])
    readiness = deployment.application.readiness
    return readiness.met(*ports.answer(ports.url(app.ports[0], readiness.path)))


def instruction_file(deployment: Deployment, app: Process) -> Path | None:
    """The file with an operator's instructions for this process; ``None`` for an application that takes none."""
    named = deployment.application.instructions.get(app.name)
    return Path(named) if named else None


def squeezer(app: Process) -> str:
    """The name of the helper that squeezes this process."""
    return f"squeeze-{app.name}"


def asked(aim: Aim, app: Process, times: int) -> list[int]:
    """The HTTP statuses of so many reads, which need the database, from the process itself; 0 for no answer."""
    franchise = next((shard.first for shard in aim.deployment.topology.shards if shard.home == region_of(aim)), 1)
    url = ports.url(app.ports[0], aim.deployment.application.probe)
    return [ports.status(url, {"X-Franchise-Id": str(franchise)}) for _ in range(times)]


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Remove all instructions, end helpers and processes with other settings, and run the region's applications as declared, one after the other."""
    done = []
    for app in fleet(aim):
        file = instruction_file(aim.deployment, app)
        if file is not None and file.exists():
            file.unlink(missing_ok=True)
            done.append(f"removed the instruction from {app.name}")
        strangers = extra_processes.running(aim.deployment, [squeezer(app), app.name])
        if strangers:
            say(f"ending {', '.join(strangers.values())}")
            extra_processes.end(strangers)
            done += [f"ended {name} pid {identity.pid}" for identity, name in strangers.items()]
        back = repair.revive(aim.deployment, [app.name], deadline_ns, say)
        if back:
            # A release is rolled back as it was rolled out: one process after another, each once the last one serves.
            until(lambda app=app: ready(aim.deployment, app), min(deadline_ns, after(READY_WITHIN_S)))  # type: ignore[misc] # a lambda's default
        done += back
    return tuple(done)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The region's applications run as declared, answer, and are reached through the edge."""
    names = [app.name for app in fleet(aim)]
    return proofs.together(
        [
            proofs.running(aim.deployment, names),
            lambda: _as_declared(aim),
            lambda: _answering(aim),
            proofs.applications(aim.deployment),
            proofs.edges(aim.deployment),
        ]
    )


def _as_declared(aim: Aim) -> Proof:
    """No helper, no process with other settings, no instructions to any of them."""
    names = [name for app in fleet(aim) for name in (app.name, squeezer(app))]
    left = [f"{name} pid {identity.pid}" for identity, name in extra_processes.running(aim.deployment, names).items()]
    files = (instruction_file(aim.deployment, app) for app in fleet(aim))
    left += [str(file) for file in files if file is not None and file.exists()]
    return Proof("no application has a trace of the fault", not left, ", ".join(left) or "nothing")


def _answering(aim: Aim) -> Proof:
    """An application's own error is a 500; a 503 may come from a part that another fault has made unavailable."""
    failing = [app.name for app in _those(aim, str(PART.default)) if {0, 500} & set(asked(aim, app, ASKED))]
    return Proof(f"each application answers {ASKED} requests in a row", not failing, ", ".join(failing) or "all of them")


def alive(aim: Aim, app: Process) -> processes.Identity:
    """The process as it runs now. Raises :class:`RuntimeError` when it does not."""
    found = processes.find(Path(aim.deployment.root), app)
    if found is None:
        raise RuntimeError(f"{app.name} does not run")
    return found
