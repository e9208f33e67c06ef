"""Every finding of a round, from its observations alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from closeshave.probes.asking import NOT_ASKED
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.catalogue import PROBES
from closeshave.probes.deciding import unknown
from closeshave.probes.families import suite
from closeshave.probes.probe import PromiseProbe
from closeshave.probes.values import Observation, ProbeFinding, ProbeOutcome


def findings(
    asked: Iterable[str], seen: Sequence[Observation], basis: ProbeBasis, probes: Mapping[str, PromiseProbe] = PROBES
) -> Mapping[str, ProbeFinding]:
    """Probe → finding, for every probe that was asked; one that is not known here is unknown."""
    by_probe: dict[str, list[Observation]] = {}
    for one in seen:
        by_probe.setdefault(one.probe, []).append(one)
    found = {name: _finding(probes.get(name), by_probe.get(name, []), basis) for name in asked}
    if suite.SIZE in found:
        found[suite.SIZE] = suite.finding({name: one.outcome for name, one in found.items() if name in probes and probes[name].smoke})
    return found


def not_asked(finding: ProbeFinding) -> bool:
    """Whether the probe could not ask at all."""
    return finding.outcome is ProbeOutcome.UNKNOWN and any(one.subject == NOT_ASKED for one in finding.witnesses)


def _finding(probe: PromiseProbe | None, seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    if probe is None:
        return unknown("this version has no such probe", seen)
    stopped = next((one for one in seen if one.subject == NOT_ASKED), None)
    told = [one for one in seen if one.subject != NOT_ASKED]
    try:
        found = probe.judge(told, basis)
    except Exception as error:  # noqa: BLE001 - a judge that fails has not decided anything
        return unknown(f"its judge failed ({type(error).__name__}: {error})", seen)
    if stopped is not None and found.outcome is not ProbeOutcome.BROKEN:
        return unknown(stopped.trouble, (stopped, *told))
    return found
