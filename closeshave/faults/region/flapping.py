"""A region whose links fail and recover again and again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from closeshave.deployment import LINK_KINDS
from closeshave.faults import links
from closeshave.faults.kind import Aim, Kind, Parameter, Step
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network
from closeshave.plan import Expected

DOWN_S = Parameter("down_s", float, default=3.0, about="How long the links are interrupted each time, in seconds.", at_least=0.5)
UP_S = Parameter("up_s", float, default=3.0, about="How long they work in between, in seconds.", at_least=0.5)


def course(aim: Aim) -> Iterator[Step]:
    """The links work and fail in turn, after the injection has cut them for the first time."""
    down_s, up_s = float(aim.parameters["down_s"]), float(aim.parameters["up_s"])
    disturbance = FAULT.disturbance(aim)
    for turn in itertools.count():
        began_s = turn * (down_s + up_s)
        yield Step(began_s + down_s, f"{domain.name_of(aim)} is up", lambda *_: disturbance.pause())
        yield Step(began_s + down_s + up_s, f"{domain.name_of(aim)} is down", lambda *_: disturbance.begin())


FAULT = LinkFault(
    kind="region.flapping",
    links=network.all_of,
    toxics=lambda _aim: links.SILENCE,
    shows=lambda _aim: links.silent,
    affected=domain.affected,
)
KIND = Kind(
    name=FAULT.kind,
    hold_s=40,
    does="Interrupts all links of the region and lets them work again, in turn, until it is healed; etcd, Patroni and Sentinel see no change.",
    observed_by="While they are interrupted, a request through each of them that is in use is not answered.",
    undone_by="Removes the toxics; proven by the servers' own lists, writes, streaming replicas and ready applications.",
    scope=("region",),
    parameters=(DOWN_S, UP_S, domain.SWITCH_BACK),
    expected=Expected.DEGRADES,
    links=LINK_KINDS,
    unfit=network.unfit,
    inject=FAULT.inject,
    look=FAULT.look,
    undo=FAULT.undo,
    prove=FAULT.prove,
    lead_s=lambda _aim: domain.ROLES_S,
    healed_within_s=domain.HEAL_WITHIN_S,
    lasting=False,
    course=course,
)
