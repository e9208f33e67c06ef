"""The workers of a region are ended as for maintenance, with the jobs that they have brought to an end, and started again."""

from __future__ import annotations

import signal
from pathlib import Path

from closeshave.control import processes
from closeshave.drills.kind import DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults import repair
from closeshave.faults.kind import Proof
from closeshave.faults.worker import crew
from closeshave.faults.worker.killed import prove, undo
from closeshave.vocabulary import BACKGROUND

DRAIN, AGAIN = "let them end", "start them again"


def drain(work: DrillWork) -> Facts:
    """Send SIGTERM to each, and wait until it has ended by itself."""
    root = Path(work.aim.deployment.root)
    workers = crew.crew(work.aim)
    there = {worker.name: identity for worker in workers if (identity := processes.find(root, worker)) is not None}
    if missing := [worker.name for worker in workers if worker.name not in there]:
        raise DrillFailed(f"{', '.join(missing)} did not run any more")
    processes.send(there.values(), signal.SIGTERM)

    def left() -> str:
        return ", ".join(name for name, identity in there.items() if identity.alive)

    work.until(left, "not ended after SIGTERM")
    return {"pids": " ".join(str(identity.pid) for identity in there.values())}


def start(work: DrillWork) -> Facts:
    """Start them, and wait until the broker sees each of them take jobs."""
    workers = crew.crew(work.aim)
    repair.revive(work.aim.deployment, [worker.name for worker in workers], work.deadline_ns, work.say)
    work.until(lambda: crew.unseen(work.aim.deployment, workers), "the broker does not see them take jobs", 0.2)
    return {"workers": ", ".join(worker.name for worker in workers)}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """The process table: each worker is another process than before, and nothing is left of the old one."""
    root, workers = Path(work.aim.deployment.root), crew.crew(work.aim)
    old = str(work.facts[DRAIN]["pids"]).split()
    now = {worker.name: identity.pid for worker in workers if (identity := processes.find(root, worker)) is not None}
    said = ", ".join(f"{name} pid {pid}" for name, pid in now.items()) or "none of them runs"
    new = len(now) == len(workers) and not {*old} & {str(pid) for pid in now.values()}
    return (Proof(f"every worker runs, as another process than {', '.join(old)}", new, said),)


KIND = DrillKind(
    name="worker.drain",
    does="Ends every worker of a region by SIGTERM, under load: it does the job that it has, takes no other, and ends. Then it is started again.",
    proven_by="The process table: each worker is a new process. Whether a job was lost or done twice meanwhile is a verdict on the run's integrity.",
    put_back_by="Starts the workers; proven by their processes, and by the broker, which sees each of them wait for jobs.",
    scope=("region",),
    steps=(DrillStep(DRAIN, drain), DrillStep(AGAIN, start)),
    unfit=crew.unfit,
    prove=proven,
    undo=undo,
    safe=prove,
    uses=(BACKGROUND,),
)
