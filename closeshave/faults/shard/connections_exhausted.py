"""No session is available at a shard's primary: one client holds them all."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.faults import extra_processes
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import HELPER_S, LASTS_S_MAX, helper, named, no_helper, no_sessions, shard_of, unfit
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedProcess
from closeshave.plan import Expected

HOLDER = "slots"
EVICT = Parameter(
    "evict",
    bool,
    default=True,
    about="Also end the platform's existing sessions, as if all clients reconnected at once and the platform came too late; otherwise only new ones fail.",
)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Start the helper before the injection; it opens all but a few sessions before, and the last ones at the injection."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    name = helper(aim, HOLDER)
    evict = "evict" if aim.parameters["evict"] else "spare"
    said = (lead.port, aim.deployment.database, aim.deployment.user, name, evict, strike_ns, LASTS_S_MAX)
    holder = extra_processes.start_helper(aim.deployment, name, "hold_slots", *map(str, said))
    wait_until(strike_ns)
    began_ns = now_ns()
    return Injection(aim.label, (TouchedProcess(name, holder.pid),), began_ns, now_ns(), targets=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Open a session as the platform does: the server says that it has none."""
    saw = "no member was filled"
    for member in named(aim, injection.targets):
        try:
            with postgres.session(aim.deployment, member):
                return NotSeen(f"{member.process} still accepts a session of {aim.deployment.user}")
        except postgres.Unavailable as error:
            if postgres.is_full(error):
                return Sighting(f"a session of {aim.deployment.user} at {member.process} on port {member.port}", str(error).strip())
            saw = f"a session at {member.process} fails for another reason: {error}".strip()
    return NotSeen(saw)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the helper; then as for every fault of a shard."""
    return cluster.undo_with_helper(aim, HOLDER, deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The helper and its sessions are gone, and the shard is healthy."""
    return cluster.prove(aim, no_helper(aim, HOLDER), no_sessions(aim, HOLDER))


KIND = Kind(
    name="shard.connections-exhausted",
    does="Opens every free session of the shard's live primary and keeps them open; PostgreSQL reserves sessions for Patroni.",
    observed_by="PostgreSQL refuses a session with the platform's own role, because no slot is left.",
    undone_by="Ends the helper; proven by its absence and that of its sessions, a write, streaming replicas, roles, ready applications.",
    scope=("shard",),
    parameters=(EVICT,),
    # Only an operator ends a client that holds too many connections.
    expected=Expected.RESTORED,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: HELPER_S,
)
