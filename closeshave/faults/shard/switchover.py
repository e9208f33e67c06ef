"""A primary is moved while customers are served, as for maintenance."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.shard.cluster import ROLES_S, SWITCH_BACK, named, prove, shard_of, standbys, undo, unfit
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedLeader
from closeshave.plan import Expected


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Request a switchover to the first standby from Patroni; it answers when the old primary has stepped down and the new one leads."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    to = standbys(aim.deployment, lead)[0]
    wait_until(strike_ns)
    began_ns = now_ns()
    answer = patroni.switchover(aim.deployment, shard_of(aim), to)
    touched = (TouchedLeader(lead.process), TouchedLeader(to.process, answer.strip()))
    return Injection(aim.label, touched, began_ns, now_ns(), targets=(lead.process, to.process), members=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Ask the servers themselves by SQL: another one than before accepts writes."""
    old = named(aim, injection.members)
    saw: dict[str, str] = {}
    for member in standbys(aim.deployment, old[0]):
        try:
            if not postgres.standing(aim.deployment, member).in_recovery:
                return Sighting(f"SQL to {member.process} on port {member.port}", "not in recovery")
            saw[member.process] = "in recovery"
        except postgres.Unavailable:
            saw[member.process] = "does not answer"
    said = ", ".join(f"{name} {state}" if state.startswith("does") else f"{name} is {state}" for name, state in saw.items())
    return NotSeen(f"the primary is still {old[0].process}: {said or 'it has no standby'}")


KIND = Kind(
    name="shard.switchover",
    does="Switches the shard's primary over to a standby through Patroni's REST API, in a controlled way and under load.",
    observed_by="The former standby says by SQL that it is not in recovery.",
    undone_by="Switches back to the declared member; proven by a write, streaming replicas, roles, ready applications.",
    scope=("shard",),
    parameters=(SWITCH_BACK,),
    # Nothing is lost, and writes wait for a few seconds.
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
)
