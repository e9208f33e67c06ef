"""Replication from a shard's primary to its standbys: its links, and whether a write arrives in time."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.deployment import Link, Member
from closeshave.faults.kind import Aim
from closeshave.faults.shard.cluster import shard_of, standbys
from closeshave.faults.waiting import after, until
from closeshave.history import Sighting


def links_from(aim: Aim, lead: Member) -> tuple[Link, ...]:
    """The link through which the standbys stream from ``lead``; none without a Toxiproxy."""
    return tuple(link for link in aim.deployment.links if link.kind == "replication" and link.upstream_port == lead.port)


def late(aim: Aim, seconds: float) -> Sighting | None:
    """Write at the primary and ask every standby by SQL whether it has received the write: for so many seconds none has."""
    try:
        lead = patroni.leader(aim.deployment, shard_of(aim))
        others = standbys(aim.deployment, lead)
        position = postgres.write(aim.deployment, lead)
        arrived = until(
            lambda: any(postgres.received(aim.deployment, other, position) for other in others), after(seconds), interval_s=0.01
        )
    except (patroni.NoLeader, postgres.Unavailable):
        return None
    if arrived:
        return None
    asked = ", ".join(other.process for other in others)
    return Sighting(f"a write at {lead.process}, looked for at {asked}", f"{position} not received within {seconds * 1e3:.0f} ms")
