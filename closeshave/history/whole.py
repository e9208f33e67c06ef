"""A run as a whole: what was true of it, what its senders say of themselves, and all that a judge may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from closeshave.clock import Anchor
from closeshave.history.events import FaultEvent, Mark, Signal
from closeshave.topology import Topology

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """When a phase of the plan really ran. ``role`` is warm-up, calm or fault."""

    name: str
    role: str
    started_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What one sender says of itself, to be reconciled with what was recorded."""

    source: str
    worker: str
    intended: int
    """Operations that were due, whether sent or not."""
    sent: int
    recorded: int
    """Rows that it handed to its spool."""
    finished: bool
    """It ended by itself and wrote this last."""
    requests: int = 0
    """HTTP requests that it believes it put on the wire, redirects and retries included."""


@dataclass(frozen=True, slots=True)
class Blind:
    """A worker was killed: of its share of the load nothing is known from ``from_ns`` to ``to_ns``."""

    source: str
    worker: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """Requests that an edge endpoint counted by itself between the first and the last operation."""

    region: str
    requests: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is true of the whole run and known when it starts, plus the phases as they happened."""

    id: str
    plan: str
    environment: str
    target: str
    seed: int
    evidence: str
    """``rehearsed`` for a stand-in, ``measured`` for the platform itself."""
    version: str
    started_at: str
    anchor: Anchor
    topology: Topology
    phases: tuple[PhaseTime, ...] = ()
    ended_at: str | None = None
    interrupted: str | None = None
    """Why the run ended early; ``None`` when it ran to its end."""
    payments_ledger: bool = True
    """Whether the payment provider's own ledger can be read; else its absence is no damage, and what needs it is unknown."""
    edge_counters: bool = True
    """Whether anybody but the senders counts what passes the edges; else nothing can be compared with them."""
    rate_scale: float = 1.0
    """By what the plan's rates of sessions, contests and canaries were multiplied (``--rate-scale``)."""
    looked_inside: bool = False
    """Whether the final state tells what caches and database members hold, each asked by itself; from outside a platform nobody can."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything a judge may look at. Frames have the columns of their row dataclass; missing evidence is ``None``, never an empty frame."""

    manifest: Manifest
    operations: pd.DataFrame
    effects: pd.DataFrame
    faults: tuple[FaultEvent, ...]
    signals: tuple[Signal, ...]
    marks: tuple[Mark, ...]
    sent: tuple[Sent, ...]
    edges: tuple[EdgeCount, ...] | None
    bookings: pd.DataFrame | None
    captures: pd.DataFrame | None
    resources: pd.DataFrame | None = None
    """What the machine and every group of processes used, about once a second; see ``closeshave/environments/evidence/resources.py``."""
    damage: tuple[str, ...] = ()
    """What could not be read and why; each makes the judgements that need it inconclusive."""
    blind: tuple[Blind, ...] = ()
    """What the workers that were killed leave in the dark."""
    cache_entries: pd.DataFrame | None = None
    placements: pd.DataFrame | None = None
    diverged: pd.DataFrame | None = None
    """What the lost side of a partition held alone; ``None`` where nobody had two sides to read."""
