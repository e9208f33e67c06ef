"""etcd, where Patroni stores which member is the primary: its members, when they may be killed, and how they are restored."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.deployment import Process
from closeshave.faults import proofs, repair
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, NotSeen, Proof, Say
from closeshave.history import Injection, Sighting


def members(aim: Aim) -> tuple[Process, ...]:
    """Every member, as declared."""
    return tuple(process for process in aim.deployment.processes if process.role == "etcd")


def unfit(aim: Aim) -> str:
    """Unfit until etcd and every shard are healthy: a shard during a failover needs etcd."""
    checks = [
        proofs.etcd(aim.deployment),
        *(proofs.shard(aim.deployment, shard.id, at_home=False) for shard in aim.deployment.topology.shards),
    ]
    return "; ".join(str(proof) for proof in proofs.together(checks) if not proof.holds)


def lose(aim: Aim, lost: tuple[Process, ...], strike_ns: int) -> Injection:
    """Kill members by SIGKILL at once."""
    done = kill(victims_of(aim.deployment, lost), strike_ns)
    return Injection(aim.label or "etcd", done.touched, done.began_ns, done.dead_ns, tuple(process.name for process in lost))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Connect to the client ports of the lost members: all refuse."""
    asked = [process for process in members(aim) if process.name in injection.targets]
    refusals = [ports.refusal(process.ports[0]) for process in asked]
    if not asked or not all(refusals):
        accepting = [process.name for process, refused in zip(asked, refusals, strict=True) if not refused]
        return NotSeen(f"connections are accepted by {', '.join(accepting)}" if accepting else "no member of etcd was killed")
    return Sighting(f"TCP to {', '.join(f'{process.name}:{process.ports[0]}' for process in asked)}", ", ".join(dict.fromkeys(refusals)))


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start every member again; a shard that failed over meanwhile is switched back."""
    done = repair.revive(aim.deployment, [process.name for process in members(aim)], deadline_ns, say)
    for shard in aim.deployment.topology.shards:
        done += repair.shard_home(aim.deployment, shard.id, deadline_ns, say)
    return done


def prove(aim: Aim) -> tuple[Proof, ...]:
    """etcd is healthy, every Patroni renews its leader's key there, every shard accepts writes."""
    shards = [shard.id for shard in aim.deployment.topology.shards]
    return proofs.together(
        [
            proofs.running(aim.deployment, [process.name for process in members(aim)]),
            proofs.etcd(aim.deployment),
            proofs.patronis_reach_etcd(aim.deployment),
            *(proofs.shard(aim.deployment, shard, at_home=True) for shard in shards),
            proofs.applications(aim.deployment),
            proofs.edges(aim.deployment, shards),
        ]
    )
