"""The ledger: a row for every promise of a target, never blank. Its JSON Schema is published as ``docs/readiness.schema.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

SCHEMA: Literal["closeshave.readiness/1"] = "closeshave.readiness/1"


class PromiseOutcome(StrEnum):
    """What is known of a promise."""

    VERIFIED = "verified"
    """Kept by the platform itself, where it runs."""
    MEASURED = "measured in our environment"
    """Kept by the team's own application on the harness's own parts."""
    REHEARSED = "rehearsed"
    """Kept by the stand-in: the test works, and nothing is known of the platform."""
    REFUTED = "refuted"
    """Not kept, with witnesses."""
    INCONCLUSIVE = "inconclusive"
    """Tested, wholly or in part, and not decided."""
    EXTRAPOLATED = "extrapolated"
    """Beyond what could be measured: from a fit, with a stated bound. No evidence of this version gives it."""
    ATTESTED = "attested"
    """Outside what a harness can measure; its owner says so."""
    WAIVED = "waived until"
    """Not kept, and accepted by somebody until a day."""
    EXPIRED = "expired"
    """There was evidence, and it is too old, or of another build, of another judge or of a promise with another text."""
    NOT_RUN = "not run"
    """There is no evidence."""


@dataclass(frozen=True, slots=True)
class LedgerEvidence:
    """A verdict that a row rests on."""

    run: str
    """The directory of the run."""
    verdict: str
    """The ID of the verdict, made again from the history of the run."""
    status: str
    """``pass``, ``inconclusive`` or ``fail``."""
    measured: str
    """The figure with its unit, in words; *unknown* if there is none."""
    interval: str
    """Its confidence interval, in words; a dash if none belongs to it."""
    bound: str
    """What was promised, in words."""
    value: float | None
    """The figure: seconds, a share from 0 to 1, a rate per second or a count, as ``unit`` says; ``null`` if unknown."""
    confidence: tuple[float, float] | None
    """Lower and upper bound of the figure, in the same unit."""
    unit: str
    """``ratio``, ``s``, ``1/s``, ``times`` or ``count``."""
    n: int
    """The number of operations (or probes) in the figure."""
    grade: str
    """What the run can show: ``rehearsed``, ``measured`` or ``verified``."""
    build: str
    """Which build of the platform ran; *not told* if the run did not record it."""
    started_at: str
    """When the run started, in ISO 8601."""
    age_days: float
    """Days from the end of the run to the instant of the ledger."""
    scale: str
    """At which rate and size it was measured, in words."""
    reason: str
    """Why the verdict is not a pass; empty for a pass."""
    report: str
    """The page of the run; empty if there is none: ``closeshave report RUN`` writes it."""
    anchor: str
    """The place of the verdict on that page."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A promise and what is known of it."""

    id: str
    """The ID of the promise."""
    text: str
    """The promise, in the words of its owner."""
    how: tuple[str, ...]
    """Ways in which it can be settled."""
    must_have: bool
    """Whether the launch needs it verified."""
    outcome: PromiseOutcome
    """What is known of it."""
    measured: str
    """The figure that decides, with its interval and the promise, in words; a dash if there is none."""
    scale: str
    """At which rate and size it was measured, in words; a dash if it was not."""
    build: str
    """The build of the platform; a dash without evidence."""
    age: str
    """How old the evidence is, in words; a dash without evidence."""
    why: str
    """Why this is the outcome."""
    better: str
    """What would make it better."""
    owner: str
    """Who attests to it, or who answers for the waiver; empty for others."""
    until: str | None
    """The last day of the waiver, as in ``2026-12-24``, or of what is verified, measured or rehearsed; ``null`` for others."""
    evidence: tuple[LedgerEvidence, ...]
    """The verdicts that it rests on, the one that decides first."""


@dataclass(frozen=True, slots=True)
class LedgerRun:
    """A run that was found, and whether it counts."""

    run: str
    """Its directory."""
    plan: str
    """The name of its plan; empty if it cannot be read."""
    started_at: str
    """When it started, in ISO 8601; empty if it cannot be read."""
    grade: str
    """``rehearsed``, ``measured`` or ``verified``; empty if it cannot be read."""
    build: str
    """Which build of the platform ran; *not told* if the run did not record it."""
    counts: bool
    """Whether it counts for the promises that it tests."""
    why: tuple[str, ...]
    """Why it does not count, and what else must be known of it; empty for a run that counts without remarks."""


@dataclass(frozen=True, slots=True)
class ReadinessLedger:
    """Every promise of a target with its evidence."""

    target: str
    """The name of the target."""
    title: str
    """What the target calls the system."""
    at: str
    """The instant at which ages and waivers are counted, in ISO 8601."""
    environment: str | None
    """The environment whose runs count; ``null`` for all."""
    version: str
    """Of Closeshave."""
    age_max_days: int
    """Evidence that is older has expired."""
    go: bool
    """Whether every must-have is verified."""
    sentence: str
    """Go or no-go, and why, in one sentence."""
    exit_code: int
    """0 go, 1 a must-have is refuted, 3 no-go for any other reason."""
    counts: Mapping[PromiseOutcome, int]
    """How many promises have each outcome; every outcome is named."""
    rows: tuple[LedgerRow, ...]
    """One for each promise, in the order of the target."""
    runs: tuple[LedgerRun, ...]
    """Every run that was found, the newest first."""
    schema: Literal["closeshave.readiness/1"] = SCHEMA
    """Which format this is."""
