"""A primary of a Valkey cluster is lost with all that it has stored, and a new node takes its place."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from closeshave.clients import sentinel, valkey_cluster
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Store
from closeshave.drills.cache import marked_keys
from closeshave.drills.cache.reshard import nodes_of
from closeshave.drills.kind import DrillDisturbed, DrillKind, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.faults import store_clusters
from closeshave.faults.cache import tier
from closeshave.faults.cache.killed import SLOT, unfit_node
from closeshave.faults.killing import StillAlive, kill, victims_of
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.hashslots import keys_in
from closeshave.history import TIMED

CHOOSE, LOSE, TAKE_OVER, JOIN, COUNT = "choose the node", "lose the node", "wait for its replica", "join a new node", "count the keys"
WRITTEN_FOR_S = 1.0
"""Keys are written until the node is lost: what it acknowledged last is what its replica may not have."""


def choose(work: DrillWork) -> Facts:
    """The primary that serves the slot, and keys of its slots, written as an application does."""
    stores, slot = nodes_of(work.aim), int(work.aim.parameters["slot"])
    try:
        serving = valkey_cluster.leads(stores)
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        raise DrillDisturbed(str(error)) from error
    store = next(store for store, slots in serving.items() if slot in slots)
    marked_keys.write(stores, keys_in(serving[store], marked_keys.stem(work.id), marked_keys.KEYS), work.keeps)
    return {"node": store.process, "slots": len(serving[store]), "written": marked_keys.KEYS}


def lose(work: DrillWork) -> Facts:
    """Kill it while further keys are written to its slots, and remove what it has stored."""
    deployment, store = work.aim.deployment, _node(work)
    process = deployment.process(store.process)
    slots = valkey_cluster.leads(nodes_of(work.aim))[store]
    with marked_keys.written_meanwhile(nodes_of(work.aim), work.id, slots, work.keeps):
        time.sleep(WRITTEN_FOR_S)
        try:
            done = kill(victims_of(deployment, [process]), now_ns())
        except StillAlive as error:
            raise DrillDisturbed(str(error)) from error
    for path in Path(deployment.root, "data", store.process).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return {"lost_ns": done.dead_ns}


def take_over(work: DrillWork) -> Facts:
    """Wait until every slot is served again. The duration counts from here on."""
    stores = nodes_of(work.aim)
    serving: dict[Store, frozenset[int]] = {}

    def unserved() -> str:
        nonlocal serving
        try:
            serving = valkey_cluster.leads(stores)
        except sentinel.NoPrimary as error:
            return str(error)
        return ""

    work.until(unserved, "its replica did not take its slots over", 0.1)
    slot = int(work.aim.parameters["slot"])
    return {"serves": next(store.process for store, slots in serving.items() if slot in slots), TIMED: True}


def join(work: DrillWork) -> Facts:
    """Start an empty node in its place, and let it copy the new primary."""
    deployment, store = work.aim.deployment, _node(work)
    processes.start(Path(deployment.root), deployment.id, deployment.process(store.process))

    def apart() -> str:
        try:
            store_clusters.rejoin(deployment, store.group)
            own = valkey_cluster.view(store).own
            linked = not own.primary and sentinel.replication(store).linked
        except sentinel.Unavailable as error:
            return f"{type(error).__name__}: {error}"
        return "" if linked else f"{store.process} is no replica yet"

    work.until(apart, "the new node did not join the cluster", 0.5)
    return {"joined": store.process}


def count(work: DrillWork) -> Facts:
    """Look for every key that was acknowledged before the node was lost, as an application does."""
    return marked_keys.compared(nodes_of(work.aim), work.keeps, int(str(work.facts[LOSE]["lost_ns"])))


def _node(work: DrillWork) -> Store:
    return next(store for store in nodes_of(work.aim) if store.process == work.facts[CHOOSE]["node"])


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask the new node itself: it answers reads of its primary's keys, as a replica; and all nodes, which agree."""
    store = _node(work)
    there = f"{store.process} itself has, as a replica, the keys that its primary has"
    serves = str(work.facts[TAKE_OVER]["serves"])
    lead = next(each for each in nodes_of(work.aim) if each.process == serves)
    keys = list(marked_keys.noted(work.keeps))
    try:
        here, at_lead = valkey_cluster.read(store, keys, as_replica=True), valkey_cluster.read(lead, keys)
    except sentinel.Unavailable as error:
        raise DrillOverdue(f"a node did not answer: {type(error).__name__}: {error}") from error
    same = sum(one == other for one, other in zip(here, at_lead, strict=True))
    return (
        Proof(there, same == len(keys) and any(here), f"{same} of {len(keys)} are alike"),
        store_clusters.whole(work.aim.deployment, store.group, at_home=False),
    )


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start the node, let it join if it came back empty, let it take its slots over again, and remove what was written."""
    done = tier.affected(aim).mend(deadline_ns, say, at_home=True)
    try:
        removed = marked_keys.remove(nodes_of(aim))
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        say(str(error))
        return done
    return (*done, f"removed {removed} keys of the drill")


def safe(aim: Aim) -> tuple[Proof, ...]:
    """The tier is healthy with its declared primaries, and no key of a drill is left."""
    try:
        left = marked_keys.left(nodes_of(aim))
        nothing = Proof("no key of a drill is left", not left, f"{left} are")
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        nothing = Proof("no key of a drill is left", False, str(error))
    return (nothing, *tier.prove(aim))


KIND = DrillKind(
    name="cache.replace-node",
    does="Kills one primary of the tier's Valkey cluster while keys are written to it, and removes all that it has stored. When its replica serves its "
    "slots, an empty node takes its place and copies them. Its duration counts from the loss.",
    proven_by="The new node itself, which answers reads of the same keys as its primary, and all nodes, which agree that each slot is served once. "
    "What was acknowledged before the loss and is not there is its loss.",
    put_back_by="Starts the node, lets it join the cluster if it came back empty, lets it take its slots over again, and removes the drill's keys; proven "
    "by all nodes, a write to each primary that its replicas have, ready applications and edges.",
    scope=("tier",),
    steps=(
        DrillStep(CHOOSE, choose),
        DrillStep(LOSE, lose),
        DrillStep(TAKE_OVER, take_over),
        DrillStep(JOIN, join),
        DrillStep(COUNT, count),
    ),
    unfit=unfit_node,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(SLOT, tier.SWITCH_BACK),
    uses=("valkey cluster",),
    put_back_within_s=tier.HEAL_WITHIN_S,
)
