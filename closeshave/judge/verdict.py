"""Verdicts and their merging: *pass*, *inconclusive*, *fail*; merging takes the worst, and unknown never becomes success."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from closeshave.judge.witnesses import Witness


class Status(StrEnum):
    """The three answers, in the order of :attr:`severity`."""

    PASS = "pass"  # noqa: S105 - a word, not a secret
    """Every promise was tested and held, with enough evidence to say so."""
    INCONCLUSIVE = "inconclusive"
    """At least one could not be decided; the reason says why."""
    FAIL = "fail"
    """At least one did not hold; witnesses prove it."""

    @property
    def severity(self) -> int:
        """0 for pass, 1 for inconclusive, 2 for fail: the larger wins a merge."""
        return (Status.PASS, Status.INCONCLUSIVE, Status.FAIL).index(self)


def worst(statuses: Iterable[Status]) -> Status:
    """The merged status: fail over inconclusive over pass. Nothing judged is inconclusive, not passed."""
    return max(statuses, key=lambda status: status.severity, default=Status.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Exposure:
    """How often the breach that a verdict rules out could have happened in this run: with 0 chances nothing was tested."""

    chances: int
    """How many there were."""
    of: str
    """What a chance is, as text that follows the number: ``contests for a slot``."""
    missed_share_at_most: float = field(init=False)
    """At 95 % confidence, the largest share of chances that may end in a breach although none of these did.

    1 without a chance. The exact bound for no breach among n independent chances: 1 - 0.05^(1/n), about 3/n.
    """

    def __post_init__(self) -> None:
        share = 1.0 if self.chances <= 0 else 1.0 - 0.05 ** (1.0 / self.chances)
        object.__setattr__(self, "missed_share_at_most", share)


@dataclass(frozen=True, slots=True)
class NotRun:
    """A promise or invariant without a verdict in this run, and why. It does not affect the status."""

    id: str
    """A promise (``E17``) or an invariant (``idempotency``)."""
    text: str
    """The promise, or the invariant's name."""
    why: str
    """Why it has no verdict."""


