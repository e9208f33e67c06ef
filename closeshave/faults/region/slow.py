"""A region where everything takes longer."""

from __future__ import annotations

from closeshave.clients.toxiproxy import Toxic
from closeshave.faults import links
from closeshave.faults.kind import Aim, Parameter
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network

LATENCY_MS = Parameter("latency_ms", int, default=50, about="Delay of every answer on each link, in milliseconds.", at_least=1)


def latency_s(aim: Aim) -> float:
    """How much later answers come."""
    return int(aim.parameters["latency_ms"]) / 1e3


FAULT = LinkFault(
    kind="region.slow",
    links=network.all_of,
    toxics=lambda aim: (Toxic("latency", {"latency": int(aim.parameters["latency_ms"])}),),
    shows=lambda aim: links.late(latency_s(aim)),
    affected=domain.affected,
    timeout_s=lambda aim: latency_s(aim) + links.PATIENCE_S,
)
KIND = network.kind_of(
    FAULT,
    "Delays every answer on all links of the region: its customers', its applications' and its standbys', and others' to its data.",
    "A request through each of those links that is in use is answered late.",
    LATENCY_MS,
)
