"""A shard's primary dies at once: its postmaster, or the whole node."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

from closeshave.clients import patroni, ports, postgres
from closeshave.clock import now_ns
from closeshave.control.processes import Identity, known_as, send
from closeshave.deployment import Member
from closeshave.faults.killing import kill, postmaster, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.faults.shard.cluster import ROLES_S, SWITCH_BACK, named, prove, shard_of, standbys, undo, unfit
from closeshave.faults.waiting import SECOND_NS, wait_until
from closeshave.history import Injection, Sighting, TouchedProcess
from closeshave.plan import Expected

NODE = Parameter("node", bool, default=False, about="Kill the whole node: Patroni dies with its PostgreSQL.")
HELD_BACK = Parameter(
    "replication_held_back",
    float,
    default=0.0,
    about="Freeze the standby's WAL receiver this many seconds before the kill and never resume it: the writes of that time are lost.",
    # wal_sender_timeout, 5 s, would end the connection first.
    at_most=4.0,
)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill the live primary's postmaster (and Patroni, for a whole node), after holding replication back if the parameters say so."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    frozen = _freeze_receivers(aim, lead, strike_ns)
    try:
        process = aim.deployment.process(lead.process)
        if aim.parameters["node"]:
            done = kill(victims_of(aim.deployment, [process]), strike_ns)
        else:
            first, *children = postmaster(aim.deployment, process)
            done = kill([first], strike_ns, dying_with_them=children)
    finally:
        _end_receivers(frozen)
    touched = (*done.touched, *(TouchedProcess(name, identity.pid, "walreceiver") for name, identity in frozen))
    return Injection(aim.label, touched, done.began_ns, done.dead_ns, targets=(lead.process,), members=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Connect to the killed member's own port: it refuses, is a standby now, or has a postmaster that started after the injection."""
    saw = "no primary was killed"
    for member in named(aim, injection.members):
        probe = f"SQL to {member.process} on port {member.port}"
        if refused := ports.refusal(member.port):
            return Sighting(probe, refused)
        began_s = time.time() - (now_ns() - injection.began_ns) / SECOND_NS
        try:
            standing = postgres.standing(aim.deployment, member)
        except postgres.Unavailable as error:
            return Sighting(probe, str(error).strip())
        if standing.in_recovery:
            return Sighting(probe, "in recovery")
        if standing.started_s > began_s:
            return Sighting(probe, f"a postmaster that started {standing.started_s - began_s:.2f} s after the injection")
        saw = f"the primary is still {member.process}, and its postmaster started before the injection"
    return NotSeen(saw)


def _held_back_s(aim: Aim) -> float:
    return float(aim.parameters["replication_held_back"])


def _freeze_receivers(aim: Aim, lead: Member, strike_ns: int) -> list[tuple[str, Identity]]:
    """Stop the standbys' WAL receivers some seconds before the injection; returns them with their member's name."""
    if not _held_back_s(aim):
        return []
    root = Path(aim.deployment.root)
    found = [
        (standby.process, identity)
        for standby in standbys(aim.deployment, lead)
        if (pid := postgres.walreceiver(aim.deployment, standby))
        and (identity := known_as(root, aim.deployment.process(standby.process), pid))
    ]
    wait_until(strike_ns - round(_held_back_s(aim) * SECOND_NS))
    send([identity for _, identity in found], signal.SIGSTOP)
    return found


def _end_receivers(frozen: list[tuple[str, Identity]]) -> None:
    """Send SIGTERM to frozen receivers and resume them: they end before they read the data that waits in their socket."""
    receivers = [identity for _, identity in frozen]
    for number in (signal.SIGTERM, signal.SIGCONT):
        with contextlib.suppress(PermissionError):
            send(receivers, number)


KIND = Kind(
    name="shard.primary-killed",
    hold_s=30,
    does="Kills the postmaster of the shard's live primary by SIGKILL, or its whole node.",
    observed_by="A connection to the killed member's own port is refused, or answered by a standby or a newer postmaster.",
    undone_by="Starts what is dead and switches the primary back; proven by a write, streaming replicas, roles, ready applications.",
    scope=("shard",),
    parameters=(NODE, HELD_BACK, SWITCH_BACK),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda aim: ROLES_S + _held_back_s(aim),
)
