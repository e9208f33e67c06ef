"""Slots move from one primary of a Valkey cluster to another, key by key, while customers use the keys in them."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.clients import sentinel, valkey_cluster
from closeshave.clients.valkey_cluster import SlotMoves
from closeshave.deployment import Deployment, Store
from closeshave.drills.cache import marked_keys
from closeshave.drills.kind import DrillDisturbed, DrillKind, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.faults import proofs, store_clusters
from closeshave.faults.cache import tier
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.faults.waiting import left_s, until
from closeshave.hashslots import SLOTS, keys_in, told, within
from closeshave.history import TIMED
from closeshave.plurals import counted

CHOOSE, WRITE, MOVE, COUNT = "choose the slots", "write keys", "move the slots", "count the keys"
COUNT_OF_SLOTS = Parameter("slots", int, default=100, about="How many slots move.", at_least=1, at_most=SLOTS // 3)
FIRST_SLOT = Parameter(
    "first", int, default=0, about="The first of them; its primary is the source, and the next primary the target.", at_most=SLOTS - 1
)


def nodes_of(aim: Aim) -> tuple[Store, ...]:
    """The nodes of the cluster that holds the tier."""
    return tuple(store for store in tier.stores_of(aim) if store.slots is not None)


def choose(work: DrillWork) -> Facts:
    """Which slots, from which primary to which, and how many keys they hold now."""
    try:
        serving, first = valkey_cluster.leads(nodes_of(work.aim)), int(work.aim.parameters["first"])
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        raise DrillDisturbed(str(error)) from error
    order = sorted(serving, key=lambda store: min(serving[store]))
    number = next(number for number, store in enumerate(order) if first in serving[store])
    source, target = order[number], order[(number + 1) % len(order)]
    slots = sorted(slot for slot in serving[source] if slot >= first)[: int(work.aim.parameters["slots"])]
    held = valkey_cluster.held(slots, source)
    return {"from": source.process, "to": target.process, "first_slot": slots[0], "last_slot": slots[-1], "slots": len(slots), "keys": held}


def write(work: DrillWork) -> Facts:
    """Write keys of these slots as an application does."""
    keys = keys_in(slots_of(work), marked_keys.stem(work.id), marked_keys.KEYS)
    marked_keys.write(nodes_of(work.aim), keys, work.keeps)
    return {"written": len(keys)}


def move(work: DrillWork) -> Facts:
    """Move one slot after the other, while further keys are written to all of them."""
    stores, (source, target) = nodes_of(work.aim), ends_of(work)
    moved = 0
    try:
        with (
            SlotMoves(work.aim.deployment, stores) as moves,
            marked_keys.written_meanwhile(stores, work.id, slots_of(work), work.keeps),
        ):
            for slot in sorted(slots_of(work)):
                if work.stop():
                    raise DrillDisturbed("the drill was stopped")
                if left_s(work.deadline_ns) <= 0:
                    raise DrillOverdue(f"slot {slot} was not moved yet, after {counted(moved, 'key')}")
                moved += moves.whole(slot, source, target)
    except sentinel.Unavailable as error:
        raise DrillOverdue(f"the cluster did not move a slot: {type(error).__name__}: {error}") from error
    return {"keys": moved, TIMED: True}


def count(work: DrillWork) -> Facts:
    """Look for every key that was acknowledged, as an application does; and how many there are in the slots at their new owner."""
    _, target = ends_of(work)
    held = valkey_cluster.held(slots_of(work), target)
    return {"keys": held, **marked_keys.compared(nodes_of(work.aim), work.keeps)}


def slots_of(work: DrillWork) -> frozenset[int]:
    """The slots that move."""
    chosen = work.facts[CHOOSE]
    return within([(int(str(chosen["first_slot"])), int(str(chosen["last_slot"])))])


def ends_of(work: DrillWork) -> tuple[Store, Store]:
    """The source and the target."""
    by_name = {store.process: store for store in nodes_of(work.aim)}
    return by_name[str(work.facts[CHOOSE]["from"])], by_name[str(work.facts[CHOOSE]["to"])]


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask every node for the map that clients get, the source for keys that stayed behind, and the target itself for the keys that were written."""
    stores, slots, (source, target) = nodes_of(work.aim), slots_of(work), ends_of(work)
    mapped = f"every node tells clients that {target.process} serves slots {told(slots)}, and who serves each other one"
    behind = f"{source.process} holds no key of them"
    there = f"{target.process} itself has the keys that were acknowledged"
    try:
        maps = {store.process: valkey_cluster.owners(store) for store in stores}
        wrong = [name for name, owners in maps.items() if len(owners) != SLOTS or any(owners[slot] != target.port for slot in slots)]
        kept = valkey_cluster.held(slots, source)
        keys = list(marked_keys.noted(work.keeps))
        gone = [key for key, value in zip(keys, valkey_cluster.read(target, keys), strict=True) if value != key]
    except sentinel.Unavailable as error:
        raise DrillOverdue(f"a node did not answer: {type(error).__name__}: {error}") from error
    return (
        Proof(mapped, not wrong, f"not {', '.join(wrong)}" if wrong else f"all {counted(len(maps), 'node')}"),
        Proof(behind, not kept, counted(kept, "key")),
        Proof(there, bool(keys) and not gone, f"{len(keys) - len(gone)} of {len(keys)}"),
        *_whole(work.aim.deployment, stores),
    )


