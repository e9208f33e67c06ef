"""Statements are committed, but their answers never arrive.

If all answers were dropped for the whole time, no write would be sent, because a booking reads before it writes. Therefore answers are dropped for a
short period, again and again. Statements sent in such a period are executed, and at its end Toxiproxy closes the connections that it blocked. A
platform may repeat a lost read; it cannot know whether a lost write was committed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from closeshave.clients.toxiproxy import Toxic
from closeshave.deployment import Link
from closeshave.faults import links
from closeshave.faults.affected import Affected
from closeshave.faults.kind import Aim, Kind, Parameter, Step
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.waiting import after, wait_until
from closeshave.plan import Expected

SWALLOW_S = Parameter("swallow_s", float, default=0.15, about="Seconds for which answers are dropped.", at_least=0.02, at_most=1.0)
EVERY_S = Parameter("every_s", float, default=1.0, about="Seconds from one such period to the next.", at_least=0.5, at_most=60)


def ways(aim: Aim) -> tuple[Link, ...]:
    """Every region's link to the shard's primary."""
    found = (link for link in aim.deployment.links if link.kind == "app-database" and link.shard == int(aim.scope["shard"]))
    return tuple(link for link in found if link.name.endswith("-primary"))


def course(aim: Aim) -> Iterator[Step]:
    """The first interruption, made by the injection, ends when it was observed; then the next ones follow."""
    answers = f"answers of shard {aim.scope['shard']}"
    disturbance = FAULT.disturbance(aim)

    def swallow(*_: object) -> tuple[str, ...]:
        disturbance.begin()
        wait_until(after(float(aim.parameters["swallow_s"])))
        return disturbance.pause()

    yield Step(0.0, f"{answers} arrive again", lambda *_: disturbance.pause())
    for turn in itertools.count(1):
        yield Step(turn * float(aim.parameters["every_s"]), f"{answers} were dropped", swallow)


FAULT = LinkFault(
    kind="data.acknowledgement-lost",
    links=ways,
    toxics=lambda _aim: (Toxic("timeout", {"timeout": 0}),),
    shows=lambda _aim: links.silent,
    affected=lambda aim: Affected(aim.deployment, (), (), shards=(int(aim.scope["shard"]),)),
)
KIND = Kind(
    name=FAULT.kind,
    hold_s=15,
    does="Drops the answers of the shard's primary to all regions, for a short period again and again: commits are not acknowledged.",
    observed_by="In the first such period a request through each link that is in use is not answered.",
    undone_by="Removes the toxics; proven by the servers' own lists, a write, streaming replicas, ready applications and edges.",
    scope=("shard",),
    parameters=(SWALLOW_S, EVERY_S),
    expected=Expected.DEGRADES,
    links=("app-database",),
    unfit=FAULT.unfit,
    inject=FAULT.inject,
    look=FAULT.look,
    undo=FAULT.undo,
    prove=FAULT.prove,
    effect_within_s=20.0,
    lasting=False,
    course=course,
)
