"""Everything that the page can show, at one instant, as values. Instants are seconds after the begin of the load, unless a name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from closeshave.gameday.state import GameDayState
from closeshave.trial.figures import Reading


class Stage(StrEnum):
    """How far a trial is."""

    STARTING = "starting"
    """Its load has not begun."""
    LOADED = "loaded"
    ENDING = "ending"
    """Its load is over: it heals, saves, removes and judges."""
    OVER = "over"
    """Its process has ended."""


class HowKnown(StrEnum):
    """How much can be said of a kind of breach while the load runs."""

    BROKEN = "broken"
    NONE_SEEN = "none seen"
    COUNTED = "counted"
    UNKNOWN = "not known yet"
    """Only the judges can tell, from the final state or the whole history."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What tells this run from others."""

    run: str
    plan: str
    environment: str
    target: str
    evidence: str
    started_at: str


@dataclass(frozen=True, slots=True)
class PhaseShown:
    """A phase of the plan."""

    name: str
    role: str
    begins_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class DisruptionShown:
    """A fault or a drill: its state in words, and its edges."""

    id: str
    what: str
    """Its kind and scope."""
    drill: bool
    state: str
    in_effect: bool
    over: bool
    planned_s: float | None
    """``None`` where people say when."""
    injected_s: float | None = None
    observed_s: float | None = None
    healed_s: float | None = None
    verified_s: float | None = None


@dataclass(frozen=True, slots=True)
class ToldLine:
    """A line about something that happened; ``fault`` is the ID of a fault or drill, or empty."""

    at_s: float
    fault: str
    text: str


@dataclass(frozen=True, slots=True)
class SignalShown:
    """A signal of the platform itself."""

    at_s: float
    kind: str
    scope: str
    source: str
    detail: str


@dataclass(frozen=True, slots=True)
class BudgetShown:
    """The month's error budget, by the trial's own reckoning; ``burnt`` is ``None`` where it is not known."""

    burnt: float | None
    burnt_max: float | None
    """At which the trial stops itself."""
    why_unknown: str = ""


@dataclass(frozen=True, slots=True)
class IntegrityShown:
    """One kind of breach."""

    title: str
    known: HowKnown
    count: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PartShown:
    """One process of the environment."""

    name: str
    role: str
    region: str
    running: bool
    state: str
    """``running``, ``stopped`` (by a signal), ``not running``, or what of it does not run."""


@dataclass(frozen=True, slots=True)
class SenderShown:
    """The workers of one sort of sender."""

    source: str
    """``customers`` or ``canary``."""
    workers: int
    intended: int
    """Requests that were due."""
    sent: int
    recorded: int
    silent_s: float
    """Since the last sign of life of the worker that has been silent longest."""
    lateness_p50_ms: float | None
    lateness_p99_ms: float | None
    """Of requests that ended in the last seconds; ``None``: there were none."""
    lateness_max_ms: float | None
    """The p99 above which judges call the generator limited; ``None``: not judged in this phase."""


@dataclass(frozen=True, slots=True)
class ProcessorsShown:
    """Shares of all processors in the last second that was sampled, 0 to 1."""

    at_s: float
    busy: float
    platform: float
    generator: float
    harness: float
    others: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A running trial at one instant."""

    version: int
    """Grows with each picture."""
    at_ns: int
    wall_s: float
    """The same instant, in seconds since the epoch."""
    stage: Stage
    about: Identification | None = None
    now_s: float = 0.0
    """After the begin of the load; 0 before it."""
    total_s: float = 0.0
    phase: str = ""
    phases: tuple[PhaseShown, ...] = ()
    reading: Reading | None = None
    disruptions: tuple[DisruptionShown, ...] = ()
    told: tuple[ToldLine, ...] = ()
    """The newest last."""
    signals: tuple[SignalShown, ...] = ()
    """The newest last."""
    signals_unknown: str = ""
    """Why there can be none yet, as a sentence."""
    budget: BudgetShown = BudgetShown(None, None)
    integrity: tuple[IntegrityShown, ...] = ()
    parts: tuple[PartShown, ...] | None = None
    """``None``: they cannot be seen from here."""
    senders: tuple[SenderShown, ...] = ()
    processors: ProcessorsShown | None = None
    read_share: float | None = None
    """How much of what was recorded has been read, while the server catches up; ``None`` when it has."""
    verdict: str = ""
    """Once it has been judged: ``pass``, ``fail`` or ``inconclusive``; and when the run ended without one, empty."""
    held: bool = False
    """Whether it is a game day: people hold its clock."""
    gameday: GameDayState | None = None
    """Everything of it, hidden injects too; ``None`` before its load."""
    trouble: str = ""
    """What could not be read at the last look."""
