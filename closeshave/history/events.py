"""Events on the timeline of a run: the edges of faults, the platform's own signals, and marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from closeshave.history.evidence import EdgeEvidence, Healing, Injection, evidence_of
from closeshave.topology import Move


class FaultEdge(StrEnum):
    """The edges of a fault, in order."""

    PLANNED = "planned"
    INJECTED = "injected"
    OBSERVED = "observed"
    HEALED = "healed"
    VERIFIED_HEALED = "verified-healed"


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """A fault passed an edge; ``evidence`` holds what it touched or what the probe saw, ``None`` where nothing was recorded."""

    fault: str
    edge: str
    at_ns: int
    evidence: EdgeEvidence | None = None

    @property
    def began_ns(self) -> int:
        """When that began which the edge stands for: the injection, the undo."""
        return self.evidence.began_ns if isinstance(self.evidence, Injection | Healing) else self.at_ns

    @property
    def injection(self) -> Injection | None:
        """What the injection did; ``None`` for other edges, and where that was not recorded."""
        return self.evidence if isinstance(self.evidence, Injection) else None


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

    @property
    def fault(self) -> str:
        """The ID of the fault that a mark about a fault names: ``ID`` or ``ID: why``."""
        return self.detail.partition(": ")[0]

    @property
    def why(self) -> str:
        """What such a mark says of the fault; empty where it says nothing, as those of older versions."""
        return self.detail.partition(": ")[2]


@dataclass(frozen=True, slots=True)
class Routed:
    """Which ranges of franchises lay on another shard than the topology says from this instant on: written when it was changed, and once more when the
    final state was read."""

    at_ns: int
    version: int
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class InjectPassed:
    """An inject of a game day passed an edge: ``begun``, ``done``, ``skipped`` or ``stopped``."""

    at_ns: int
    inject: str
    edge: str
    begins: str | None = None
    """ID of its fault or drill; ``None`` for a message."""
    why: str = ""
    """How it began (``clock``, ``go``, ``now``), or why it was skipped or stopped."""


@dataclass(frozen=True, slots=True)
class PersonMarked:
    """What a person said of an incident: one of :class:`closeshave.vocabulary.HumanMark`, and when it was so."""

    at_ns: int
    said_ns: int
    """When it was pressed: after ``at_ns`` for a correction."""
    mark: str
    by: str
    inject: str | None = None
    """The inject; ``None``: the latest incident."""
    corrects: int | None = None
    """Which of the marks, counted from 0 on this timeline, it corrects."""


_FAULT_EVENT = TypeAdapter(FaultEvent)


def fault_event(told: Mapping[str, Any]) -> FaultEvent:
    """An event as the timeline tells it. Raises :class:`ValueError` for what is none."""
    return _FAULT_EVENT.validate_python({**told, "evidence": evidence_of(str(told.get("edge")), told.get("evidence"))})
