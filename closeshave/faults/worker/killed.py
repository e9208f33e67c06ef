"""Workers die with the jobs that they have."""

from __future__ import annotations

from closeshave.clients import sentinel
from closeshave.faults import proofs, repair
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.worker import crew
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected
from closeshave.vocabulary import BACKGROUND


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill them by SIGKILL."""
    workers = crew.crew(aim)
    done = kill(victims_of(aim.deployment, workers), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, tuple(worker.name for worker in workers))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Ask the brokers who waits for jobs: none of those that were killed."""
    try:
        there = crew.seen(aim.deployment)
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        return NotSeen(f"no broker can be asked: {type(error).__name__}: {error}")
    if still := sorted(there & {*injection.targets}):
        return NotSeen(f"the broker sees {', '.join(still)} take jobs")
    return Sighting(
        "CLIENT LIST of the brokers", f"not {', '.join(injection.targets)}, but {', '.join(sorted(there)) or 'nobody'} takes jobs"
    )


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start them again."""
    return repair.revive(aim.deployment, [worker.name for worker in crew.crew(aim)], deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """They run, and take jobs."""
    running = proofs.running(aim.deployment, [worker.name for worker in crew.crew(aim)])
    return proofs.together([running, lambda: crew.taking(aim)])


KIND = Kind(
    name="worker.killed",
    does="Kills every worker of a region by SIGKILL, with the jobs that it has; nothing starts it again until the fault is healed.",
    observed_by="The broker's list of clients: none of the killed workers waits for jobs. A connection must have the worker's name ({instance}).",
    undone_by="Starts the workers again; proven by their processes, and by the broker, which sees each of them wait for jobs.",
    scope=("region",),
    # No customer waits for a job; other workers take over what was not acknowledged.
    expected=Expected.TOLERATES,
    unfit=crew.unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    uses=(BACKGROUND,),
    environments=frozenset({"embedded"}),
    needs="workers beside the application, which our images do not have",
    effect_within_s=None,
)
