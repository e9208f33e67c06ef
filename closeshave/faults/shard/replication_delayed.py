"""What a primary writes reaches its standbys late."""

from __future__ import annotations

from closeshave.clients import patroni
from closeshave.clients.toxiproxy import Toxic
from closeshave.faults import links
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.links import Disturbance
from closeshave.faults.shard import cluster, replication
from closeshave.faults.shard.cluster import ROLES_S, shard_of
from closeshave.faults.shard.replication import late, links_from
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

NAME = "shard.replication-delayed"
# wal_sender_timeout, 5 s, would end the connection: that is another fault.
DELAY = Parameter(
    "delay", float, default=1.0, about="Delay of everything that is sent to the standbys, in seconds.", at_least=0.1, at_most=4
)
SEEN_AFTER_S = 0.2


def unfit(aim: Aim) -> str:
    """As for every fault of a shard; and unfit without a link to slow down."""
    return links.unfit(aim.deployment) or cluster.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Add latency to the link from the live primary to its standbys."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    toxic = Toxic("latency", {"latency": round(float(aim.parameters["delay"]) * 1e3)}, "downstream")
    return links.inject(aim, Disturbance(links.owner(NAME, aim), links_from(aim, lead), (toxic,)), strike_ns)


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """A write, which takes milliseconds otherwise, has not arrived at the standbys after a large part of the delay."""
    return late(aim, min(SEEN_AFTER_S, float(aim.parameters["delay"]) / 2))


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Remove the latency; then as for every fault of a shard."""
    return replication.undo(aim, NAME, deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """No toxic is listed, and the shard is healthy."""
    return replication.prove(aim, NAME)


KIND = Kind(
    name=NAME,
    does="Adds latency to the link between the shard's live primary and its standbys, so that they lag behind.",
    observed_by="A write at the primary has not been received by any standby after 200 ms (or half of the delay, if that is less).",
    undone_by="Removes the toxic from the link; proven by the toxics that Toxiproxy lists, a write, streaming replicas, roles, applications.",
    scope=("shard",),
    parameters=(DELAY,),
    # No write waits for a standby unless replication is synchronous; the loss at a later failover belongs to another fault.
    expected=Expected.TOLERATES,
    links=("replication",),
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
    effect_within_s=None,
)
