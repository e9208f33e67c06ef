"""Restores processes as the environment declares them: resume stopped ones, start dead ones, switch roles back.

Nothing here knows what was broken: repairing means to make everything as declared, so that any process can do it, any number of times.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

from closeshave.clients import patroni, ports, postgres, sentinel, valkey_cluster
from closeshave.control import processes
from closeshave.deployment import Deployment, Member, Process, Store
from closeshave.faults import store_clusters
from closeshave.faults.kind import Say
from closeshave.faults.waiting import after, until

ORDER = ("etcd", "toxiproxy", "valkey", "sentinel", "haproxy", "patroni", "backup", "pooler", "payments", "app", "worker", "edge", "alerts")
"""Roles in the order in which their processes start: those that others need come first."""
LISTENING_WITHIN_S = 10.0


def revive(deployment: Deployment, names: Iterable[str], deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Resume and start the named processes, role after role; returns what was done. The proof shows a process that does not start."""
    root = Path(deployment.root)
    wanted = [process for process in deployment.processes if process.name in set(names)]
    done = [f"resumed {name}" for process in wanted for name in _resume(root, process)]
    for role in ORDER:
        started = [process for process in wanted if process.role == role and processes.find(root, process) is None]
        for process in started:
            identity = processes.start(root, deployment.id, process)
            done.append(f"started {process.name} pid {identity.pid}")
        if started:
            say(f"started {', '.join(process.name for process in started)}")
            # Patroni's own port opens at once and PostgreSQL's much later; nothing that follows needs either.
            _wait_listening([] if role == "patroni" else started, deadline_ns)
    return tuple(done)


def link_stores(deployment: Deployment, group: str, deadline_ns: int) -> None:
    """Make every store of a group follow the one that Sentinel considers primary, without waiting for Sentinel to do it. The nodes of a cluster find
    their roles themselves; they are waited for."""

    def linked() -> bool:
        try:
            if valkey_cluster.clustered(deployment, group):
                if store_clusters.joined(deployment, group):
                    return True
                store_clusters.rejoin(deployment, group)
                return False
            return _linked(deployment, group, sentinel.primary(deployment, group))
        except (sentinel.Unavailable, sentinel.NoPrimary):
            return False

    until(linked, deadline_ns, interval_s=0.2)


def shard_home(deployment: Deployment, shard: int, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Wait until a shard's replicas stream and switch its primary back to its home region; returns what was done."""
    target = declared(deployment, shard)
    done: list[str] = []

    def at_home() -> bool:
        try:
            lead = patroni.leader(deployment, shard)
            linked = postgres.streaming(deployment, lead) >= len(patroni.members_of(deployment, shard)) - 1
            if linked and lead != target:
                say(f"switching shard {shard} back to {target.process}")
                patroni.switchover(deployment, shard, target)
                done.append(f"switched shard {shard} from {lead.process} to {target.process}")
        except (patroni.NoLeader, postgres.Unavailable, patroni.Unavailable):
            return False
        return linked and lead == target

    until(at_home, deadline_ns, interval_s=0.2)
    return tuple(done)


def declared(deployment: Deployment, shard: int) -> Member:
    """The member that is declared as a shard's primary: the first one listed in its home region."""
    home = deployment.topology.shard(shard).home
    return next(member for member in patroni.members_of(deployment, shard) if member.region == home)


def group_home(deployment: Deployment, group: str, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Let Sentinel fail a group over until its declared primary leads again and all follow it; returns what was done. In a cluster every declared primary
    takes its slots over."""
    if valkey_cluster.clustered(deployment, group):
        return store_clusters.home(deployment, group, deadline_ns, say)
    wanted = sentinel.stores_of(deployment, group)[0]
    done: list[str] = []

    def at_home() -> bool:
        try:
            lead = sentinel.primary(deployment, group)
            linked = _linked(deployment, group, lead)
            if linked and lead != wanted:
                say(f"failing {group} over to {wanted.process}")
                sentinel.failover(deployment, group)
                done.append(f"failed {group} over from {lead.process} to {wanted.process}")
        except (sentinel.Unavailable, sentinel.NoPrimary):
            # A failover that is requested too soon after the last one is refused for some seconds.
            return False
        return linked and lead == wanted

    until(at_home, deadline_ns, interval_s=0.2)
    return tuple(done)


def _resume(root: Path, process: Process) -> list[str]:
    stopped = processes.stopped(processes.family(root, process))
    return [f"{process.name} pid {identity.pid}" for identity in processes.send(stopped, signal.SIGCONT)]


def _wait_listening(started: Iterable[Process], deadline_ns: int) -> None:
    awaited = [port for process in started for port in process.ports]
    until(lambda: all(map(ports.listens, awaited)), min(deadline_ns, after(LISTENING_WITHIN_S)))


def _linked(deployment: Deployment, group: str, lead: Store) -> bool:
    """Whether all stores have their roles with ``lead`` as the primary; a store without its role is ordered to take it."""
    if not all(view.settled_on(lead) for view in sentinel.views(deployment, group).values()):
        # In the middle of a failover the next primary must not be set to follow the last one.
        return False
    return all(_placed(deployment, store, lead) for store in sentinel.stores_of(deployment, group))


def _placed(deployment: Deployment, store: Store, lead: Store) -> bool:
    """Whether a store has the role that it should have with ``lead`` as the primary; if not, it is ordered to take it."""
    role = sentinel.replication(store)
    if store == lead:
        if not role.primary:
            sentinel.follow(deployment, store, None)
        return role.primary
    if role.primary_port != lead.port:
        sentinel.follow(deployment, store, lead)
        return False
    return role.linked
