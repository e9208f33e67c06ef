"""A whole run: its manifest, the senders' own counts, and everything that judges use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from closeshave.clock import Anchor
from closeshave.history.alerts import AlertNote, AlertRule, AlertsTold
from closeshave.history.drills import DrillEvent
from closeshave.history.events import FaultEvent, InjectPassed, Mark, PersonMarked, Routed, Signal
from closeshave.history.room import IN_MEMORY, Room
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
    """One sender's own counts, to be reconciled with what was recorded."""

    source: str
    worker: str
    intended: int
    """Operations that were due, whether sent or not."""
    sent: int
    recorded: int
    """Rows that it wrote to its spool."""
    finished: bool
    """Whether it ended by itself and wrote this at its end."""
    requests: int = 0
    """HTTP requests that it sent by its own count, including redirects and retries."""


@dataclass(frozen=True, slots=True)
class Blind:
    """A worker was killed or lost: nothing is known about its share of the load from ``from_ns`` to ``to_ns``."""

    source: str
    worker: str
    from_ns: int
    to_ns: int
    why: str = "was killed"
    """What happened to it, after "the worker NAME"."""


@dataclass(frozen=True, slots=True)
class MachinePart:
    """What one load machine sent of a run, and what became of each arrival that was dealt to it."""

    name: str
    workers: tuple[str, ...]
    """Its processes, by the names that their records have."""
    intended: int
    """Arrivals that were dealt to it, by the seed: ``sent + late + blind``."""
    sent: int
    """Those that it carried out."""
    late: int
    """Those that were due, and that it did not come to."""
    blind: int
    """Those that were due when nothing is known of it."""
    counted: bool
    """Whether there are arrivals to count: in the closed model nobody arrives."""
    offset_ns: int
    """Its monotonic clock less that of the run, at the load's start."""
    uncertainty_ns: int
    """The largest uncertainty of that offset during the load."""
    ended: str = ""
    """Why it ended before the load did; empty if it did not."""
    troubles: tuple[str, ...] = ()
    """What makes its part of the evidence doubtful, a sentence each."""
    taken: int = 0
    """Those of ``intended`` that were dealt to it later, because the machine that had them was lost."""
    redealt_ns: int | None = None
    """What was due from then on was dealt to other machines, because this one was lost; ``None`` if it was not."""


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """Requests that an edge endpoint counted by itself between the first and the last operation."""

    region: str
    requests: int


@dataclass(frozen=True, slots=True)
class Rate:
    """The offered rate of a run, the planned rate, and what decided. Rates are those of the phase with the highest rate."""

    by: Literal["plan", "option", "calibration"]
    """What decided: the plan as written, ``--rate-scale``, or the calibration of this machine."""
    scale: float
    """The factor on the planned rates of sessions, contests and canaries."""
    planned_sessions_per_s: float
    """Sessions per second of the phase with the highest rate, as written in the plan."""
    sessions_per_s: float
    """The same, as offered."""
    planned_calm_s: float
    """Length of all calm phases together in seconds, as written in the plan."""
    calm_s: float
    """Length of all calm phases together in seconds, in this run: at a smaller rate they last longer, within ``limits.duration``."""
    processors: float | None = None
    """Number of processors that the run could use. This field and the following ones are set only by a calibration."""
    share_at_most: float | None = None
    """The largest share of these processors for platform, senders and harness together, from 0 to 1."""
    cpu_s_per_session: float | None = None
    """Processor seconds of one session, summed over all parts. It shows if a platform needs more processor time, whatever the rate."""
    standing_cores: float | None = None
    """Number of processors in use without load."""
    others_cores: float | None = None
    """Number of processors that other programs used meanwhile."""
    least_scale: float | None = None
    """Below this share of the planned rates no load is sent, and the run is inconclusive."""

    @property
    def enough(self) -> bool:
        """Whether the run offers enough of its plan to be judged."""
        return self.least_scale is None or self.scale >= self.least_scale


