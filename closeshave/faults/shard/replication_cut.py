"""Nothing that a primary writes reaches its standbys any more."""

from __future__ import annotations

from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.control.processes import known_as
from closeshave.faults import links
from closeshave.faults.freezing import freeze
from closeshave.faults.killing import Victim
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.links import SILENCE, Disturbance
from closeshave.faults.shard import cluster, replication
from closeshave.faults.shard.cluster import ROLES_S, shard_of, standbys
from closeshave.faults.shard.replication import late, links_from
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

NAME = "shard.replication-cut"
SEEN_AFTER_S = 0.2


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Block the link from the live primary in both directions; without a Toxiproxy, freeze the standbys' WAL receivers."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    if through := links_from(aim, lead):
        return links.inject(aim, Disturbance(links.owner(NAME, aim), through, SILENCE), strike_ns)
    root = Path(aim.deployment.root)
    receivers = [
        Victim(standby.process, "walreceiver", identity)
        for standby in standbys(aim.deployment, lead)
        if (pid := postgres.walreceiver(aim.deployment, standby))
        and (identity := known_as(root, aim.deployment.process(standby.process), pid))
    ]
    done = freeze(receivers, strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.still_ns, tuple(victim.process for victim in receivers))


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """A write, which takes milliseconds otherwise, does not arrive at the standbys."""
    return late(aim, SEEN_AFTER_S)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Remove the toxics and resume frozen receivers; then as for every fault of a shard."""
    return replication.undo(aim, NAME, deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """No toxic is listed, no process is stopped, and the shard is healthy."""
    return replication.prove(aim, NAME)


KIND = Kind(
    name=NAME,
    does="Drops all traffic between the shard's live primary and its standbys, or freezes their WAL receivers where there is no Toxiproxy.",
    observed_by="A write at the primary has not been received by any standby after 200 ms.",
    undone_by="Removes the toxics and resumes the receivers; proven by the toxics listed, a write, streaming replicas, roles, applications.",
    scope=("shard",),
    # The primary continues; it detects the cut only after wal_sender_timeout.
    expected=Expected.TOLERATES,
    links=("replication",),
    unfit=cluster.unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
    effect_within_s=None,
)
