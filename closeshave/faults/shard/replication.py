"""Replication from a shard's primary to its standbys: its links, and whether a write arrives in time."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.deployment import Link, Member
from closeshave.faults import links
from closeshave.faults.kind import Aim, NotSeen, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import shard_of, standbys
from closeshave.faults.waiting import after, until
from closeshave.history import Sighting


def links_from(aim: Aim, lead: Member) -> tuple[Link, ...]:
    """The link through which the standbys stream from ``lead``; none without a Toxiproxy."""
    return tuple(link for link in aim.deployment.links if link.kind == "replication" and link.upstream_port == lead.port)


def undo(aim: Aim, kind: str, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Remove the toxics of this kind of fault; then as for every fault of a shard."""
    return (*links.clear(aim.deployment, links.owner(kind, aim), deadline_ns, say), *cluster.undo(aim, deadline_ns, say))


def prove(aim: Aim, kind: str) -> tuple[Proof, ...]:
    """No toxic of this kind of fault is listed, no process is stopped, and the shard is healthy."""
    return cluster.prove(aim, links.cleared(aim.deployment, links.owner(kind, aim)))


def late(aim: Aim, seconds: float) -> Sighting | NotSeen:
    """Write at the primary and ask every standby by SQL whether it has received the write: for so many seconds none has."""
    try:
        lead = patroni.leader(aim.deployment, shard_of(aim))
        others = standbys(aim.deployment, lead)
        position = postgres.write(aim.deployment, lead)
        arrived = until(
            lambda: any(postgres.received(aim.deployment, other, position) for other in others), after(seconds), interval_s=0.01
        )
    except (patroni.NoLeader, postgres.Unavailable) as error:
        return NotSeen(f"no write could be tried: {type(error).__name__}: {error}".strip())
    if arrived:
        return NotSeen(f"a write at {lead.process} arrived at a standby within {seconds * 1e3:.0f} ms")
    asked = ", ".join(other.process for other in others)
    return Sighting(f"a write at {lead.process}, looked for at {asked}", f"{position} not received within {seconds * 1e3:.0f} ms")
