"""What a probe saw, and what follows from that. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProbeOutcome(StrEnum):
    """What a probe found."""

    HOLDS = "holds"
    """Everything that was to be asked was asked, and every answer is as promised."""
    BROKEN = "broken"
    """At least one answer is not as promised; witnesses prove it."""
    UNKNOWN = "unknown"
    """It could not be decided, and why; never a success."""


class ProbeReach(StrEnum):
    """What a probe does to the platform, the mildest first."""

    READS = "reads"
    """Asks, and changes nothing."""
    BOOKS = "books"
    """Logs in, and makes bookings, accounts or names of shops of its own, which it removes or puts back."""
    STRAINS = "strains"
    """Sends hostile input, wrong passwords, or requests up to a rate limit, from client addresses and accounts of its own."""
    STARTS = "starts"
    """Starts an instance of the application beside the others, which no customer reaches, and ends it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that was asked, and what was seen."""

    probe: str
    subject: str
    """What was asked about: ``franchise 25000 at us-west-2``. A judge finds the observation by it."""
    asked: str
    """The question, as a person would repeat it: ``GET /api/v2/locations/ with X-Franchise-Id: 25000``. It holds no secret."""
    saw: Mapping[str, Any] = field(default_factory=dict)
    """Plain values: a status, headers, counts."""
    trouble: str = ""
    """Why there was no answer; empty if there was one. What was not answered decides nothing."""
    at: str = ""
    """When, in ISO 8601."""


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """What follows from the observations of one probe."""

    outcome: ProbeOutcome
    why: str
    """One sentence."""
    witnesses: tuple[Observation, ...] = ()
    """What decided it: of a broken one every answer that is not as promised, up to a few; else the first few."""
    asked: int = 0
    """How many observations it rests on."""
    broken: int = 0
    """How many of them are not as promised."""
