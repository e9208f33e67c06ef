"""A Valkey cluster as its environment declares it: how its roles are put right again, and the proof that it is whole."""

from __future__ import annotations

from collections.abc import Mapping

from closeshave.clients import sentinel, valkey_cluster
from closeshave.clients.valkey_cluster import ClusterView
from closeshave.deployment import Deployment, Store
from closeshave.faults.kind import Proof, Say
from closeshave.faults.waiting import until
from closeshave.hashslots import keys_in, told
from closeshave.plurals import counted

PROOF = "closeshave:heal-proof:"


def joined(deployment: Deployment, group: str) -> bool:
    """Whether every node answers, knows the same owners of all slots, and every replica is linked."""
    stores = sentinel.stores_of(deployment, group)
    seen = valkey_cluster.views(stores)
    try:
        return not _lost(stores, seen) and not _disagreeing(seen) and not _unlinked(stores, seen)
    except sentinel.Unavailable:
        return False


def rejoin(deployment: Deployment, group: str) -> tuple[str, ...]:
    """Let nodes that came back without what they had stored join the cluster again, as replicas of whoever serves their slots now; the cluster forgets
    what they were before. One step further at each call, because gossip takes its time; returns what was done."""
    stores = sentinel.stores_of(deployment, group)
    seen = valkey_cluster.views(stores)
    done = []
    for primary, replicas in valkey_cluster.declared(stores).items():
        pair = (primary, *replicas)
        lead = next((node for node in pair if node in seen and seen[node].own.primary and seen[node].own.slots), None)
        for node in pair if lead is not None else ():
            if node == lead or node not in seen or lead is None:
                continue
            if lead.port not in seen[node].joined:
                valkey_cluster.meet(deployment, lead, node)
                done.append(f"{node.process} met {lead.process}")
            elif seen[node].own.primary and not seen[node].own.slots:
                valkey_cluster.replicate(node, lead)
                done.append(f"{node.process} follows {lead.process}")
    current = {view.own.id for view in seen.values()}
    if len(seen) == len(stores):
        for store, view in seen.items():
            for ghost in view.ghosts - current:
                valkey_cluster.dismiss(store, ghost)
    return tuple(done)


def home(deployment: Deployment, group: str, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Let every declared primary that follows one of its replicas take its slots over, and wait until all nodes know; returns what was done."""
    stores = sentinel.stores_of(deployment, group)
    done: list[str] = []

    def at_home() -> bool:
        if not joined(deployment, group):
            return False
        try:
            away = _away(stores)
            for primary in away:
                say(f"{primary.process} takes its slots over again")
                valkey_cluster.take_over(primary)
                done.append(f"{primary.process} took its slots over again")
        except (sentinel.Unavailable, sentinel.NoPrimary):
            return False
        return not away

    until(at_home, deadline_ns, interval_s=0.5)
    return tuple(dict.fromkeys(done))


def whole(deployment: Deployment, group: str, *, at_home: bool) -> Proof:
    """Every node says that the cluster is well, and all agree who serves which slots: each is served once, none is in the middle of a move. Each primary
    accepts a write that its replicas have, and is the declared one, if wanted."""
    what = f"{group}: every slot is served once, its primaries accept writes, its replicas have them{', and the declared ones lead' if at_home else ''}"
    stores = sentinel.stores_of(deployment, group)
    seen = valkey_cluster.views(stores)
    try:
        faults = [*_lost(stores, seen), *_disagreeing(seen)]
        faults = faults or [*_unlinked(stores, seen), *_open(seen), *_unwritten(stores, seen)]
        if at_home and not faults:
            faults += [f"{primary.process} does not lead" for primary in _away(stores)]
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        faults = [str(error)]
    leading = sum(bool(view.own.primary and view.own.slots) for view in seen.values())
    return Proof(what, not faults, "; ".join(faults) or f"{counted(len(seen), 'node agrees', 'nodes agree')}, {leading} of them lead")


def _lost(stores: tuple[Store, ...], seen: Mapping[Store, ClusterView]) -> list[str]:
    return [f"{store.process} does not answer" for store in stores if store not in seen]


def _disagreeing(seen: Mapping[Store, ClusterView]) -> list[str]:
    """What nodes say of themselves is so; each must know it of the others."""
    shares = {store: view.own.slots for store, view in seen.items() if view.own.primary and view.own.slots}
    found = [wrong] if (wrong := valkey_cluster.uncovered(shares.values())) else []
    owners = {slot: store.port for store, slots in shares.items() for slot in slots}
    for store, view in seen.items():
        if not view.serves:
            found.append(f"{store.process} says that the cluster is not well")
        elif view.owners != owners:
            found.append(f"{store.process} does not know yet who serves which slots")
        found += [
            f"{store.process} holds the node at port {port} for lost" for port, node in view.nodes.items() if node.flags & {"fail", "fail?"}
        ]
    return found


def _unlinked(stores: tuple[Store, ...], seen: Mapping[Store, ClusterView]) -> list[str]:
    """Replicas without a link, and primaries that have fewer of them than is declared."""
    found = []
    for store in stores:
        own = seen[store].own
        if not own.primary and not sentinel.replication(store).linked:
            found.append(f"{store.process} has no link to its primary")
    for primary, replicas in valkey_cluster.declared(stores).items():
        leading = [node for node in (primary, *replicas) if seen[node].own.primary]
        if len(leading) != 1:
            found.append(f"{len(leading)} of {primary.process} and its replicas lead")
    return found


def _open(seen: Mapping[Store, ClusterView]) -> list[str]:
    return [f"slots {told(view.own.open)} of {store.process} are in the middle of a move" for store, view in seen.items() if view.own.open]


def _unwritten(stores: tuple[Store, ...], seen: Mapping[Store, ClusterView]) -> list[str]:
    """Primaries whose write did not reach their replicas."""
    found = []
    for store, view in seen.items():
        if not view.own.primary or not view.own.slots:
            continue
        replicas = sum(other.own.follows == view.own.id for other in seen.values())
        (key,) = keys_in(view.own.slots, PROOF, 1)
        copies = valkey_cluster.write(store, key, replicas)
        wanted = len(next(replicas for primary, replicas in valkey_cluster.declared(stores).items() if store in (primary, *replicas)))
        if copies < wanted:
            found.append(f"a write to {store.process} reached {copies} of {counted(wanted, 'replica')}")
    return found


def _away(stores: tuple[Store, ...]) -> list[Store]:
    """The declared primaries that follow one of their own replicas."""
    found = []
    for primary, replicas in valkey_cluster.declared(stores).items():
        own = valkey_cluster.view(primary).own
        if own.primary:
            continue
        if own.follows not in {valkey_cluster.view(replica).own.id for replica in replicas}:
            raise sentinel.NoPrimary(f"{primary.process} follows a node that is none of its replicas")
        found.append(primary)
    return found
