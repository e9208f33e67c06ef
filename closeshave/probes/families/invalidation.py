"""A change at one franchise is seen everywhere at once, and throws nothing else out of the cache."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeAnswer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach
from closeshave.topology import Shard

CLAIMS = ("E25",)
CACHE = "x-cache"
WARMED = 3
"""Reads in each region before the change: so many instances may have something to remember."""


def _page(scene: ProbeScene, franchise: int, region: str) -> ProbeAnswer:
    return scene.call("franchise", scene.nobody(region), franchise)


def _name(scene: ProbeScene, answer: ProbeAnswer) -> str | None:
    told = scene.api.told("franchise", answer.json) if answer.good else None
    shop: Any = told.get("shop") if isinstance(told, dict) else None
    shop = shop[0] if isinstance(shop, list) and shop else shop
    name = shop.get("name") if isinstance(shop, dict) else None
    return name if isinstance(name, str) else None


def _warm(scene: ProbeScene, franchise: int) -> str:
    """Read a page in every region until it comes from the cache; returns the shop's name."""
    name = None
    for region in scene.regions:
        for _ in range(WARMED):
            answer = _page(scene, franchise, region)
            name = _name(scene, answer) or name
        if answer.headers.get(CACHE) != "hit":
            raise CannotAsk(
                f"the page of franchise {franchise} does not come from the cache at {region}: X-Cache {answer.headers.get(CACHE)}"
            )
    if name is None:
        raise CannotAsk("the page of a franchise does not tell its name")
    return name


def _changed(scene: ProbeScene, shard: Shard, changed: int, before: str) -> str:
    """Change a shop's name for a moment; returns the new name. It is put back by :func:`_put_back`."""
    name = f"Closeshave {uuid.uuid4().hex[:8]}"
    answer = scene.call("change_shop", people.administrator(scene), changed, shard.home, name=name)
    if not answer.good:
        if not 400 <= answer.status < 500:
            # It may have been carried out all the same.
            _put_back(scene, shard, changed, before)
        raise CannotAsk(f"the shop of franchise {changed} cannot be changed: {answer.trouble or f'status {answer.status}'}")
    return name


def _put_back(scene: ProbeScene, shard: Shard, changed: int, name: str) -> None:
    answer = scene.call("change_shop", people.administrator(scene), changed, shard.home, name=name)
    if not answer.good:
        scene.leave(
            f"the shop of franchise {changed} may not have its name {name!r} again: its change answers {answer.status or answer.trouble}"
        )


def _ask_everywhere(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        changed = people.franchise(shard, 50)
        before = _warm(scene, changed)
        name = _changed(scene, shard, changed, before)
        try:
            for region in scene.regions:
                answers = [_page(scene, changed, region) for _ in range(WARMED)]
                names = [_name(scene, answer) for answer in answers]
                saw: dict[str, Any] = {"before": before, "changed_to": name, "shown": names}
                scene.saw(
                    f"shard {shard.id} at {region}", f"the page of franchise {changed}, after its name was changed", answers[0], **saw
                )
        finally:
            _put_back(scene, shard, changed, before)


def _judge_everywhere(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        shown, new = one.saw.get("shown"), one.saw.get("changed_to")
        if not isinstance(shown, list) or not shown or None in shown:
            return Unclear("the name is not shown")
        old = [name for name in shown if name != new]
        return f"still shows {old[0]!r} after the change to {new!r}" if old else ""

    subjects = [f"shard {shard.id} at {region}" for shard in basis.topology.shards for region in basis.edges]
    return settled(seen, subjects, wrong, "a change at a franchise of every shard is shown by every region at once")


def _others(scene: ProbeScene, shard: Shard, changed: int) -> list[int]:
    """A neighbour, and a franchise of another shard if there is one."""
    near = changed + 1 if changed < shard.last else changed - 1
    return [near, *(people.franchise(other, 51) for other in scene.basis.topology.shards if other != shard)][:2]


def _ask_alone(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        changed = people.franchise(shard, 50)
        others = _others(scene, shard, changed)
        before = _warm(scene, changed)
        for other in others:
            _warm(scene, other)
        _changed(scene, shard, changed, before)
        try:
            for region in scene.regions:
                answers = [_page(scene, other, region) for other in others]
                saw: dict[str, Any] = {"others": others, "cache": [answer.headers.get(CACHE) for answer in answers]}
                scene.saw(
                    f"shard {shard.id} at {region}", f"pages of other franchises, after franchise {changed} was changed", answers[0], **saw
                )
        finally:
            _put_back(scene, shard, changed, before)


def _judge_alone(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        cache = one.saw.get("cache")
        if status(one) != 200 or not isinstance(cache, list) or not cache or None in cache:
            return Unclear("where the pages came from is not told")
        return (
            ""
            if all(each == "hit" for each in cache)
            else f"other franchises' pages left the cache too: X-Cache {', '.join(map(str, cache))}"
        )

    subjects = [f"shard {shard.id} at {region}" for shard in basis.topology.shards for region in basis.edges]
    return settled(seen, subjects, wrong, "a change at one franchise leaves the others' pages in the cache")


NEEDS = ("franchises", "franchise", "change_shop", "login")
FAMILY = ProbeFamily(
    "invalidation",
    "A change at one franchise is seen everywhere, and throws nothing else out of the cache.",
    (
        PromiseProbe(
            "invalidation.everywhere",
            CLAIMS,
            "A franchise of every shard is read in every region until its page is cached, then renamed: every region shows the new name at once.",
            _ask_everywhere,
            _judge_everywhere,
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "invalidation.alone",
            CLAIMS,
            "The same, and the cached pages of a neighbour and of a franchise of another shard still come from the cache.",
            _ask_alone,
            _judge_alone,
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
    ),
)