@dataclass(frozen=True, slots=True)
class Added:
    """What an installed package added to the harness that made the run."""

    group: str
    """The kind of thing: a group of entry points, such as ``closeshave.checks``."""
    name: str
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts about the whole run that are known when it starts, and the phases as they happened."""

    id: str
    plan: str
    environment: str
    target: str
    seed: int
    evidence: str
    """A :class:`closeshave.vocabulary.EvidenceGrade`: ``rehearsed`` for a stand-in, ``measured`` for another application in an environment of the
    harness, ``verified`` for the platform itself."""
    version: str
    started_at: str
    anchor: Anchor
    topology: Topology
    phases: tuple[PhaseTime, ...] = ()
    ended_at: str | None = None
    interrupted: str | None = None
    """Why the run ended early; ``None`` when it ran to its end."""
    payments_ledger: bool = True
    """Whether the payment provider's own ledger can be read. If not, a missing ledger is not damage, and verdicts that need it are inconclusive."""
    edge_counters: bool = True
    """Whether the edges count requests themselves. If not, the senders' counts cannot be compared with theirs."""
    rate_scale: float = 1.0
    """The factor on the plan's rates of sessions, contests and canaries (``--rate-scale``, or a calibration)."""
    lengths_s: tuple[float, ...] = ()
    """The planned length of each phase in seconds; empty: as written in the plan."""
    rate: Rate | None = None
    """``None`` for runs of older versions."""
    looked_inside: bool = False
    """Whether the final state includes the contents of each cache and database member, which cannot be read from a remote platform."""
    final_state: bool = True
    """Whether the final state of bookings is read. If not, because nobody says what was booked, a missing one is not damage."""
    tls: bool = False
    """Whether the edges of an environment of ours served HTTPS, so that a fault of their certificates was possible."""
    jobs: bool = False
    """Whether workers ran beside the application, and the final state says what became of their jobs. If so, a missing file of jobs is damage."""
    followed_within_s: float | None = None
    """How long an update of a booking may take, if customers followed theirs by WebSocket; ``None`` if nobody did."""
    alerts: AlertsTold | None = None
    """How the harness learned of alerts; ``None`` if the plan asks for none."""
    kinds: tuple[str, ...] = ()
    """Names of all kinds of faults that the harness knew. Empty for runs of older versions."""
    added: tuple[Added, ...] = ()
    """What installed packages had added to it."""
    load_machines: int = 0
    """How many other machines were to send the customers' requests; 0 where that of the run sends them."""
    game_day: Literal["", "held", "rehearsed"] = ""
    """Whether people held its clock; ``rehearsed``: nothing was broken, and the run is evidence for nothing."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where the files lay that the run was made from: ``plan``, ``target`` and ``environment`` → path, from the directory in which the trial was started
    where they lay below it. Empty for runs of older versions."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that judges use. Frames have the columns of their row dataclass; missing evidence is ``None``, never an empty frame."""

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
    """What could not be read, and why; verdicts that need it are inconclusive."""
    blind: tuple[Blind, ...] = ()
    """The times for which killed or lost workers recorded nothing."""
    machines: tuple[MachinePart, ...] = ()
    """The load machines, where others than that of the run sent the customers' requests."""
    cache_entries: pd.DataFrame | None = None
    placements: pd.DataFrame | None = None
    diverged: pd.DataFrame | None = None
    """What only the losing side of a partition held; ``None`` if there were no two sides to read."""
    jobs: pd.DataFrame | None = None
    """What became of the jobs of workers, with the columns of :class:`closeshave.history.Job`; ``None`` if no workers ran."""
    updates: pd.DataFrame | None = None
    """What followers of live updates saw, with the columns of :class:`closeshave.history.Told`; ``None`` if nobody followed."""
    drills: tuple[DrillEvent, ...] = ()
    """What the drills left on the timeline, in the order in which it was written."""
    routings: tuple[Routed, ...] = ()
    """Where ranges of franchises were moved to; the last one was in force when the final state was read."""
    injects: tuple[InjectPassed, ...] = ()
    """What became of the injects of a game day; empty for other runs."""
    people: tuple[PersonMarked, ...] = ()
    """What people said of the incidents of a game day, in the order in which they said it."""
    alerts: tuple[AlertNote, ...] | None = None
    """Every alert that was told, in the order of the file; ``None`` if nobody listened, or the file is missing."""
    alert_rules: tuple[AlertRule, ...] | None = None
    """The rules that the monitoring had; ``None`` if that is not known."""
    room: Room = IN_MEMORY
    """Where judges keep long columns."""
    restored: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Drill → the bookings that its restored database held, with the columns of :class:`closeshave.history.Booking`."""

    @property
    def machines_uncertainty_ns(self) -> int:
        """By how much the clock of any load machine may be off after it was corrected; 0 where this machine alone sent."""
        return max((one.uncertainty_ns for one in self.machines), default=0)

    @property
    def uncertainty_ns(self) -> int:
        """Of all clocks together: this machine's two, and those of the load machines."""
        return self.manifest.anchor.uncertainty_ns + self.machines_uncertainty_ns
