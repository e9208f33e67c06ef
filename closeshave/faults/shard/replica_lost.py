"""One standby of a shard is lost: its whole node."""

from __future__ import annotations

from closeshave.clients import patroni, ports
from closeshave.deployment import Member
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.shard.cluster import ROLES_S, named, prove, shard_of, standbys, undo, unfit
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill the first standby: Patroni and PostgreSQL together, because Patroni would start PostgreSQL again."""
    return lose(aim, standbys(aim.deployment, patroni.leader(aim.deployment, shard_of(aim)))[:1], strike_ns)


def lose(aim: Aim, members: tuple[Member, ...], strike_ns: int) -> Injection:
    """Kill whole nodes by SIGKILL."""
    targets = tuple(member.process for member in members)
    done = kill(victims_of(aim.deployment, [aim.deployment.process(name) for name in targets]), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, targets)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Connect to the lost members' own ports: all refuse."""
    refusals = {member: ports.refusal(member.port) for member in named(aim, injection.targets)}
    if not refusals or not all(refusals.values()):
        accepting = [f"{member.process}:{member.port}" for member, refused in refusals.items() if not refused]
        return NotSeen(f"connections are accepted by {', '.join(accepting)}" if accepting else "no replica was killed")
    asked = ", ".join(f"{member.process}:{member.port}" for member in refusals)
    return Sighting(f"TCP to {asked}", ", ".join(dict.fromkeys(refusals.values())))


KIND = Kind(
    name="shard.replica-lost",
    does="Kills one standby of the shard by SIGKILL, Patroni with its PostgreSQL; nothing restarts them until the fault is healed.",
    observed_by="Connections to the standby's own port are refused.",
    undone_by="Starts the node again; proven by a write, streaming replicas, roles, ready applications.",
    scope=("shard",),
    # Reads that went to the standby go to the primary.
    expected=Expected.TOLERATES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
    effect_within_s=None,
)
