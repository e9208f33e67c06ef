"""A region whose links fail and recover again and again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from closeshave.faults import links
from closeshave.faults.kind import Aim, Parameter, Step
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network

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
KIND = replace(
    network.kind_of(
        FAULT,
        "Interrupts all links of the region and lets them work again, in turn, until it is healed; etcd, Patroni and Sentinel see no change.",
        "While they are interrupted, a request through each of them that is in use is not answered.",
        DOWN_S,
        UP_S,
    ),
    hold_s=40,
    lasting=False,
    course=course,
)
