"""A region that loses connections."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from closeshave.clients.toxiproxy import Toxic
from closeshave.faults.kind import Aim, Parameter, Step
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network

SHARE = Parameter("share", float, default=0.2, about="The share of connections in use that is reset each time.", at_least=0.01, at_most=1.0)
DRAW_S = Parameter("draw_s", float, default=1.0, about="Seconds from one reset to the next.", at_least=0.2)
QUESTIONS = 8
"""Requests through each link: several, because only a share of the connections is reset."""
LOST = frozenset({"closed", ConnectionResetError.__name__, BrokenPipeError.__name__})


def course(aim: Aim) -> Iterator[Step]:
    """Choose connections again: Toxiproxy chooses once for each connection, so pools would soon hold only those that are never reset."""
    draw_s = float(aim.parameters["draw_s"])
    disturbance = FAULT.disturbance(aim)
    return (Step(turn * draw_s, "other connections are chosen to be reset", lambda *_: disturbance.renew()) for turn in itertools.count(1))


FAULT = LinkFault(
    kind="region.lossy",
    links=network.all_of,
    toxics=lambda aim: (Toxic("reset_peer", {"timeout": 0}, toxicity=float(aim.parameters["share"])),),
    shows=lambda _aim: lambda reply: reply.saw in LOST,
    affected=domain.affected,
    questions=QUESTIONS,
    enough=any,
)
KIND = replace(
    network.kind_of(
        FAULT,
        "Resets a share of the connections on all links of the region, chosen at random again and again; answers in flight are lost.",
        "Of several requests through each link that is in use, some end in a reset.",
        SHARE,
        DRAW_S,
    ),
    lasting=False,
    course=course,
)
