"""A Valkey cluster of six real nodes: its start, the loss of a node, its replacement, and resharding, also when their process is killed in the middle."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import sentinel, valkey_cluster
from closeshave.clients.valkey_cluster import ClusterClient, SlotMoves
from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment, Store
from closeshave.drills.cache import marked_keys
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillKind, DrillWork
from closeshave.drills.lifecycle import carry_out
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.environments.status import status
from closeshave.faults import catalogue, child, store_clusters
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.files.shipped import locate
from closeshave.hashslots import SLOTS, slot_of
from closeshave.history import ACKNOWLEDGED, LOST
from closeshave.plan import Expected, Fault
from tests.drills.killing import Killed, killed_after
from tests.faults.timelines import WHOLE_LIFE, edges

pytestmark = [pytest.mark.servers, pytest.mark.timeout(280)]
RESHARD, REPLACE = KINDS["cache.reshard"], KINDS["cache.replace-node"]
GROUP, TIER = "valkey", {"tier": "sessions"}
MOVED = 8
LIMIT_S = 90.0


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The environment of the Argentinian system, without its cities and backups; every test must leave its cluster whole and at home."""
    definition = read_embedded(locate("environments", "embedded-argentina"))
    shards = tuple(replace(shard, backup="") for shard in definition.shards)
    deployment = embedded.up(replace(definition, links=(), entrances={}, shards=shards, apps_per_region=2), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


@pytest.fixture
def nodes(platform: Deployment) -> tuple[Store, ...]:
    """The six of them."""
    return sentinel.stores_of(platform, GROUP)


@pytest.fixture
def keys(nodes: tuple[Store, ...]) -> Iterator[dict[str, str]]:
    """Keys of the application, all over the slots, that must outlive whatever happens; some in every slot that moves."""
    names = [f"session:{number}" for number in range(300)] + [f"session:{{{tag}}}" for tag in _tags()]
    kept = {name: f"customer of {name}" for name in names}
    with ClusterClient(nodes, 10.0) as client:
        for name, value in kept.items():
            client.put(name, value, 3600)
    yield kept
    with ClusterClient(nodes, 10.0) as client:
        assert {name: client.get(name) for name in kept} == kept


def _tags() -> list[str]:
    return [next(f"{slot}-{number}" for number in range(200_000) if slot_of(f"{slot}-{number}") == slot) for slot in range(MOVED)]


def whole(platform: Deployment) -> None:
    """All slots are covered, none is in the middle of a move, everything is as declared, and nothing of a drill is left."""
    nodes = sentinel.stores_of(platform, GROUP)
    found = store_clusters.whole(platform, GROUP, at_home=True)
    assert until(lambda: store_clusters.whole(platform, GROUP, at_home=True).holds, after(60)), found
    assert {store: (min(slots), max(slots), len(slots)) for store, slots in valkey_cluster.leads(nodes).items()} == {
        store: (*store.slots, store.slots[1] - store.slots[0] + 1) for store in nodes[:3] if store.slots
    }
    assert not any(view.own.open for view in valkey_cluster.views(nodes).values())
    assert marked_keys.left(nodes) == 0


def carried(platform: Deployment, run: Path, kind: DrillKind, **parameters: int) -> dict[str, Any]:
    """Carry a drill out now; its ending."""
    run.mkdir(exist_ok=True)
    aim = kind.way_back.aim(platform, TIER, parameters)
    work = DrillWork("drill", aim, run / "drills" / "drill", after(LIMIT_S), lambda: False, lambda _member, _path: 0, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), LIMIT_S) == []
    assert Ledger(run).open() == ()
    return next(line for line in events(run) if line["type"] == "drill-end")


