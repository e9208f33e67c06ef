"""Events on the timeline of a run: the edges of faults, the platform's own signals, and marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultEdge(StrEnum):
    """The edges of a fault, in order."""

    PLANNED = "planned"
    INJECTED = "injected"
    OBSERVED = "observed"
    HEALED = "healed"
    VERIFIED_HEALED = "verified-healed"


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """A fault passed an edge; ``evidence`` holds what it touched and what the probe saw."""

    fault: str
    edge: str
    at_ns: int
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of the platform itself: from a log, an alert, a failover event. Never from the harness's injection."""

    at_ns: int
    kind: str
    """One of :class:`closeshave.vocabulary.SignalKind`."""
    scope: str
    """``shard:1``, ``store:cache``, ``region:us-west-2``."""
    source: str
    """Where it was read: a log file's name."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Anything else on the timeline; ``kind`` is one of :class:`closeshave.vocabulary.MarkKind`, or of an older version."""

    at_ns: int
    kind: str
    detail: str = ""