@dataclass(frozen=True, slots=True)
class Waived:
    """A known failure that does not count until a day, as the plan or the target states it."""

    owner: str
    """Who sees to it that the failure is corrected."""
    reason: str
    """Why it is accepted until then."""
    until: str
    """The last day on which it does not count, as in ``2026-12-24``, by UTC."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one objective in one scope. Times are in seconds; ratios between 0 and 1."""

    id: str
    """Unique in the run: ``latency/us-east-1``, ``recovery/shard-primary-lost``, ``integrity/double_booked``."""
    claims: tuple[str, ...]
    """IDs of the promises that it answers."""
    status: Status
    """The answer."""
    measure: str
    """What was judged: a measure of the target, an invariant, or a precondition of the run."""
    scope: str
    """``all``, ``region:us-east-1``, ``shard:1``, ``operation:slots`` or ``fault:ID``."""
    measured: float | None
    """The figure, in ``unit``; unknown is ``null``."""
    bound: float | None
    """What the objective allows, in ``unit``."""
    unit: str
    """``ratio``, ``s``, ``1/s``, ``times`` or ``count``."""
    confidence: tuple[float, float] | None = None
    """Lower and upper bound of the figure, each one-sided at the confidence of the objective; ``null`` where nothing was estimated."""
    n: int = 0
    """The number of operations (or probes) in the figure; of a resilience score, of families of failure."""
    reason: str = ""
    """One sentence, always there when the status is not pass."""
    witnesses: tuple[Witness, ...] = ()
    """For fail: the first and the worst."""
    gates: bool = True
    """Whether it counts for the run's status; false for figures that are only shown."""
    exposure: Exposure | None = None
    """How often the breach could have happened; ``None`` for verdicts on the run itself."""
    waived: Waived | None = None
    """For a verdict that is not pass and would count, were it not waived on the day of the run; then ``gates`` is false."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The offered load and its answers, of customers only. Rates per second, times in milliseconds."""

    intended: int
    """Requests that were due."""
    sent: int
    """Requests that the senders put on the wire, by their own count."""
    recorded: int
    """Requests that the run has a row of. All three are equal in a complete run."""
    rate_offered: float | None
    """Requests that were due in the calm phases, per second."""
    rate_completed: float | None
    """Of these the ones that were answered well, per second."""
    send_lateness_p99_ms: float | None
    """The 99th percentile of how long after its intended instant a request was sent, in milliseconds."""
    response_ms: Mapping[str, float | None]
    """Percentiles of the response time in the calm phases, in milliseconds: ``p50``, ``p95``, ``p99``, ``p999``."""
    generator_limited_windows: int
    """Windows of ten seconds in which the sender of customers could not keep its schedule."""
    edge_count: int | None
    """Requests that the platform's edges counted by themselves; ``null`` where they cannot be asked."""
    platform_cpu_ms_per_request: float | None = None
    """Processor time of the platform's processes in the calm phases, in milliseconds for each request of customers and canaries; ``null`` where the use
    of the machine was not recorded, and in summaries of older versions."""


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """A fault as the report shows it. Instants are seconds after the run's first phase began; ``None`` is unknown."""

    id: str
    """As the plan calls it."""
    kind: str
    """Of the catalogue: ``shard.primary-killed``."""
    scope: str
    """``shard:1``, ``region:us-west-2``, …; ``all`` for one without a scope."""
    expected: str
    """What the plan expects of the platform: ``tolerates``, ``degrades``, ``recovers`` or ``restored``."""
    injected_at_s: float | None
    """Instant at which the injection started (t0)."""
    observed_at_s: float | None
    """Instant at which an independent probe saw it in effect."""
    healed_at_s: float | None
    """Instant at which the harness began to heal it (t_h)."""
    healed_verified: bool
    """Whether it is proven that it was healed."""
    detect_s: float | None
    """Seconds from the injection to the platform's first signal of its own (t_d - t0)."""
    fail_over_s: float | None
    """Seconds from that signal to the first write that succeeded again (t_w - t_d)."""
    restore_s: float | None
    """Seconds from that write until service was restored (t_r - t_w)."""
    recovery_s: float | None
    """The recovery time in seconds (RTA, t_r - t0): the likeliest instant of its interval."""
    self_recovered: bool | None
    """Whether the platform recovered, and held, before the harness began to heal."""
    loss_window_s: float | None
    """The data loss window in seconds (RPA): how long before the end of the old primary the oldest missing write was acknowledged; 0 if none is
    missing."""
    lost_writes: int | None
    """Acknowledged writes within that window that are missing from the final state."""
    loss_resolution_s: float | None
    """The widest gap in seconds between acknowledgements before the injection: a loss window below it could not be seen."""
    split_brain_writes: int | None
    """Writes that started after the promotion of the new primary and were acknowledged by the old one."""
    leakage: float | None
    """Share of the traffic outside the scope that got worse because of the fault, 0 to 1."""
    budget_burnt: float | None
    """Share of the 30-day error budget of the availability objective that the fault's not-good requests used."""
    touched: tuple[str, ...] = ()
    """What the injection touched, by name and ID: processes, toxics, rules."""
    leakage_at_most: float | None = None
    """The largest possible leakage, 0 to 1: all franchises with too few requests that may have got worse are counted."""
    under_sampled: float | None = None
    """Share of the traffic outside the scope that belongs to franchises with too few requests to be judged by themselves."""
    burn_rate: float | None = None
    """The highest rate at which the budget burnt, over a minute and over five seconds at once; at a rate of 1 it lasts 30 days."""
    begun: bool = True
    """Whether its injection was begun. If not, it touched nothing and there was nothing to heal; ``healed_verified`` is false then."""


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A step of a drill, and how long it took."""

    name: str
    """As the kind of the drill calls it."""
    duration_s: float
    """From its begin to its end, in seconds."""


@dataclass(frozen=True, slots=True)
class DrillFigures:
    """A drill as the report shows it. Instants are seconds after the run's first phase began; ``None`` is unknown."""

    id: str
    """As the plan calls it."""
    kind: str
    """Of the catalogue of drills: ``restore.point-in-time``."""
    scope: str
    """``shard:1``, …"""
    ended: str | None
    """``carried-out``, ``stopped`` (a deploy, of a release that was bad), ``failed``, ``overdue`` or ``disturbed``; ``null`` if the run does not say."""
    began_at_s: float | None
    """Instant at which its first step began."""
    duration_s: float | None
    """Seconds from its first step until its end state was proven, or until it was given up."""
    steps: tuple[StepFigures, ...]
    """The split of the duration. What is left of it is the proof."""
    put_back_s: float | None
    """Seconds from then until everything was proven to be put back."""
    put_back_proven: bool
    """Whether it is proven that everything was put back, or nothing was changed."""
    requests: int | None
    """The customers' requests in its scope, from its begin until everything was put back."""
    not_good: int | None
    """Those of them that were not good."""
    writes_refused_s: float | None
    """The longest time in seconds for which its shards acknowledged no write although writes were sent; 0 if no write was refused. Of a
    range that moved: for how long no write to it was accepted, or how long a customer of it waited for a write."""
    loss_window_s: float | None
    """The loss window in seconds: how long before its instant (a restore's target) the oldest missing write was acknowledged; 0 if none is missing."""
    lost_writes: int | None
    """Acknowledged writes that are missing."""
    proofs: tuple[str, ...]
    """What was checked of its end state, and what was seen."""
    lost_sessions: int | None = None
    """Customers who were refused as not logged in, with a session from before it was over."""
    logins_again: int | None = None
    """Log-ins of customers and canaries whose session was lost, from its begin until the next drill: a load that no plan states."""
    logins_again_per_s: int | None = None
    """The most of them in a second."""


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """An alert of the platform's monitoring as the report shows it. Instants are seconds after the run's first phase began; ``None`` is unknown."""

    name: str
    """Of the rule that raised it."""
    severity: str
    """``critical``, ``high``, ``medium`` or ``low``; of an alert without the label ``severity`` empty."""
    category: str
    """``infrastructure``, ``application``, ``database``, ``business`` or ``security``; of an alert without the label ``category`` empty."""
    scope: str
    """What it is about by its labels: ``shard:1``, ``store:cache`` or ``region:us-west-2``; empty if they do not say."""
    fault: str | None
    """The fault that it belongs to; ``null`` for one that began while there was none."""
    expected: bool
    """Whether the plan expects it of this fault."""
    raised_at_s: float | None
    """Instant at which the harness learned of it; ``null`` for one that was expected and not raised."""
    ended_at_s: float | None
    """Instant at which the harness learned of its end; ``null`` if it did not end while the harness listened."""
    harmed_at_s: float | None
    """Instant at which the first request was due that failed by its fault's doing; ``null`` if no customer was harmed."""
    after_s: float | None
    """Time to alert in seconds: from the first harmed customer, or from the injection if nobody was harmed; 0 for an alert that came before."""


