"""The result of a round, as it is published. Its JSON Schema is ``docs/probes.schema.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from closeshave.judge.verdict import Status
from closeshave.plurals import counted
from closeshave.probes.catalogue import PROBES
from closeshave.probes.deciding import few
from closeshave.probes.judging import findings
from closeshave.probes.record import ProbeRecord
from closeshave.probes.values import Observation, ProbeFinding, ProbeOutcome
from closeshave.vocabulary import Exit

SCHEMA: Literal["closeshave.probes/1"] = "closeshave.probes/1"
STATUS = {ProbeOutcome.HOLDS: Status.PASS, ProbeOutcome.UNKNOWN: Status.INCONCLUSIVE, ProbeOutcome.BROKEN: Status.FAIL}


@dataclass(frozen=True, slots=True)
class ProbeWitness:
    """Something that was seen."""

    subject: str
    """What was asked about."""
    asked: str
    """The question."""
    saw: Mapping[str, Any]
    """The values that were read: a status, headers, counts."""
    trouble: str
    """Why there was no answer; empty if there was one."""
    at: str
    """When, in ISO 8601."""


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """A probe and what it found."""

    name: str
    """``family.what-is-so``."""
    claims: tuple[str, ...]
    """IDs of the target's promises that name it."""
    asks: str
    """What it asks, and when it holds."""
    outcome: ProbeOutcome
    """What it found."""
    why: str
    """One sentence."""
    asked: int
    """How many answers it rests on."""
    broken: int
    """How many of them are not as promised."""
    witnesses: tuple[ProbeWitness, ...]
    """What decides it, at most five; the round's ``observations.jsonl`` has all."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Every probe of a round. It is made again from the observations whenever it is read."""

    id: str
    """The name of the round's directory."""
    environment: str
    """The environment that was asked."""
    target: str
    """The target whose promises name probes."""
    evidence: str
    """What it can show: ``rehearsed``, ``measured`` or ``verified``."""
    started_at: str
    """In ISO 8601."""
    ended_at: str | None
    """In ISO 8601; ``null`` for a round that did not come to its end."""
    version: str
    """Of Closeshave."""
    status: Status
    """``fail`` if a probe is broken, else ``inconclusive`` if one is unknown, else ``pass``."""
    exit_code: int
    """0 every probe holds, 1 one is broken, 3 one is unknown, 4 something that was made could not be removed."""
    sentence: str
    """The result in one sentence."""
    counts: Mapping[ProbeOutcome, int]
    """How many probes have each outcome."""
    probes: tuple[ProbeRow, ...]
    """In the order in which they were asked."""
    left_out: Mapping[str, str]
    """Probes of the smoke suite that no promise names and that cannot be asked here, and why."""
    left: tuple[str, ...]
    """What the round made and could not remove again."""
    schema: Literal["closeshave.probes/1"] = SCHEMA
    """Which format this is."""


def result(record: ProbeRecord, seen: tuple[Observation, ...]) -> ProbeResult:
    """The result of a round, judged now."""
    found = findings(record.asked, seen, record.basis)
    counts = {outcome: sum(one.outcome is outcome for one in found.values()) for outcome in ProbeOutcome}
    status = _status(counts, record)
    return ProbeResult(
        id=record.id,
        environment=record.environment,
        target=record.target,
        evidence=record.evidence,
        started_at=record.started_at,
        ended_at=record.ended_at,
        version=record.version,
        status=status,
        exit_code=int(Exit.BROKEN if record.left else {Status.PASS: Exit.PASS, Status.FAIL: Exit.FAIL}.get(status, Exit.INCONCLUSIVE)),
        sentence=_sentence(record, found, counts),
        counts=counts,
        probes=tuple(_row(name, one, record) for name, one in found.items()),
        left_out=record.left_out,
        left=record.left,
    )


def _status(counts: Mapping[ProbeOutcome, int], record: ProbeRecord) -> Status:
    if counts[ProbeOutcome.BROKEN]:
        return Status.FAIL
    decided = record.ended_at is not None and counts[ProbeOutcome.HOLDS] and not counts[ProbeOutcome.UNKNOWN]
    return Status.PASS if decided else Status.INCONCLUSIVE


def _sentence(record: ProbeRecord, found: Mapping[str, ProbeFinding], counts: Mapping[ProbeOutcome, int]) -> str:
    broken = [name for name, one in found.items() if one.outcome is ProbeOutcome.BROKEN]
    unknown = [name for name, one in found.items() if one.outcome is ProbeOutcome.UNKNOWN]
    told = f"{counts[ProbeOutcome.HOLDS]} of {counted(len(found), 'probe')} {'holds' if counts[ProbeOutcome.HOLDS] == 1 else 'hold'}"
    told += f", {len(broken)} broken ({few(broken)})" if broken else ""
    told += f", {len(unknown)} unknown ({few(unknown)})" if unknown else ""
    told += "" if record.ended_at is not None else "; the round did not come to its end"
    return f"{told}."


def _row(name: str, found: ProbeFinding, record: ProbeRecord) -> ProbeRow:
    return ProbeRow(
        name=name,
        claims=record.basis.claims_of(name),
        asks=PROBES[name].asks if name in PROBES else "",
        outcome=found.outcome,
        why=found.why,
        asked=found.asked,
        broken=found.broken,
        witnesses=tuple(ProbeWitness(one.subject, one.asked, one.saw, one.trouble, one.at) for one in found.witnesses),
    )
