"""A probe: a functional check, in two halves. One asks and records, the other judges what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from closeshave.probes.basis import ProbeBasis
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

Judge = Callable[[Sequence[Observation], ProbeBasis], ProbeFinding]


@dataclass(frozen=True, slots=True)
class PromiseProbe:
    """A functional check."""

    name: str
    """``family.what-is-so``."""
    claims: tuple[str, ...]
    """Promises of the target systems that it is evidence for. A target's own claims name their probes (``probes``)."""
    asks: str
    """What it asks, and when it holds, in one or two sentences."""
    ask: Callable[[ProbeScene], None]
    """Asks, and records what was seen. What it raises makes the probe unknown."""
    judge: Judge
    """Pure: from the observations, and nothing else."""
    reach: ProbeReach = ProbeReach.READS
    inside: bool = False
    """Whether it asks databases, stores or single instances, which can be reached only where the harness runs them."""
    smoke: bool = True
    """Whether it is a part of the smoke suite: what every healthy platform of this kind can answer rightly."""
    needs: tuple[str, ...] = ()
    """Operations of the API, capabilities, and parts, without which it cannot be asked: ``book``, ``franchises``, ``forwarded_for``, ``sentinels``."""

    @property
    def family(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ProbeFamily:
    """Probes about one subject; a module of :mod:`closeshave.probes.families`."""

    name: str
    about: str
    """One sentence."""
    probes: tuple[PromiseProbe, ...]


HINTS: Mapping[ProbeReach, str] = {
    ProbeReach.STRAINS: " (--strain permits it, but not on production)",
    ProbeReach.STARTS: " (--strain permits it where Closeshave runs the platform)",
}


def obstacle(probe: PromiseProbe, basis: ProbeBasis, reaches: Collection[ProbeReach]) -> str:
    """Why a probe cannot be asked here; empty if it can."""
    if probe.reach not in reaches:
        return f"it {probe.reach.value}, which is not permitted here{HINTS.get(probe.reach, '')}"
    if probe.inside and not basis.stored:
        return "it asks databases, stores or single instances, which are reached only where Closeshave runs them"
    able = basis.capabilities
    has = {"franchises": able.franchises, "forwarded_for": able.forwarded_for, "keyed_bookings": able.keyed_bookings}
    has |= {"sentinels": bool(basis.watched), "valkey cluster": bool(basis.clusters), "edge cache": bool(basis.edge_ttls)}
    lacking = [name for name in probe.needs if not has.get(name, name in basis.offers)]
    return f"the platform does not have: {', '.join(lacking)}" if lacking else ""
