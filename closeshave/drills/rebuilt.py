"""Proofs that a database was built anew: from its files, and from its own server."""

from __future__ import annotations

from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.deployment import Deployment, Member
from closeshave.faults.kind import Proof

VERSION_FILE = "PG_VERSION"
"""The file by which PostgreSQL knows a data directory."""


def renewed(deployment: Deployment, member: Member, lost_s: float) -> Proof:
    """Its files, and its server, are from after the loss; ``lost_s`` is in seconds since the epoch."""
    what = f"{member.process} has files and a server from after the loss"
    try:
        # When the kernel made or last changed the file: no copy takes that over.
        made_s = Path(deployment.root, "data", member.process, VERSION_FILE).stat().st_ctime
        started_s = postgres.standing(deployment, member).started_s
    except (OSError, postgres.Unavailable) as error:
        return Proof(what, False, postgres.first_line(error))
    saw = f"files made {made_s - lost_s:+.1f} s, server started {started_s - lost_s:+.1f} s after it"
    return Proof(what, min(made_s, started_s) > lost_s, saw)


def follows(deployment: Deployment, member: Member) -> Proof:
    """It has what is committed now, on the primary of its shard."""
    what = f"{member.process} has received what was just committed"
    try:
        lead = patroni.leader(deployment, member.shard)
        position = postgres.write(deployment, lead)
        if lead == member:
            return Proof(what, True, "it is the primary, and accepted a write")
        received = postgres.received(deployment, member, position)
    except (patroni.NoLeader, postgres.Unavailable) as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, received, f"it {'has' if received else 'has not'} received {position}")
