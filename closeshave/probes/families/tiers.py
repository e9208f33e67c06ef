"""Every group of stores has one primary that all agree on, a linked replica, and sentinels that watch it."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.clients import sentinel
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
        if len(primaries) != 1:
            return f"has {len(primaries)} primaries: {', '.join(map(str, primaries)) or 'none'}"
        return "" if len(linked) == stores - 1 else f"{len(linked)} of {stores - 1:.0f} replicas are linked to it"

    return settled(seen, basis.groups, wrong, f"all {len(basis.groups)} groups have one primary and linked replicas")


def _ask_sentinels(scene: ProbeScene) -> None:
    for group in scene.basis.groups:
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

    return settled(seen, basis.groups, wrong, f"all {basis.sentinels} sentinels watch every group, and agree")


FAMILY = ProbeFamily(
    "tiers",
    "Every group of stores has one primary, linked replicas, and sentinels that agree.",
    (
        PromiseProbe(
            "tiers.one-primary",
            (),
            "Every store of every group tells its role: one is the primary, and all others are linked to it.",
            _ask_roles,
            _judge_roles,
            inside=True,
        ),
        PromiseProbe(
            "tiers.sentinels-agree",
            (),
            "Every sentinel watches every group, names the same primary, and reports no trouble.",
            _ask_sentinels,
            _judge_sentinels,
            inside=True,
        ),
    ),
)
