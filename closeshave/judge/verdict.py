"""Verdicts and their merging: *pass*, *inconclusive*, *fail*; merging takes the worst, and unknown never becomes success."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The three answers, in the order of :attr:`severity`."""

    PASS = "pass"  # noqa: S105 - a word, not a secret
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"

    @property
    def severity(self) -> int:
        """0 for pass, 1 for inconclusive, 2 for fail: the larger wins a merge."""
        return (Status.PASS, Status.INCONCLUSIVE, Status.FAIL).index(self)


def worst(statuses: Iterable[Status]) -> Status:
    """The merged status: fail over inconclusive over pass. Nothing judged is inconclusive, not passed."""
    return max(statuses, key=lambda status: status.severity, default=Status.INCONCLUSIVE)


Witness = Mapping[str, Any]
"""What proves a failure: the row or rows of history, JSON-ready, with ``why`` and, for operations, their IDs."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How often what a verdict forbids could have happened in this run: without a chance nothing was tested."""

    chances: int
    of: str
    """What a chance is, in words to follow the number: ``contests for a slot``."""
    missed_share_at_most: float = field(init=False)
    """The largest share of chances that may end in a breach while none among so many shows it, at 95 % confidence.

    1 without a chance. The exact bound for no breach among n independent chances: 1 - 0.05^(1/n), about 3/n.
    """

    def __post_init__(self) -> None:
        share = 1.0 if self.chances <= 0 else 1.0 - 0.05 ** (1.0 / self.chances)
        object.__setattr__(self, "missed_share_at_most", share)


@dataclass(frozen=True, slots=True)
class NotRun:
    """What has no verdict in this run, and why. It counts for no status."""

    id: str
    """A promise (``E17``) or an invariant (``idempotency``)."""
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one objective in one scope. Times are in seconds; ratios between 0 and 1."""

    id: str
    """Unique in the run: ``latency/us-east-1``, ``recovery/shard-primary-lost``, ``integrity/double_booked``."""
    claims: tuple[str, ...]
    status: Status
    measure: str
    scope: str
    """``all``, ``region:us-east-1``, ``shard:1``, ``operation:slots`` or ``fault:ID``."""
    measured: float | None
    bound: float | None
    unit: str
    """``ratio``, ``s``, ``1/s`` or ``count``."""
    confidence: tuple[float, float] | None = None
    n: int = 0
    """How many operations (or probes) the figure rests on."""
    reason: str = ""
    """One sentence, always there when the status is not pass."""
    witnesses: tuple[Witness, ...] = ()
    """For fail: the first and the worst."""
    gates: bool = True
    """Whether it counts for the run's status; false for figures that are shown only."""
    exposure: Exposure | None = None
    """How often what it forbids could have happened; ``None`` for verdicts on the run itself."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What was offered and what came back, of customers only. Rates per second, times in milliseconds."""

    intended: int
    sent: int
    recorded: int
    rate_offered: float | None
    rate_completed: float | None
    send_lateness_p99_ms: float | None
    response_ms: Mapping[str, float | None]
    """``p50``, ``p95``, ``p99``, ``p999``."""
    generator_limited_windows: int
    edge_count: int | None


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """A fault as the report shows it. Instants are seconds after the run's first phase began; ``None`` is unknown."""

    id: str
    kind: str
    scope: str
    expected: str
    injected_at_s: float | None
    observed_at_s: float | None
    healed_at_s: float | None
    healed_verified: bool
    detect_s: float | None
    fail_over_s: float | None
    restore_s: float | None
    recovery_s: float | None
    self_recovered: bool | None
    loss_window_s: float | None
    lost_writes: int | None
    loss_resolution_s: float | None
    split_brain_writes: int | None
    leakage: float | None
    budget_burnt: float | None
    """Share of the 30-day error budget of the availability objective that the fault's not-good requests used."""
    touched: tuple[str, ...] = ()
    """What the injection touched, by name and ID: processes, toxics, rules."""
    leakage_at_most: float | None = None
    """What may have leaked at most, 0 to 1: with everything that may hide among franchises that were seen too rarely."""
    under_sampled: float | None = None
    """Share of the traffic outside the scope of franchises that were seen too rarely to be judged by themselves."""
    burn_rate: float | None = None
    """The highest rate at which the budget burnt, over a minute and over five seconds at once; at 1 it lasts the month."""


@dataclass(frozen=True, slots=True)
class IntegrityFigures:
    """Counts over the whole run; ``None`` where the evidence to count is missing."""

    acknowledged: int | None
    customers_acknowledged: int | None
    """Of the acknowledged bookings those that customers made: canaries apart."""
    breaches: Mapping[str, int | None]
    """By invariant: those of :mod:`closeshave.judge.integrity.registry` that are summarised."""


@dataclass(frozen=True, slots=True)
class ResilienceFigures:
    """The resilience score, 0 to 1, and how much of what can fail was tested, 0 to 1."""

    score: float
    coverage: float
    tested: tuple[str, ...]
    """Families of failure with a fault that bit and was proven healed."""
    untested: tuple[str, ...]
    """The others; each counts as zero."""
    zeroed: str
    """Why the score is zero, whatever else went well; empty when nothing forces it."""


NO_RESILIENCE = ResilienceFigures(0.0, 0.0, (), (), "it could not be computed")


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the judges say of one run."""

    status: Status
    reasons: tuple[str, ...]
    """Why it is not pass, worst first; empty for pass."""
    load: LoadFigures
    verdicts: tuple[Verdict, ...]
    faults: tuple[FaultFigures, ...]
    integrity: IntegrityFigures
    resilience: ResilienceFigures = NO_RESILIENCE
    not_run: tuple[NotRun, ...] = ()
    """Promises of the target that this plan does not tested."""
    not_asked: tuple[NotRun, ...] = ()
    """Invariants that this platform cannot show, and that its target does not demand."""
