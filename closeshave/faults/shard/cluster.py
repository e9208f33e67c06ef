"""What faults of a shard share: its members, when a fault may be injected, and how it is restored as declared."""

from __future__ import annotations

from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.deployment import Deployment, Member, Process
from closeshave.faults import extra_processes, proofs, repair
from closeshave.faults.kind import Aim, Parameter, Proof, Say

SWITCH_BACK = Parameter("switch_back", bool, default=True, about="Healing moves the primary back to its declared member.")
ROLES_S = 1.0
"""Seconds to read roles and process IDs before the injection."""
HELPER_S = 4.0
"""Seconds for a helper's interpreter to start on a busy machine, and to prepare."""
LASTS_S_MAX = 1200.0
"""Longer than any fault may be held: a helper ends after this time even if nothing stops it."""


def shard_of(aim: Aim) -> int:
    """The shard that a fault is aimed at."""
    return int(aim.scope["shard"])


def standbys(deployment: Deployment, lead: Member) -> tuple[Member, ...]:
    """Every other member of the shard that ``lead`` leads."""
    return tuple(member for member in patroni.members_of(deployment, lead.shard) if member != lead)


def named(aim: Aim, names: tuple[str, ...]) -> tuple[Member, ...]:
    """The members whose processes have these names."""
    return tuple(member for member in aim.deployment.members if member.process in names)


def processes_of(aim: Aim) -> tuple[Process, ...]:
    """The processes of the shard's members."""
    return tuple(aim.deployment.process(member.process) for member in patroni.members_of(aim.deployment, shard_of(aim)))


def helper(aim: Aim, does: str) -> str:
    """The name of this shard's helper for an action such as ``squeeze``."""
    return f"{does}-shard{shard_of(aim)}"


def log_of(deployment: Deployment, name: str) -> Path:
    """The file that a process of the deployment writes its messages to."""
    return Path(deployment.root, "logs", f"{name}.log")


def unfit(aim: Aim) -> str:
    """Unfit until every replica streams, as its primary and Patroni report: killed just after a rejoin, a shard fails over only after a long time."""
    return proofs.unsettled(aim.deployment, shard_of(aim))


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Run every member of the shard, wait for its replicas, switch its primary back."""
    names = [process.name for process in processes_of(aim)]
    done = repair.revive(aim.deployment, names, deadline_ns, say)
    if aim.parameters.get("switch_back", True):
        done += repair.shard_home(aim.deployment, shard_of(aim), deadline_ns, say)
    return done


def undo_with_helper(aim: Aim, does: str, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the fault's helper, then as :func:`undo`."""
    found = extra_processes.running(aim.deployment, [helper(aim, does)])
    extra_processes.end(found)
    return (*(f"ended {name} pid {identity.pid}" for identity, name in found.items()), *undo(aim, deadline_ns, say))


def prove(aim: Aim, *more: proofs.Check) -> tuple[Proof, ...]:
    """Members run, a write is accepted, replicas stream, the primary is the declared one; and the conditions that a kind adds."""
    at_home = bool(aim.parameters.get("switch_back", True))
    return proofs.together(
        [
            *more,
            proofs.running(aim.deployment, [process.name for process in processes_of(aim)]),
            proofs.shard(aim.deployment, shard_of(aim), at_home=at_home),
            proofs.applications(aim.deployment),
            proofs.edges(aim.deployment, [shard_of(aim)]),
        ]
    )


def no_helper(aim: Aim, does: str) -> proofs.Check:
    """The fault's helper has ended."""

    def check() -> Proof:
        left = [f"{name} pid {identity.pid}" for identity, name in extra_processes.running(aim.deployment, [helper(aim, does)]).items()]
        return Proof(f"no {helper(aim, does)} runs", not left, ", ".join(left) or "none")

    return check


def no_sessions(aim: Aim, does: str) -> proofs.Check:
    """No member has a session of the fault's helper any more."""

    def check() -> Proof:
        name, what = helper(aim, does), f"no session of {helper(aim, does)} is open"
        try:
            found = {
                member.process: postgres.sessions(aim.deployment, member, name)
                for member in patroni.members_of(aim.deployment, shard_of(aim))
            }
        except postgres.Unavailable as error:
            return Proof(what, False, f"{type(error).__name__}: {error}".strip())
        left = [f"{count} at {member}" for member, count in found.items() if count]
        return Proof(what, not left, ", ".join(left) or "none")

    return check
