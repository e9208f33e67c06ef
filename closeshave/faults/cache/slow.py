"""A tier that answers late, but does answer."""

from __future__ import annotations

from closeshave.faults import links, proofs
from closeshave.faults.cache import tier
from closeshave.faults.kind import Aim, Injection, Kind, Parameter, Proof, Say, Sighting
from closeshave.faults.links import Disturbance
from closeshave.faults.parts.toxiproxy import Toxic
from closeshave.plan import Expected

NAME = "cache.slow"
LATENCY_MS = Parameter("latency_ms", int, default=50, about="How much later every answer of the tier comes, in milliseconds.", at_least=1)
PATIENCE_S = 1.0
"""Beyond the latency, until a question counts as not answered."""


def unfit(aim: Aim) -> str:
    """Not where no link can be disturbed, nor while the tier is not whole."""
    return links.unfit(aim.deployment) or tier.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Delay what comes back through every region's links to the tier."""
    theirs = tuple(link for link in aim.deployment.links if link.kind == "app-cache" and link.tier == tier.name_of(aim))
    toxic = Toxic("latency", {"latency": int(aim.parameters["latency_ms"])})
    return links.inject(aim, Disturbance(links.owner(NAME, aim), theirs, (toxic,)), strike_ns)


def look(aim: Aim, injection: Injection) -> Sighting | None:
    """Say PING through every link in use: each answers, and late."""
    latency_s = int(aim.parameters["latency_ms"]) / 1e3
    return links.look(aim, injection, latency_s + PATIENCE_S, links.late(latency_s))


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Take the toxics off, and mend the tier."""
    return (*links.clear(aim.deployment, links.owner(NAME, aim), deadline_ns, say), *tier.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """No toxic of this fault is listed anywhere, and the tier is whole."""
    return proofs.together([links.cleared(aim.deployment, links.owner(NAME, aim)), *tier.checks(aim)])


KIND = Kind(
    name=NAME,
    does="Delays every answer of the tier, by a latency toxic on each region's links to it.",
    observed_by="A PING through each of those links that somebody uses is answered, and late.",
    undone_by="Takes the toxics off; proven by the servers' own lists, a write, links and ready applications.",
    scope=("tier",),
    parameters=(LATENCY_MS,),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    healed_within_s=tier.HEAL_WITHIN_S,
)
