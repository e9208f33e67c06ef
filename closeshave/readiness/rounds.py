"""Rounds of probes as evidence: judged again from what was seen. What cannot be read, or is not as the round left it, is named and counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from closeshave.plurals import counted
from closeshave.probes import record
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.judging import findings
from closeshave.probes.record import ProbeRecord
from closeshave.probes.values import ProbeFinding
from closeshave.probes.verdicts import verdict
from closeshave.readiness.evidence import PROBE, PartVerdicts, RunEvidence, probe_part, texts
from closeshave.readiness.reading import build_of, described, first_line, instant
from closeshave.vocabulary import EvidenceGrade

PAGE = "result.md"
"""What a person reads of a round; made again whenever it is read."""


def facts(path: Path) -> RunEvidence:
    """What is known of a round without judging it. Raises what its readers raise."""
    told = record.facts(path)
    known = RunEvidence(
        str(path),
        id=told.id,
        plan=record.NAME,
        environment=told.environment,
        target=told.target,
        started=instant(told.started_at),
        ended=instant(told.ended_at),
        grade=told.evidence,
        version=told.version,
        build=build_of(path, told.version, told.evidence),
        asked=frozenset(claim for name in told.asked for claim in told.basis.claims_of(name)),
        ways=frozenset({PROBE}),
        scale=_scale(path, told.basis),
        report=str(path / PAGE) if (path / PAGE).is_file() else "",
        texts=texts(told.basis.target) if told.basis.target is not None else {},
    )
    if told.evidence not in set(EvidenceGrade):
        return replace(known, trouble=f"what it can show is not known: its evidence is {told.evidence!r}")
    if told.ended_at is None:
        return replace(known, stopped="the round was interrupted, or its environment failed")
    if why := record.changed(path, told):
        return replace(known, trouble=why)
    return known


def judged(run: RunEvidence) -> RunEvidence:
    """The round with a verdict for each probe, from its observations."""
    path = Path(run.path)
    try:
        told = record.facts(path)
        found = findings(told.asked, record.observations(path), told.basis)
    except (OSError, ValueError) as error:
        return replace(run, trouble=first_line(error))
    return replace(run, parts=_parts(told, found))


def _parts(told: ProbeRecord, found: Mapping[str, ProbeFinding]) -> tuple[PartVerdicts, ...]:
    return tuple(
        PartVerdicts(claim, probe_part(name), (verdict(name, one, told.basis.claims_of(name)),))
        for name, one in found.items()
        for claim in told.basis.claims_of(name)
    )


def _scale(path: Path, basis: ProbeBasis) -> str:
    topology, processes = basis.topology, described(path).get("processes")
    size = f"{counted(len(topology.regions), 'region')} and {counted(len(topology.shards), 'shard')}"
    on = f", {counted(processes, 'process', 'processes')}" if isinstance(processes, int) and processes else ""
    return f"asked once, on {size}{on}, without load"