@dataclass(frozen=True, slots=True)
class IntegrityFigures:
    """Counts over the whole run; ``None`` where the evidence to count is missing."""

    acknowledged: int | None
    customers_acknowledged: int | None
    """The acknowledged bookings of customers, without those of canaries."""
    breaches: Mapping[str, int | None]
    """Breaches by invariant, for those of :mod:`closeshave.judge.integrity.registry` that the summary shows."""


@dataclass(frozen=True, slots=True)
class ResilienceFigures:
    """The resilience score, 0 to 1, and the share of the families of failure that was tested, 0 to 1."""

    score: float
    """The mean over all families, ours and those of installed packages, of the share of tested promises that were kept, 0 to 1. A family that was not
    tested counts as zero."""
    coverage: float
    """Share of the families that were tested, 0 to 1."""
    tested: tuple[str, ...]
    """Families of failure with a fault that took effect and was proven healed."""
    untested: tuple[str, ...]
    """The others; each counts as zero."""
    zeroed: str
    """Why the score is zero whatever other verdicts say; empty when nothing forces it to zero."""


NO_RESILIENCE = ResilienceFigures(0.0, 0.0, (), (), "it could not be computed")


@dataclass(frozen=True, slots=True)
class Assessment:
    """The result of judging one run."""

    status: Status
    reasons: tuple[str, ...]
    """Why it is not pass, worst first; empty for pass."""
    load: LoadFigures
    verdicts: tuple[Verdict, ...]
    faults: tuple[FaultFigures, ...]
    integrity: IntegrityFigures
    resilience: ResilienceFigures = NO_RESILIENCE
    not_run: tuple[NotRun, ...] = ()
    """Promises of the target that this plan does not test."""
    not_asked: tuple[NotRun, ...] = ()
    """Invariants that this platform cannot show, and that its target does not name."""
    drills: tuple[DrillFigures, ...] = ()
    """Every drill of the plan."""
    alerts: tuple[AlertFigures, ...] = ()
    """Every alert that was raised, in the order in which they began, and then those that the plan expects and that were not."""
    tracebacks: Mapping[str, str] = field(default_factory=dict)
    """Of the judges that raised an error, by name; for the logs of the run, not for its report."""
