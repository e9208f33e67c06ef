"""A shard's primary hangs: connections are accepted, nothing is answered, and Patroni waits for it as clients do."""

from __future__ import annotations

import signal

from closeshave.clients import patroni, wire
from closeshave.clock import now_ns
from closeshave.control.processes import send, stopped
from closeshave.control.waiting import obstacle
from closeshave.faults.freezing import FROZEN_WITHIN_S, StillRunning, freeze
from closeshave.faults.killing import postmaster, states
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.shard.cluster import ROLES_S, SWITCH_BACK, named, prove, shard_of, undo, unfit
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

SILENT_S = 0.2
"""A postmaster takes a few milliseconds for its first byte."""


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Stop the live primary's postmaster by SIGSTOP, so that it forks no more, and then all its children."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    process = aim.deployment.process(lead.process)
    first, *children = postmaster(aim.deployment, process)
    began_ns = freeze([first], strike_ns).began_ns
    send([child.identity for child in children], signal.SIGSTOP)
    # Sessions change up to the last moment: only the present ones count.
    everyone = postmaster(aim.deployment, process)

    def going() -> str:
        nonlocal everyone
        everyone = postmaster(aim.deployment, process)
        targets = [victim.identity for victim in everyone]
        sent = send(set(targets) - set(stopped(targets)), signal.SIGSTOP)
        return states(victim for victim in everyone if victim.identity in sent)

    if left := obstacle(going, FROZEN_WITHIN_S, interval_s=0.005):
        raise StillRunning(f"not all processes of {lead.process} are stopped {FROZEN_WITHIN_S:g} s after SIGSTOP: {left}")
    touched = tuple(victim.touched for victim in everyone)
    return Injection(aim.label, touched, began_ns, now_ns(), targets=(lead.process,), members=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Open a session at the member's own port: the kernel accepts the connection, and no byte comes back."""
    saw = "no primary was frozen"
    for member in named(aim, injection.members):
        reply = wire.ask(member.port, wire.POSTGRES, SILENT_S)
        if reply.saw == wire.SILENT:
            return Sighting(f"SSLRequest to {member.process} on port {member.port}", f"silent for {reply.after_s * 1e3:.0f} ms")
        saw = f"SSLRequest to {member.process} on port {member.port}: {reply.saw} after {reply.after_s * 1e3:.0f} ms"
    return NotSeen(saw)


KIND = Kind(
    name="shard.primary-hung",
    hold_s=45,
    does="Stops the postmaster of the shard's live primary and all its sessions by SIGSTOP: connections are accepted and never answered.",
    observed_by="The member's own port accepts a connection and does not answer the first message of the protocol.",
    undone_by="Resumes what is stopped, lets Patroni rejoin it and switches back; proven by a write, streaming replicas, roles, applications.",
    scope=("shard",),
    parameters=(SWITCH_BACK,),
    # By Patroni's ttl: its own question to the hung server never comes back, so it no longer renews the leader's key.
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
)
