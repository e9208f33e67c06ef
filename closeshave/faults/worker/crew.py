"""The workers of a region, and which of them their broker sees."""

from __future__ import annotations

from closeshave.clients import sentinel, valkey
from closeshave.deployment import Deployment, Process
from closeshave.faults.kind import Aim, Proof
from closeshave.plurals import counted

TIER = "broker"
TAKES = "brpop"
"""The command with which a worker waits for jobs."""


def crew(aim: Aim) -> tuple[Process, ...]:
    """The workers of the region that a fault is aimed at."""
    return tuple(process for process in aim.deployment.owned_by(str(aim.scope["region"])) if process.role == "worker")


def seen(deployment: Deployment) -> frozenset[str]:
    """The names with which clients that take jobs are connected to the primary of any broker.

    Raises :data:`~closeshave.clients.sentinel.Unavailable` and :class:`~closeshave.clients.sentinel.NoPrimary`.
    """
    leads = [sentinel.primary(deployment, group) for group in sentinel.groups_of(deployment, TIER)]
    return frozenset(name for lead in leads for name, command in valkey.connected(lead) if command == TAKES)


def unseen(deployment: Deployment, workers: tuple[Process, ...]) -> str:
    """The workers that no broker sees waiting for jobs, as text; empty when each is seen. It says why, if a broker cannot be asked."""
    try:
        there = seen(deployment)
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        return f"no broker can be asked: {type(error).__name__}: {error}"
    return ", ".join(worker.name for worker in workers if worker.name not in there)


def unfit(aim: Aim) -> str:
    """Unfit without workers, and until the broker sees each of them."""
    workers = crew(aim)
    if not workers:
        return f"this environment has no workers in a region {aim.scope['region']!r}"
    left = unseen(aim.deployment, workers)
    return f"not waiting for jobs: {left}" if left else ""


def taking(aim: Aim) -> Proof:
    """The broker sees every worker of the region."""
    workers = crew(aim)
    left = unseen(aim.deployment, workers)
    return Proof(f"the broker sees {counted(len(workers), 'worker')} take jobs", not left, f"not {left}" if left else "all of them")
