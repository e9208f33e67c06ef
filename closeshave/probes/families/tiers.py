"""Every group of stores has one primary that all agree on, a linked replica, and sentinels that watch it."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.clients import sentinel, valkey_cluster
from closeshave.hashslots import SLOTS
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, figure, settled
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding


def _ask_roles(scene: ProbeScene) -> None:
    for group in scene.basis.groups:
        asked = "roles by INFO replication of every store"
        try:
            stores = sentinel.stores_of(scene.deployment, group)
            told = {store.process: sentinel.replication(store) for store in stores}
        except sentinel.Unavailable as error:
            scene.see(group, asked, {}, f"{type(error).__name__} {error}")
            continue
        primaries = [name for name, role in told.items() if role.primary]
        linked = [name for name, role in told.items() if role.linked]
        scene.see(group, asked, {"stores": len(told), "primaries": primaries, "linked": linked})


def _judge_roles(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        primaries, linked, stores = one.saw.get("primaries"), one.saw.get("linked"), figure(one, "stores")
        if not isinstance(primaries, list) or not isinstance(linked, list) or stores is None:
            return Unclear("the roles are not told")
        wanted = basis.clusters.get(one.subject, 1)
        if len(primaries) != wanted:
            return f"has {len(primaries)} primaries: {', '.join(map(str, primaries)) or 'none'}"
        whom = "it" if wanted == 1 else "them"
        return "" if len(linked) == stores - wanted else f"{len(linked)} of {stores - wanted:.0f} replicas are linked to {whom}"

    return settled(seen, basis.groups, wrong, f"all {len(basis.groups)} groups have their primaries and linked replicas")


def _ask_sentinels(scene: ProbeScene) -> None:
    for group in scene.basis.watched:
        views = sentinel.views(scene.deployment, group)
        saw = {
            "watching": len(views),
            "ports": sorted({view.port for view in views.values()}),
            "flags": sorted({view.flags for view in views.values()}),
        }
        scene.see(group, "SENTINEL MASTER, of every sentinel", saw)


def _judge_sentinels(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        watching, flags, ports = figure(one, "watching"), one.saw.get("flags"), one.saw.get("ports")
        if watching is None or not isinstance(flags, list) or not isinstance(ports, list):
            return Unclear("what the sentinels say is not told")
        if watching < basis.sentinels:
            return f"{watching:.0f} of {basis.sentinels} sentinels watch it"
        if len(ports) != 1:
            return "the sentinels do not agree on its primary"
        return "" if flags == ["master"] else f"sentinels report: {', '.join(map(str, flags))}"

    return settled(seen, basis.watched, wrong, f"all {basis.sentinels} sentinels watch every group, and agree")


def _ask_slots(scene: ProbeScene) -> None:
    for store in scene.deployment.stores:
        if store.process not in scene.basis.nodes:
            continue
        asked = "CLUSTER INFO and CLUSTER NODES"
        try:
            view = valkey_cluster.view(store)
        except sentinel.Unavailable as error:
            scene.see(store.process, asked, {}, f"{type(error).__name__} {error}")
            continue
        primaries = sorted(set(view.owners.values()))
        saw = {"serves": view.serves, "slots": len(view.owners), "primaries": primaries, "moving": sorted(view.own.open)}
        scene.see(store.process, asked, saw)


def _judge_slots(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        slots, moving = figure(one, "slots"), one.saw.get("moving")
        if slots is None or not isinstance(moving, list):
            return Unclear("its view of the cluster is not told")
        if one.saw.get("serves") is not True:
            return "says that its cluster is not well"
        if slots != SLOTS:
            return f"knows who serves {slots:.0f} of {SLOTS} slots"
        return f"slots are in the middle of a move: {', '.join(map(str, moving))}" if moving else ""

    return settled(seen, basis.nodes, wrong, f"all {len(basis.nodes)} nodes know who serves each of {SLOTS} slots, and none is moving")


FAMILY = ProbeFamily(
    "tiers",
    "Every group of stores has its primaries, linked replicas, and sentinels that agree; every slot of a cluster is served.",
    (
        PromiseProbe(
            "tiers.one-primary",
            (),
            "Every store of every group tells its role: one is the primary, in a cluster as many as are declared, and all others are linked to it.",
            _ask_roles,
            _judge_roles,
            inside=True,
        ),
        PromiseProbe(
            "tiers.slots-served",
            (),
            "Every node of a Valkey cluster says that it is well, who serves each slot, and that none is in the middle of a move.",
            _ask_slots,
            _judge_slots,
            inside=True,
            needs=("valkey cluster",),
        ),
        PromiseProbe(
            "tiers.sentinels-agree",
            (),
            "Every sentinel watches every group, names the same primary, and reports no trouble.",
            _ask_sentinels,
            _judge_sentinels,
            inside=True,
            needs=("sentinels",),
        ),
    ),
)