def events(run: Path) -> list[dict[str, Any]]:
    """The timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def facts(run: Path, step: str) -> dict[str, Any]:
    """What a step found."""
    found: dict[str, Any] = next(line["facts"] for line in events(run) if line["type"] == "drill-step" and line["step"] == step)
    return found


def test_six_nodes_are_a_cluster_in_which_every_slot_is_served_once(platform: Deployment, nodes: tuple[Store, ...]) -> None:
    """Three lead, each has a replica, and every node says so."""
    whole(platform)
    for store in nodes:
        view = valkey_cluster.view(store)
        assert view.serves
        assert len(view.owners) == SLOTS
    assert [part.detail for part in status(Path(platform.root)) if part.role == "valkey"][:1] == [
        "primary, 1 replica, cluster well, serves slots 0 to 5460"
    ]


def test_a_node_is_lost_its_replica_serves_its_slots_and_it_comes_back(
    platform: Deployment, nodes: tuple[Store, ...], keys: dict[str, str], tmp_path: Path
) -> None:
    """Nothing that its replica had is lost; healed, it leads again."""
    fault = Fault("f", "cache.node-lost", "storm", 0, 600, Expected.RECOVERS, TIER, {"slot": 6000})
    experiment = child.start(platform, tmp_path, fault, now_ns())
    try:
        assert until(lambda: "observed" in edges(tmp_path) or experiment.poll() is not None, after(60))
        assert until(lambda: _serves(nodes, 6000) == nodes[4], after(60))
        assert processes.find(Path(platform.root), platform.process(nodes[1].process)) is None
        with ClusterClient(nodes, 10.0) as client:
            assert {name: client.get(name) for name in keys} == keys
    finally:
        code = child.stop(experiment)
    assert code == 0, (tmp_path / "logs" / "fault-f.log").read_text()
    assert edges(tmp_path) == WHOLE_LIFE
    whole(platform)


def _serves(nodes: tuple[Store, ...], slot: int) -> Store | None:
    try:
        return next(store for store, slots in valkey_cluster.leads(nodes).items() if slot in slots)
    except (sentinel.NoPrimary, sentinel.Unavailable):
        return None


def test_a_tier_under_sentinel_has_no_such_node_and_a_cluster_no_sentinels(platform: Deployment) -> None:
    """Each kind says which one to take instead."""
    for name, instead in (("cache.primary-killed", "cache.node-lost"), ("cache.split-from-sentinels", "cache.node-lost")):
        kind = catalogue.KINDS[name]
        assert instead in kind.unfit(kind.aim(platform, TIER, {}))
    assert catalogue.KINDS["cache.node-lost"].unfit(catalogue.KINDS["cache.node-lost"].aim(platform, TIER, {})) == ""


def test_a_node_is_replaced_by_an_empty_one(platform: Deployment, tmp_path: Path) -> None:
    """It joins under another ID, the old one is forgotten, and it has the keys of its primary."""
    nodes = sentinel.stores_of(platform, GROUP)
    before = valkey_cluster.view(nodes[0]).own.id
    ended = carried(platform, tmp_path, REPLACE)
    assert ended["how"] == "carried-out", ended
    assert all(line["holds"] for line in events(tmp_path) if line["type"] == "drill-proof")
    assert facts(tmp_path, "count the keys")[ACKNOWLEDGED] >= 300
    assert valkey_cluster.view(nodes[0]).own.id != before
    assert all(before not in {*view.ghosts, *(node.id for node in view.nodes.values())} for view in valkey_cluster.views(nodes).values())
    whole(platform)


@pytest.mark.parametrize("step", [step.name for step in REPLACE.steps])
def test_a_replacement_that_was_killed_is_finished_by_anybody(step: str, platform: Deployment, tmp_path: Path) -> None:
    """Whatever was done of it."""
    with pytest.raises(Killed):
        carried(platform, tmp_path, killed_after(REPLACE, step))
    assert heal_open(tmp_path, platform, print, kinds=WAYS_BACK) == []
    whole(platform)


def test_slots_move_while_their_keys_are_used(platform: Deployment, nodes: tuple[Store, ...], keys: dict[str, str], tmp_path: Path) -> None:
    """Every read that is made meanwhile finds its key, and every key that was acknowledged is there."""
    over, missed, reads = threading.Event(), list[str](), 0

    def read() -> None:
        nonlocal reads
        with ClusterClient(nodes, 10.0) as client:
            while not over.is_set():
                for name in list(keys)[-MOVED:]:
                    reads += 1
                    if client.get(name) != keys[name]:
                        missed.append(name)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        ended = carried(platform, tmp_path, RESHARD, slots=MOVED)
    finally:
        over.set()
        reader.join()
    assert ended["how"] == "carried-out", ended
    proofs = [line for line in events(tmp_path) if line["type"] == "drill-proof"]
    assert len(proofs) == 4
    assert all(proof["holds"] for proof in proofs), proofs
    counted = facts(tmp_path, "count the keys")
    assert counted[ACKNOWLEDGED] >= 300
    assert counted[LOST] == 0
    assert counted["keys"] >= 300 + MOVED
    assert facts(tmp_path, "move the slots")["keys"] >= MOVED
    assert reads
    assert not missed
    whole(platform)


@pytest.mark.parametrize("step", [step.name for step in RESHARD.steps])
def test_a_resharding_that_was_killed_after_a_step_is_put_back(
    step: str, platform: Deployment, keys: dict[str, str], tmp_path: Path
) -> None:
    """By whoever heals."""
    assert keys
    with pytest.raises(Killed):
        carried(platform, tmp_path, killed_after(RESHARD, step), slots=MOVED)
    assert [entry.undo.kind for entry in Ledger(tmp_path).open()] == ["cache.reshard"]
    assert heal_open(tmp_path, platform, print, kinds=WAYS_BACK) == []
    whole(platform)


IMPORTING, MIGRATING, LISTED, MIGRATED, LISTED_AGAIN, AT_THE_TARGET, AT_THE_SOURCE = range(1, 8)
"""The words of the move of one slot with some keys, in order."""


@pytest.mark.parametrize("word", [IMPORTING, MIGRATING, LISTED, MIGRATED, AT_THE_TARGET])
def test_a_slot_whose_move_was_cut_off_is_served_once_and_closed(
    word: int, platform: Deployment, nodes: tuple[Store, ...], keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After whichever of its words the process died: each key is found all the while, and afterwards the slot is at home."""
    say = cut_off(2 * AT_THE_SOURCE + word)
    with monkeypatch.context() as patched:
        patched.setattr(SlotMoves, "_say", say)
        with pytest.raises(Killed):
            carried(platform, tmp_path, RESHARD, slots=MOVED)
    open_now = {slot for view in valkey_cluster.views(nodes).values() for slot in view.own.open}
    # Whoever has the slot by now tells the source of it by gossip.
    assert open_now or word == AT_THE_TARGET, "the test did not cut anything off"
    with ClusterClient(nodes, 10.0) as client:
        assert {name: client.get(name) for name in keys} == keys
    assert heal_open(tmp_path, platform, print, kinds=WAYS_BACK) == []
    whole(platform)


def cut_off(after_words: int) -> Callable[..., Any]:
    """What says so many words to the cluster, and no more."""
    said, honest = 0, SlotMoves._say

    def say(self: SlotMoves, store: Store, *words: str | int | bytes) -> Any:
        nonlocal said
        said += 1
        answer = honest(self, store, *words)
        if said == after_words:
            raise Killed
        return answer

    return say
