"""``summary.json``, version 1: what other programs read. Its fields keep their names; more may be added; absent is ``null``, never 0.

Its JSON Schema is published as ``docs/summary.schema.json`` (``python -m closeshave.reference docs`` writes it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from closeshave.files import foreign
from closeshave.files.jsonfile import Damaged
from closeshave.history import Rate
from closeshave.judge.integrity.registry import UNKNOWN
from closeshave.judge.verdict import (
    NO_RESILIENCE,
    AlertFigures,
    DrillFigures,
    FaultFigures,
    IntegrityFigures,
    LoadFigures,
    NotRun,
    ResilienceFigures,
    Status,
    Verdict,
)
from closeshave.judge.witnesses import Witness, witness_of
from closeshave.report.findings import Findings


@dataclass(frozen=True, slots=True)
class Run:
    """Which run this is. Times are ISO 8601."""

    id: str
    """Of the run: the name of its directory."""
    plan: str
    """Name of the plan."""
    environment: str
    """Name of the environment."""
    target: str
    """Name of the target."""
    seed: int
    """Chose arrivals, customers, decisions and drawn faults."""
    started_at: str
    """When the run started."""
    ended_at: str | None
    """When it ended; ``null`` if that was not recorded."""
    version: str
    """Of Closeshave."""
    plan_digest: str | None = None
    """SHA-256 of the plan's file; ``null`` where the run has not kept it, as with the two below."""
    target_digest: str | None = None
    """SHA-256 of the target's file."""
    environment_digest: str | None = None
    """SHA-256 of the environment's file."""
    host: str | None = None
    """The machine, by its processors and memory."""


def _read_witness(told: Any) -> Witness:
    if not isinstance(told, Mapping):
        raise ValueError("a witness is an object")  # noqa: TRY004 - pydantic tells a value error from a bug
    return witness_of(told)


def _write_witness(witness: Witness) -> dict[str, Any]:
    return witness.facts()


@dataclass(frozen=True, slots=True)
class SummaryVerdict(Verdict):
    """A verdict, and by which files it was made: alone, too, it says what was promised and how it was tested."""

    witnesses: tuple[Annotated[Witness, PlainValidator(_read_witness), PlainSerializer(_write_witness)], ...] = ()
    """For fail: the first and the worst."""
    plan_digest: str | None = None
    """SHA-256 of the plan, as the run has it; ``None`` where the run has not kept it, and in summaries of older versions."""
    target_digest: str | None = None
    """SHA-256 of the target, which holds the promises."""

    @classmethod
    def of(cls, verdict: Verdict, digests: Mapping[str, str]) -> SummaryVerdict:
        """The verdict with the digests of the run's files, by what these are."""
        told = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
        return cls(**told, plan_digest=digests.get("plan"), target_digest=digests.get("target"))


@dataclass(frozen=True, slots=True)
class Summary:
    """A judged run for other programs. Times in seconds unless the name says otherwise."""

    schema: Literal["closeshave.summary/1"]
    """Which format this is."""
    status: Status
    """The worst of all verdicts that count."""
    exit_code: int
    """What ``closeshave run`` ended with: 0 pass, 1 fail, 3 inconclusive, 4 the environment or the harness failed, 5 stopped for safety, 130
    interrupted."""
    evidence: str
    """``rehearsed`` for a stand-in, ``measured`` for another application in an environment of the harness, ``verified`` for the platform itself."""
    reasons: tuple[str, ...]
    """Why the status is not pass, the worst first; empty for a pass."""
    run: Run
    """Which run this is."""
    load: LoadFigures
    """What was offered and what came back."""
    verdicts: tuple[SummaryVerdict, ...]
    """Every answer."""
    faults: tuple[FaultFigures, ...]
    """Every fault of the plan, with its figures."""
    drills: tuple[DrillFigures, ...]
    """Every drill of the plan, with its figures; empty in summaries of older versions."""
    alerts: tuple[AlertFigures, ...]
    """Every alert that was raised, in the order in which they began, and then those that the plan expects and that were not; empty in summaries of
    older versions, and for plans that ask for no alerts."""
    integrity: Mapping[str, int | None]
    """Counts over the whole run; ``null`` where the evidence to count is missing."""
    resilience: ResilienceFigures
    """The resilience score with its coverage."""
    not_run: tuple[NotRun, ...]
    """Promises of the target that this plan does not test."""
    not_asked: tuple[NotRun, ...]
    """Invariants that this platform cannot show or no journey tests, and that no objective names."""
    rate: Rate | None
    """At which rate the load was offered, beside the planned one, and what a session cost; ``null`` for runs of older versions."""

    def unlike(self, other: Summary) -> tuple[str, ...]:
        """In what two runs differ that must be the same for their figures to be compared; what is not known is taken to differ."""
        mine, theirs = self.run, other.run
        asked = {"plan": "plan_digest", "target": "target_digest", "environment": "environment_digest", "seed": "seed", "host": "host"}
        return tuple(what for what, name in asked.items() if getattr(mine, name) is None or getattr(mine, name) != getattr(theirs, name))


