"""A shard's primary gets too little of a CPU: every query takes many times as long."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.faults import squeezing
from closeshave.faults.killing import postmaster
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import HELPER_S, helper, named, no_helper, processes_of, shard_of, standbys, unfit
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

SQUEEZER = "squeeze"
SHARE = Parameter("share", float, default=0.1, about="The share of the time for which the server may run.", at_least=0.02, at_most=0.25)
PERIOD_S = 0.1
"""The same period as the kernel's own CPU quotas."""


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Squeeze the postmaster and all its sessions, from the injection on; in a container Patroni is squeezed with them."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    process = aim.deployment.process(lead.process)
    target = postmaster(aim.deployment, process)[0]
    name = helper(aim, SQUEEZER)
    share = float(aim.parameters["share"])
    touched = squeezing.squeeze(aim.deployment, process, target.identity, name, share, PERIOD_S, strike_ns)
    return Injection(aim.label, touched, strike_ns, now_ns(), targets=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Run the same computation at the member and at a standby: the member takes longer, by at least a third of the factor that the share implies."""
    saw = "no member was slowed"
    for member in named(aim, injection.targets):
        try:
            control_s = min(postgres.computing_s(aim.deployment, other) for other in standbys(aim.deployment, member))
            took_s = postgres.computing_s(aim.deployment, member)
        except (postgres.Unavailable, ValueError) as error:
            return NotSeen(f"the computation failed at {member.process} or its standbys: {error}".strip())
        times = took_s / control_s
        saw = f"{took_s * 1e3:.0f} ms, {times:.1f} times as long as at a standby"
        if times >= 1 + (1 / float(aim.parameters["share"]) - 1) / 3:
            return Sighting(f"the same computation by SQL at {member.process} and its standbys", saw)
        saw = f"the computation at {member.process} takes {saw}"
    return NotSeen(saw)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Lift the quota, or end the helper and resume processes that it left stopped; then as for every fault of a shard."""
    return (*squeezing.release(processes_of(aim), say), *cluster.undo_with_helper(aim, SQUEEZER, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The helper or the quota is gone, no process is stopped, and the shard is healthy."""
    return cluster.prove(aim, no_helper(aim, SQUEEZER), lambda: squeezing.unsqueezed(processes_of(aim)))


KIND = Kind(
    name="shard.slow-queries",
    does="Lets PostgreSQL on the shard's live primary run only for a share of each 100 ms: by its container's CPU quota, else by SIGSTOP.",
    observed_by="A computation in SQL takes many times as long as at a standby on the same machine at the same time.",
    undone_by="Lifts the quota, or ends the helper and resumes the server; proven by the absence of both, a write, replicas, applications.",
    scope=("shard",),
    parameters=(SHARE,),
    # It answers well enough that no failover happens, and too slowly for some promises.
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: HELPER_S,
)