def _whole(deployment: Deployment, stores: Sequence[Store]) -> tuple[Proof, ...]:
    return tuple(store_clusters.whole(deployment, group, at_home=False) for group in dict.fromkeys(store.group for store in stores))


def unfit(aim: Aim) -> str:
    """Unfit unless the tier is in a cluster, and that is whole and serves its slots as declared."""
    if not nodes_of(aim):
        return f"the tier {tier.name_of(aim)} is in no Valkey cluster, so that it has no slots"
    for proof in (*_whole(aim.deployment, nodes_of(aim)), _as_declared(aim)):
        if not proof.holds:
            return str(proof)
    return ""


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Bring every slot that is in the middle of a move to its end, because only then each key is at one place; move every slot back to the primary that
    is declared for it; remove what was written."""
    stores, done = nodes_of(aim), {"ended": 0, "moved back": 0, "removed": 0}

    def back() -> bool:
        try:
            with SlotMoves(aim.deployment, stores) as moves:
                done["ended"] += _ended(stores, moves)
                done["moved back"] += _moved_back(stores, moves, deadline_ns)
            done["removed"] += marked_keys.remove(stores)
        except (sentinel.Unavailable, sentinel.NoPrimary) as error:
            say(f"not yet: {error}")
            return False
        return not any(seen.own.open for seen in valkey_cluster.views(stores).values())

    until(back, deadline_ns, interval_s=0.5)
    words = (
        ("ended", "move of a slot was brought to its end", "moves of slots were brought to their end"),
        ("moved back", "slot was moved back", "slots were moved back"),
        ("removed", "key of the drill was removed", "keys of the drill were removed"),
    )
    return tuple(counted(done[name], one, many) for name, one, many in words if done[name])


def _ended(stores: Sequence[Store], moves: SlotMoves) -> int:
    """Bring moves that were cut off to their end; how many there were."""
    seen = valkey_cluster.views(stores)
    open_: set[tuple[int, Store, Store]] = set()
    for store, view in seen.items():
        if not view.own.primary:
            # Replicas copy what their primary says, and cannot be told.
            continue
        open_ |= {(slot, store, other) for slot, name in view.own.migrating.items() if (other := moves.at(name)) is not None}
        open_ |= {(slot, other, store) for slot, name in view.own.importing.items() if (other := moves.at(name)) is not None}
    for slot, source, target in sorted(open_, key=lambda move: move[0]):
        if target in seen and slot in seen[target].own.slots:
            # Only the source was not told any more.
            moves.end(slot, source, target)
        else:
            moves.whole(slot, source, target)
    return len(open_)


def _moved_back(stores: Sequence[Store], moves: SlotMoves, deadline_ns: int) -> int:
    serving = valkey_cluster.leads(stores)
    moved = 0
    for home, slots in _homes(stores, serving).items():
        for store, own in serving.items():
            for slot in sorted(own & slots) if store != home else ():
                if left_s(deadline_ns) <= 0:
                    return moved
                moves.whole(slot, store, home)
                moved += 1
    return moved


def _homes(stores: Sequence[Store], serving: dict[Store, frozenset[int]]) -> dict[Store, frozenset[int]]:
    """The slots that each primary should serve: those of its declared range, whichever node of that leads now."""
    found = {}
    for primary, replicas in valkey_cluster.declared(stores).items():
        lead = next((node for node in (primary, *replicas) if node in serving), primary)
        found[lead] = within([primary.slots] if primary.slots is not None else [])
    return found


def _as_declared(aim: Aim) -> Proof:
    """Every primary serves its declared slots, and nothing of a drill is left."""
    what = "every primary serves its declared slots, and no key of a drill is left"
    stores = nodes_of(aim)
    try:
        serving = valkey_cluster.leads(stores)
        away = [f"{store.process} does not" for store, slots in _homes(stores, serving).items() if serving.get(store) != slots]
        if count_left := marked_keys.left(stores):
            away.append(f"{counted(count_left, 'key')} of a drill")
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        away = [str(error)]
    return Proof(what, not away, "; ".join(away) or f"all {counted(len(_homes(stores, serving)), 'primary', 'primaries')}")


def safe(aim: Aim) -> tuple[Proof, ...]:
    """The cluster is whole, each slot is where it is declared to be, and the edges lead to applications that are ready."""
    deployment = aim.deployment
    return (
        *_whole(deployment, nodes_of(aim)),
        _as_declared(aim),
        *proofs.together([proofs.applications(deployment), proofs.edges(deployment)]),
    )


KIND = DrillKind(
    name="cache.reshard",
    does="Moves slots of the tier's Valkey cluster from one primary to the next, key by key under load (`SETSLOT`, `MIGRATE`), as `redis-cli --cluster "
    "reshard` does, while further keys are written to them.",
    proven_by="The map of slots that every node tells clients, the source, which holds no key of them any more, the target itself, which has every key "
    "that was acknowledged, and all nodes, which agree that each slot is served once and none is in the middle of a move.",
    put_back_by="Brings every slot that is in the middle of a move to its end, moves all slots back to the primaries that are declared for them, and "
    "removes the drill's keys; proven by all nodes, a write to each primary that its replicas have, ready applications and edges.",
    scope=("tier",),
    steps=(DrillStep(CHOOSE, choose), DrillStep(WRITE, write), DrillStep(MOVE, move), DrillStep(COUNT, count)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(COUNT_OF_SLOTS, FIRST_SLOT),
    uses=("valkey cluster",),
    put_back_within_s=90.0,
)