_CODEC = TypeAdapter(Summary)
_LATER: Mapping[str, Any] = {"drills": (), "alerts": (), "resilience": asdict(NO_RESILIENCE), "not_run": (), "not_asked": (), "rate": None}
"""Fields that the first summaries lack."""


def load(path: Path) -> Summary:
    """Read a ``summary.json`` back, also one that an older version wrote.

    Raises :class:`closeshave.files.jsonfile.Damaged` for a file that is none, :class:`FileNotFoundError`.
    """
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, where: str) -> Summary:
    """Read the text of a summary; ``where`` names it in an error. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        # Our own file: witnesses may hold half a surrogate, which RFC 8259 allows and strict readers refuse.
        told = json.loads(content)
        return _CODEC.validate_python({**_LATER, **told} if isinstance(told, dict) else told)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{where} holds no summary: {str(error).splitlines()[0]}") from None


def render(findings: Findings) -> bytes:
    """The summary as JSON. Raises :class:`TypeError` for a witness that is not made of plain values."""
    manifest, assessment = findings.history.manifest, findings.assessment
    summary = Summary(
        schema="closeshave.summary/1",
        status=assessment.status,
        exit_code=findings.exit_code,
        evidence=manifest.evidence,
        reasons=assessment.reasons,
        run=Run(
            id=manifest.id,
            plan=manifest.plan,
            environment=manifest.environment,
            target=manifest.target,
            seed=manifest.seed,
            started_at=manifest.started_at,
            ended_at=manifest.ended_at,
            version=manifest.version,
            plan_digest=findings.digests.get("plan"),
            target_digest=findings.digests.get("target"),
            environment_digest=findings.digests.get("environment"),
            host=_host(findings.attachments.get("environment.json", "")),
        ),
        load=assessment.load,
        verdicts=tuple(SummaryVerdict.of(verdict, findings.digests) for verdict in assessment.verdicts),
        faults=assessment.faults,
        drills=assessment.drills,
        alerts=assessment.alerts,
        integrity=_counts(assessment.integrity),
        resilience=assessment.resilience,
        not_run=assessment.not_run,
        not_asked=assessment.not_asked,
        rate=manifest.rate,
    )
    plain = _CODEC.dump_python(summary)
    for told, verdict in zip(plain["verdicts"], summary.verdicts, strict=True):
        if verdict.exposure is not None:
            # For pydantic, a field that cannot be set is not a field.
            told["exposure"]["missed_share_at_most"] = verdict.exposure.missed_share_at_most
    return json.dumps(_finite(plain), indent=1, default=_plain).encode(errors="replace") + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the summary as it is written, without descriptions: :mod:`closeshave.reference.schemas` adds them and publishes it."""
    told = _CODEC.json_schema(mode="serialization")
    told["$defs"]["Exposure"]["properties"]["missed_share_at_most"] = {"type": "number"}
    told["$defs"]["Exposure"]["required"] = ["chances", "of", "missed_share_at_most"]
    names = [*_counts(UNKNOWN)]
    number = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    told["properties"]["integrity"] |= {"properties": dict.fromkeys(names, number), "required": names}
    return told


def _host(described: str) -> str | None:
    """The machine in the text of ``environment.json``, in words."""
    try:
        machine = foreign.loads(described)["machine"]
        return f"{machine['cpu_model']}, {machine['cpu_available']:g} processors, {machine['memory_bytes'] / 2**30:.0f} GiB"
    except (ValueError, KeyError, TypeError):
        return None


def _counts(figures: IntegrityFigures) -> dict[str, int | None]:
    return {"acknowledged": figures.acknowledged, "customers_acknowledged": figures.customers_acknowledged, **figures.breaches}


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity: both become null."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def _plain(value: Any) -> Any:
    """Values that witnesses copy out of frames."""
    if isinstance(value, np.generic):
        return value.item()
    if value is pd.NA:
        return None
    raise TypeError(f"a summary holds plain values, not {type(value).__name__}")
