"""A kind of fault: one process of the platform is paused. Its port accepts connections, and nothing answers."""

from __future__ import annotations

import signal
from pathlib import Path

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Process
from closeshave.faults import proofs
from closeshave.faults.freezing import freeze
from closeshave.faults.killing import victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected


def paused(aim: Aim) -> Process:
    """The process that the fault is aimed at. Raises :class:`KeyError` when the environment has none of this name."""
    return aim.deployment.process(str(aim.scope["process"]))


def unfit(aim: Aim) -> str:
    """Why it cannot be paused now; empty when it can."""
    try:
        process = paused(aim)
    except KeyError as error:
        return f"there is no process {error}"
    if not process.ports:
        return f"{process.name} has no port, so nobody could see that it is paused"
    return "" if ports.status(ports.url(process.ports[0])) else f"{process.name} does not answer"


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Stop it, and everything that it started, by SIGSTOP."""
    process = paused(aim)
    done = freeze(victims_of(aim.deployment, [process]), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.still_ns, (process.name,))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Ask its port, which shares nothing with the signal: a connection is accepted, an answer does not come."""
    process = paused(aim)
    if refused := ports.refusal(process.ports[0]):
        return NotSeen(f"{process.name} accepts no connection: {refused}")
    if status := ports.status(ports.url(process.ports[0])):
        return NotSeen(f"{process.name} answers with status {status}")
    return Sighting(f"GET / of {process.name}", f"accepted, but no answer within {ports.TIMEOUT_S:g} s")


def undo(aim: Aim, _deadline_ns: int, _say: Say) -> tuple[str, ...]:
    """Let it go on. Whoever calls this, and however often: a process that runs is not harmed by SIGCONT."""
    family = processes.family(Path(aim.deployment.root), paused(aim))
    return tuple(f"resumed {aim.label} pid {identity.pid}" for identity in processes.send(processes.stopped(family), signal.SIGCONT))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """It runs, and it answers."""
    process = paused(aim)
    status = ports.status(ports.url(process.ports[0]))
    return (proofs.running(aim.deployment, [process.name])(), Proof(f"{process.name} answers", status > 0, f"status {status}"))


KIND = Kind(
    name="example.process-paused",
    does="Pauses one process of the platform: it accepts connections and never answers.",
    observed_by="Its port accepts a connection, and no answer comes.",
    undone_by="Resumes the process; proven by its state and its answer.",
    scope=("process",),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
)
