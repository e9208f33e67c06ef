"""Plans: what a trial will do, read from YAML files into frozen values. No effects besides reading the files.

A plan names its environment and its target (:mod:`closeshave.target`), so that a promise is written once and many plans test it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from closeshave.files.closest import meant
from closeshave.files.yamlfile import (
    DURATION_SCHEMA,
    STRICT,
    Count,
    Day,
    Fraction,
    InvalidFile,
    Lasting,
    Name,
    NotNegative,
    Place,
    Positive,
    Problem,
    Quantity,
    Seconds,
    Share,
    WholeNumber,
    document,
    duration_text,
    line_of,
    percentage_not,
    plain,
    read,
    seconds,
    share,
    stated,
)
from closeshave.operations import OPERATIONS
from closeshave.shapes import Replayed, Shape
from closeshave.topology import Topology
from closeshave.vocabulary import PersonRole

MOST_PARTS = 1000
"""Upper limit of a plan's phases and faults, drawn ones included: each is checked against every other."""
FAULT_ID = r"^[a-z0-9][a-z0-9-]*$"
ALERT = r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"
FAULT_KIND = r"^[a-z]+\.[a-z0-9-]+$"
PROBE = r"^[a-z0-9-]{1,40}\.[a-z0-9*-]{1,60}$"
"""The name of a probe, or a pattern of names within a family."""
_NOT_NONE = percentage_not(r"0+(\.0+)?")
_NEITHER_FEW_NOR_ALL = percentage_not(r"0*[0-4]?\d(\.\d+)?", r"0*100(\.0+)?")


class Role(StrEnum):
    """The role of a phase: only ``calm`` is judged by steady-state objectives, and only ``fault`` may hold faults."""

    WARM_UP = "warm-up"
    """Fills caches and pools; not judged."""
    CALM = "calm"
    """No faults; judged by the objectives whose window is ``calm``: availability, percentiles, ratios."""
    FAULT = "fault"
    """Faults are injected here; recovery, loss and containment are judged, and the error budget is charged."""


class Expected(StrEnum):
    """What the platform is expected to do under the fault; see docs/glossary.md, "expected"."""

    TOLERATES = "tolerates"
    """The objectives hold throughout."""
    DEGRADES = "degrades"
    """A weaker objective holds while the fault is in effect."""
    RECOVERS = "recovers"
    """The platform recovers by itself, within its RTO."""
    RESTORED = "restored"
    """An operator restores the platform, and that is part of the recovery."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of the trial, with one offered rate or a rate that changes in a stated shape."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the phase, as faults and verdicts refer to it; unique within a plan."""
    role: Role
    """What the phase is for."""
    duration: Lasting
    """How long it lasts. A calm phase lasts longer where the rate is lower than planned, within ``limits.duration``."""
    sessions_per_s: Positive
    """Arrivals of customers per second, over all regions; each makes about ten requests. With a shape, the highest rate."""
    shape: Shape | None = None
    """How the rate changes within the phase; constant without a shape."""

    def __post_init__(self) -> None:
        if self.duration <= 0:
            raise ValueError("a phase must be longer than 0")
        if self.sessions_per_s <= 0:
            raise ValueError("sessions_per_s must be above 0")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to inject. Its kind (the catalogue in ``closeshave/faults``) says how it is undone; a kind without an undo is refused."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID)]
    """The name of the fault, as verdicts refer to it: small letters, digits and dashes; unique within a plan."""
    kind: Annotated[str, stated(pattern=FAULT_KIND)]
    """``family.name``, one of the catalogue of faults; its experiment is ``chaos/family/name.yaml``."""
    phase: str
    """Name of the phase in which it is injected and healed; its role must be ``fault``."""
    at: Seconds
    """Start of the injection, in seconds after the start of its phase."""
    hold: Lasting
    """Seconds from injection to healing by the harness: the time that the platform has to recover by itself."""
    expected: Expected
    """What the platform is expected to do: it decides how recovery is judged."""
    scope: Mapping[str, Place] = field(default_factory=dict)
    """The affected part: ``shard: 1``, ``tier: cache``, ``region: us-west-2`` or ``process: etcd-us-east-1``, as the kind needs it."""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameters of the kind, such as ``latency_ms``; the others have their defaults."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id):
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes")
        if not re.fullmatch(FAULT_KIND, self.kind):
            raise ValueError(f"kind {self.kind!r}: write family.name, like shard.primary-killed")

    @property
    def experiment(self) -> Path:
        """The Chaos Toolkit experiment of this kind, relative to the top-level folder ``chaos``."""
        return Path(self.family, f"{self.kind.removeprefix(f'{self.family}.')}.yaml")

    @property
    def family(self) -> str:
        """``shard``, ``cache``, ``region``, ``service``, ``dependency`` or ``data``."""
        return self.kind.split(".")[0]


@dataclass(frozen=True, slots=True)
class DrillBounds:
    """What a drill may take and cost. Each key that is given becomes a verdict; the figures are shown in any case."""

    __pydantic_config__ = STRICT

    duration: Lasting | None = None
    """The longest time from the first step until the end state is proven: the RTO of a restore."""
    failed_requests: Share | None = None
    """The largest share of the customers' requests in the drill's scope, from its begin until everything is put back, that may be not good."""
    loss: Seconds | None = None
    """The largest loss window: how long before the drill's instant (for a restore, its target) the oldest acknowledged write lies that is missing."""
    refusal: Lasting | None = None
    """The longest time for which writes may not be accepted: of a range that moves, by the fence and by what its customers waited; of other drills, at the
    shards of the scope, between two acknowledged writes."""
    stopped: Share | None = None
    """The release is bad, and the deploy must stop by itself while the release gets at most this share of the requests, and go back. It is no verdict
    of its own: without it a deploy that stopped has failed, with it one that did not."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A procedure of the operators that is carried out under load. Its kind (the catalogue in ``closeshave/drills``) says its steps, the proof of its end
    state, and how everything is put back afterwards."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID)]
    """The name of the drill, as verdicts refer to it: small letters, digits and dashes; unique among the plan's drills and faults."""
    kind: Annotated[str, stated(pattern=FAULT_KIND)]
    """``family.name``, one of the catalogue of drills."""
    phase: str
    """Name of the phase in which it is carried out; its role must be ``fault``."""
    at: Seconds
    """Start of the first step, in seconds after the start of its phase."""
    limit: Lasting = 60.0
    """The longest time that it may take. After it the drill is ended, everything is put back, and the drill has failed."""
    scope: Mapping[str, Place] = field(default_factory=dict)
    """The part that it works on: ``shard: 1``, as the kind needs it."""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameters of the kind, such as ``back``; the others have their defaults."""
    expected: DrillBounds = DrillBounds()
    """What it may take and cost."""
    claims: tuple[str, ...] = ()
    """IDs of the target's promises that this drill tests, such as ``E27``; its verdicts answer them."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id):
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes")
        if not re.fullmatch(FAULT_KIND, self.kind):
            raise ValueError(f"kind {self.kind!r}: write family.name, like database.switchover")
        if self.limit <= 0:
            raise ValueError("limit must be longer than 0")

    @property
    def hold(self) -> float:
        """For how many seconds it may be under way."""
        return self.limit

    @property
    def family(self) -> str:
        """``database`` or ``restore``."""
        return self.kind.split(".")[0]


Disruption = Fault | Drill
"""What a plan does to its platform at an instant."""

PER_SESSION: Mapping[str, float] = MappingProxyType(
    {"slots": 6.9, "login": 0.58, "book": 0.33, "reschedule": 0.03, "cancel": 0.1, "pay_intent": 0.15, "pay_confirm": 0.17}
)
"""Means of ``booking.py``, counted by ``python -m closeshave.traffic.means``. Log-ins are counted as if every profile request began with one."""


@dataclass(frozen=True, slots=True)
class LocustFile:
    """A Locust file of your own instead of a scenario: plain users of Locust, no class of this harness."""

    __pydantic_config__ = STRICT

    file: str
    """The file: a path from the plan's own directory, or an absolute one."""
    model: Literal["open", "closed"] = "open"
    """``open``: each arrival of ``sessions_per_s`` is a new user, however many others are not finished. ``closed``: a number of users, each of which does
    one task after the other, so that a slow platform gets fewer requests."""
    users: Annotated[Count, Field(le=100_000)] | None = None
    """Closed model: the users at the plan's highest ``sessions_per_s``; fewer in proportion where that is lower, all of them in a phase with replayed
    arrivals. Left out if the file has a ``LoadTestShape``, which then decides alone."""
    tasks_per_visit: Annotated[Count, Field(le=100_000)] | None = None
    """The tasks that a user does before it leaves. By default, in the open model, as many as the longest ``SequentialTaskSet`` of the file has, else one;
    in the closed model users stay until the end, and one that leaves is replaced by a new one."""
    canary: str | None = None
    """The task whose request is the canary, like ``Shopper.look``: it is sent at the steady rate of ``canaries``, and recovery is measured by it.
    Choose a task that sends one request. Without it recovery is not asked."""
    shard: WholeNumber | None = None
    """The shard to which the file's requests belong; needed where the environment has several."""
    effects: bool = False
    """Whether the file says what its requests booked, by ``closeshave.traffic.effects.report``. Otherwise integrity and data loss are not asked,
    because nobody said what a booking is."""

    def __post_init__(self) -> None:
        if self.users is not None and self.model == "open":
            raise ValueError("users is for the closed model; in the open model sessions_per_s says how many users arrive")
        if 0 in {self.users, self.tasks_per_visit}:
            raise ValueError("users and tasks_per_visit must be at least 1")

    def shard_in(self, topology: Topology) -> int:
        """The shard to which its requests belong; 0 if there are several and the plan names none."""
        if self.shard is not None:
            return self.shard
        return topology.shards[0].id if len(topology.shards) == 1 else 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The customers of a plan."""

    __pydantic_config__ = STRICT

    scenario: str = "booking.py"
    """What customers do: a Locust file, by its path from the plan's directory or by its name below ``scenarios/``."""
    processes: Annotated[Count, Field(le=256)] = 1
    """Processes that share the customers' load; about one for each processor that the platform does not need."""
    profile: str = "flat"
    """How the rate follows the time of day: the name of a traffic profile of the scenarios."""
    zipf: Annotated[NotNegative, Field(le=10)] = 0.8
    """Exponent of the franchises' popularity: the franchise of rank r is chosen in proportion to 1 / r^zipf. At 0 all are equally popular."""
    popular_ids: Literal["shuffled", "oldest-first"] = "shuffled"
    """Whether popularity is independent of the franchise ID or follows it (older franchises are larger)."""
    roaming: Fraction = 0.02
    """Share of sessions that enter through a region other than the franchise's home, from 0 to 1."""
    think_time_scale: NotNegative = 1.0
    """Multiplies every think time, in which a customer reads and decides: below 1 for short plans."""
    contests_per_s: NotNegative = 1.0
    """Contests per second: pairs of customers who request the same slot at the same time. Without them no double booking can happen."""
    locust: LocustFile | None = None
    """A Locust file of your own instead of ``scenario``. Of the other keys only ``processes``, ``profile`` and ``requests_per_session`` then apply."""

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise ValueError("processes must be at least 1")

    per_session: Annotated[Mapping[str, NotNegative], stated(propertyNames={"enum": sorted(OPERATIONS)})] = field(
        default_factory=lambda: dict(PER_SESSION)
    )
    """The scenario's mean number of requests of one session, by operation. With it a plan is checked against limits per client address before it
    starts."""
    requests_per_session: Positive = 11.0
    """The scenario's mean number of requests of one session. With it a plan is checked against a platform's caps before it starts. The default was
    measured on ``booking.py``."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """Probes at a steady rate that show when a scope works again. A probe is one request: writes and their reads alternate."""

    __pydantic_config__ = STRICT

    home_per_s: Positive = 10.0
    """Probes per second for each shard, from its home region. They set the resolution of recovery times: at 10 it is 0.1 s at best."""
    away_per_s: NotNegative = 1.0
    """Probes per second for each shard, from each other region."""
    latency: Lasting = 1.0
    """A probe slower than this does not count as service restored."""
    hold: Lasting = 5.0
    """How long a scope's objectives must hold before it counts as recovered."""
    restored_share: Annotated[Share, stated(minimum=0.5, exclusiveMaximum=1, **_NEITHER_FEW_NOR_ALL)] = 0.95
    """The share of probes that must be good for service to count as restored. Failures below the rest count as noise, not as an outage."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.restored_share < 1.0:
            raise ValueError("restored_share is at least 50% and below 100%: samples cannot show that no request ever fails")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits at which a trial stops in any case."""

    __pydantic_config__ = STRICT

    duration: Lasting
    """The longest time that the load lasts, longer calm phases included; the phases must fit into it."""
    requests: Annotated[Count, Field(le=10**10)]
    """The most requests that customers and canaries send in all; canaries use up to half of it."""


@dataclass(frozen=True, slots=True)
class Nemesis:
    """Random faults, drawn from a seed and within limits. They are drawn before anything starts; ``validate`` shows them."""

    __pydantic_config__ = STRICT

    phase: str
    """Name of the fault phase in which the faults are drawn."""
    kinds: Annotated[tuple[str, ...], stated(minItems=1)]
    """Patterns of kinds to draw from, like ``shard.*``."""
    every: Lasting
    """Mean time from one injection to the next in seconds; each gap is drawn between 0.5 and 1.5 times this."""
    hold: Lasting
    """How long each fault is in effect before it is healed."""
    overlap_max: Annotated[WholeNumber, Field(le=100), stated(minimum=1)] = 1
    """Faults in effect at the same time, those of the plan included."""
    rest: Seconds = 30.0
    """Seconds without injections after a fault's hold: a fault that is injected during a recovery would measure that recovery."""
    scopes: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """Where faults may be injected, by key of a scope, as in ``region: [us-west-2]``; everywhere by default."""
    seed: WholeNumber | None = None
    """Chooses the faults; the plan's seed by default."""

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError("kinds must name at least one pattern, like shard.*")
        if self.every <= 0 or self.hold <= 0:
            raise ValueError("every and hold must be longer than 0")
        if empty := [key for key, places in self.scopes.items() if not places]:
            raise ValueError(f"scopes: name at least one {empty[0]}, or leave it out to allow all")
        if self.overlap_max < 1:
            raise ValueError("overlap_max must be at least 1")


@dataclass(frozen=True, slots=True)
class Aborts:
    """Abort rules: when a trial stops by itself and heals at once."""

    __pydantic_config__ = STRICT

    budget: Annotated[Quantity, Field(le=1000), stated(exclusiveMinimum=0, maximum=1000)] = 1.0
    """Share of the target's 30-day error budget that the run may burn; ``100%`` is all of it."""
    leakage: Annotated[Share, stated(exclusiveMinimum=0, **_NOT_NONE)] = 0.5
    """Share of customers' requests outside the scopes of all faults in effect that may be not good."""
    window: Lasting = 10.0
    """For how long leakage must last before the trial stops."""
    integrity: bool | None = None
    """Stop at the first breach that can be seen during the load: two acknowledged bookings of one slot.

    By default true for a real platform, and false for the stand-in, where a breach does no harm and the run is better judged to its end.
    """
    blind: Lasting = 15.0
    """For how many seconds no canary may be recorded: without canaries the effect of a fault is not measured."""

    def __post_init__(self) -> None:
        if not (self.budget > 0 and 0 < self.leakage <= 1 and self.window > 0 and self.blind > 0):
            raise ValueError("budget, window and blind must be above 0; leakage must be above 0 and at most 100%")


GATE_METRIC = r"^(p50|p95|p99)/[a-z_]+$|^(not-good|cpu-per-request|cache-misses)$"
GATE_SHARES = frozenset({"not-good", "cache-misses"})
"""Metrics of a gate that are shares of requests; changes of all others are ratios."""
GATE_METRICS_MAX = 5
"""Each further metric makes the gate less likely to notice a change of any of them."""
GATE_BLOCKS = (5, 10)
"""The fewest blocks of a stage that say enough, and the most whose exact test takes no time."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How ``closeshave gate`` compares a candidate with a base. Of every metric, more is worse."""

    __pydantic_config__ = STRICT

    metrics: Annotated[
        tuple[Annotated[str, stated(pattern=GATE_METRIC)], ...], stated(minItems=1, maxItems=GATE_METRICS_MAX, uniqueItems=True)
    ] = ("p95/book", "p95/slots", "not-good", "cpu-per-request", "cache-misses")
    """The key metrics, at most five: ``p50/OPERATION``, ``p95/OPERATION`` or ``p99/OPERATION`` for a response time, ``not-good`` for the share of requests
    that were not answered well, ``cpu-per-request`` for the platform's processor time, ``cache-misses`` for the share of lookups that the cache could
    have served and did not."""
    tolerate: Share = 0.02
    """An increase of times and processor time up to this never counts as worse."""
    tolerate_share: Share = 0.002
    """The same for shares of requests, as a difference of the shares."""
    notice: Annotated[Share, stated(exclusiveMinimum=0, **_NOT_NONE)] = 0.05
    """*Same* is said only if an increase of times and processor time of this size would have been noticed, and is ruled out; else *unknown*."""
    notice_share: Annotated[Share, stated(exclusiveMinimum=0, **_NOT_NONE)] = 0.01
    """The same for shares of requests, as a difference of the shares."""
    blocks: Annotated[Count, stated(minimum=GATE_BLOCKS[0], maximum=GATE_BLOCKS[1])] = 6
    """Blocks of a stage, each of two legs of the base and two of the candidate. A second stage of as many is run only if the first is suspicious."""
    repeats: Annotated[WholeNumber, stated(maximum=GATE_BLOCKS[1])] = 3
    """How many blocks of a stage may be thrown away and repeated, because the machine disturbed one of their legs."""
    trend: Literal["warns", "gates"] = "warns"
    """What ``closeshave trend`` does about a change for the worse that is still there: ``gates`` ends it with exit code 1."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.metrics) <= GATE_METRICS_MAX:
            raise ValueError(f"metrics must name 1 to {GATE_METRICS_MAX}")
        if len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics must differ")
        for metric in self.metrics:
            if not re.fullmatch(GATE_METRIC, metric):
                near = meant(metric, ("not-good", "cpu-per-request", "cache-misses", *(f"p95/{name}" for name in OPERATIONS)))
                raise ValueError(f"{metric!r} is not a metric{near}; use p95/OPERATION, not-good, cpu-per-request or cache-misses")
            operation = metric.partition("/")[2]
            if operation and operation not in OPERATIONS:
                raise ValueError(
                    f"{metric!r}: {operation!r} is not an operation{meant(operation, OPERATIONS)}; use one of {', '.join(OPERATIONS)}"
                )
        if not (self.notice > self.tolerate and self.notice_share > self.tolerate_share):
            raise ValueError("notice must be above tolerate, and notice_share above tolerate_share: what is tolerated is not looked for")
        if not GATE_BLOCKS[0] <= self.blocks <= GATE_BLOCKS[1]:
            raise ValueError("blocks must be from {} to {}".format(*GATE_BLOCKS))
        if self.repeats > GATE_BLOCKS[1]:
            raise ValueError(f"repeats must be at most {GATE_BLOCKS[1]}")


@dataclass(frozen=True, slots=True)
class Waiver:
    """A known failure that does not count until a day. It is shown all the time, with its owner; the day after, it counts again."""

    __pydantic_config__ = STRICT

    verdict: Annotated[str, stated(minLength=1)]
    """The ID of the verdict, like ``integrity/lost`` or ``gate/p95/book``, or a pattern of IDs, like ``latency/*``. Checks that say whether a run can be
    trusted cannot be waived, and a run of which every promise is waived is inconclusive."""
    owner: Annotated[str, stated(minLength=1)]
    """Who sees to it that the failure is corrected."""
    reason: Annotated[str, stated(minLength=1)]
    """Why it is known and accepted until then."""
    until: Day
    """The last day on which it is waived, as in ``2026-12-24``, by UTC."""

    def __post_init__(self) -> None:
        if not (self.verdict.strip() and self.owner.strip() and self.reason.strip()):
            raise ValueError("verdict, owner and reason must not be empty")


def wrong_probes(patterns: Sequence[str]) -> str:
    """What is wrong with names of probes, or patterns of them; empty when nothing is. Whether there are such probes is not known here."""
    wrong = next((name for name in patterns if not re.fullmatch(PROBE, name)), None)
    if wrong is not None:
        return f"{wrong!r} is no name of a probe; write family.name, or family.* for all of a family"
    return "name each probe once" if len(set(patterns)) < len(patterns) else ""


@dataclass(frozen=True, slots=True)
class ProbeRound:
    """Functional checks that are asked once, while the load runs: of ``closeshave probe``, and not those of installed packages."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID)]
    """The name of the round, as verdicts refer to it (``probe/ID/NAME``): small letters, digits and dashes; unique among the plan's rounds."""
    phase: str
    """Name of the phase in which it is asked; in a fault phase it counts as tried under a fault."""
    at: Seconds
    """When it begins, in seconds after the start of its phase."""
    probes: Annotated[tuple[Annotated[str, stated(pattern=PROBE)], ...], stated(minItems=1, uniqueItems=True)]
    """Names of probes, or patterns: ``tenants.*``. Only those that read, and those that make bookings of their own."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id):
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes")
        if not self.probes:
            raise ValueError("name at least one probe, like tenants.*")
        if wrong := wrong_probes(self.probes):
            raise ValueError(wrong)


ON_WORD = "on my word"
"""In place of an instant: the facilitator says when."""
Told = tuple[PersonRole, ...]


def when(text: object) -> float | None:
    """Seconds, as :func:`closeshave.files.yamlfile.seconds` reads them; ``None`` for :data:`ON_WORD`. Raises :class:`ValueError`."""
    if text == ON_WORD or text is None:
        return None
    try:
        return seconds(text)
    except ValueError as error:
        if "ten years" in str(error):
            raise
        raise ValueError(f"{text!r} is neither a duration, like 5m, nor {ON_WORD!r}") from None


When = Annotated[
    float | None,
    BeforeValidator(when),
    WithJsonSchema({"anyOf": [DURATION_SCHEMA, {"const": ON_WORD}]}),
    PlainSerializer(lambda at_s: ON_WORD if at_s is None else duration_text(at_s), when_used="json"),
]


class LiveFigure(StrEnum):
    """A figure of the running load that a go/no-go condition can ask for, over the last ten seconds."""

    OFFERED = "offered"
    """Requests of customers that were due, per second."""
    COMPLETED = "completed"
    """Answers to customers, per second."""
    NOT_GOOD = "not-good"
    """Share of the answers that are not the promised ones."""
    P50 = "p50"
    """Median of the response time."""
    P95 = "p95"
    """95th percentile of the response time."""
    BUDGET = "budget-burnt"
    """Share of the month's error budget that the run has cost so far."""

    @property
    def written(self) -> Callable[[object], float]:
        """How a bound on it is written: a duration, a share or a plain number."""
        if self in {LiveFigure.P50, LiveFigure.P95}:
            return seconds
        return plain if self in {LiveFigure.OFFERED, LiveFigure.COMPLETED} else share


@dataclass(frozen=True, slots=True)
class GoCondition:
    """A condition for an inject to begin. What is not known does not hold."""

    __pydantic_config__ = STRICT

    figure: LiveFigure
    """Which figure of the running load."""
    at_most: Quantity | None = None
    """The largest value with which it holds: a duration for ``p50`` and ``p95``, a percentage for ``not-good`` and ``budget-burnt``, else a number."""
    at_least: Quantity | None = None
    """The smallest one."""
    region: str | None = None
    """The region whose customers count; without it all of them."""

    def __post_init__(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise ValueError("give at_most or at_least")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most: it could never hold")
        if self.region is not None and self.figure in {LiveFigure.OFFERED, LiveFigure.BUDGET}:
            raise ValueError(f"{self.figure} is known for all regions together only")


@dataclass(frozen=True, slots=True)
class Inject:
    """A card of a game day: what happens to the platform or is told to people, when, and what they should do."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID, maxLength=64)]
    """The name of the inject: small letters, digits and dashes; unique among the plan's injects."""
    title: Annotated[str, stated(minLength=1, maxLength=120)]
    """What stands on the card."""
    when: When
    """The time after the begin of the fault phase, by the clock that people hold, or ``on my word``: when the facilitator says so."""
    fault: str | None = None
    """ID of the plan's fault that it begins. Its own ``at`` then counts only for ``closeshave run``, and for what may be in effect together."""
    drill: str | None = None
    """ID of the plan's drill that it begins."""
    message: Annotated[str, stated(maxLength=2000)] = ""
    """What is told to those in ``told``. An inject without a fault and a drill is only a message."""
    told: Annotated[Told, stated(uniqueItems=True)] = ()
    """Who is told when it begins."""
    hypothesis: Annotated[str, stated(maxLength=1000)] = ""
    """What the platform is expected to do."""
    expected: Annotated[str, stated(maxLength=1000)] = ""
    """What people are expected to do."""
    plausible: Annotated[str, stated(maxLength=1000)] = ""
    """Why this may really happen, for a register of tests."""
    go_if: Annotated[tuple[GoCondition, ...], stated(maxItems=20)] = ()
    """Conditions on the running load; all must hold. The facilitator's *now* begins it all the same."""
    hidden: bool = False
    """Nobody but facilitators sees it until it is revealed."""
    runbook: str | None = None
    """A Markdown file: a path from the plan's directory, below it. The items of its lists are the steps."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id) or len(self.id) > 64:
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes, at most 64")
        for key, most in (("title", 120), ("message", 2000), ("hypothesis", 1000), ("expected", 1000), ("plausible", 1000)):
            if len(getattr(self, key)) > most:
                raise ValueError(f"{key} is longer than {most} characters")
        if not self.title.strip():
            raise ValueError("title must not be empty")
        if self.fault is not None and self.drill is not None:
            raise ValueError("an inject begins one fault or one drill, not both")
        if self.begins is None and not self.message.strip():
            raise ValueError("give fault, drill or message: otherwise nothing happens")
        if self.message and not self.told:
            raise ValueError("told must say who gets the message")
        if len(set(self.told)) < len(self.told) or len(self.go_if) > 20:
            raise ValueError("name each of told once; at most 20 conditions")

    @property
    def begins(self) -> str | None:
        """ID of its fault or drill; ``None`` for a message."""
        return self.fault if self.fault is not None else self.drill


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that a fault must raise."""

    __pydantic_config__ = STRICT

    fault: str
    """The ID of the fault."""
    alert: Annotated[str, stated(pattern=ALERT)]
    """The name of the rule."""
    severity: Literal["critical", "high", "medium", "low"]
    """As which the alert must be classified: its label ``severity``."""
    claims: tuple[str, ...] = ()
    """IDs of the target's promises that are kept if it is raised."""

    def __post_init__(self) -> None:
        if not re.fullmatch(ALERT, self.alert):
            raise ValueError(f"alert {self.alert!r}: the name of a rule has letters, digits and underscores")


@dataclass(frozen=True, slots=True)
class AlertsAsked:
    """What the plan asks of the environment's monitoring; with it, the harness receives its alerts."""

    __pydantic_config__ = STRICT

    expected: Annotated[tuple[ExpectedAlert, ...], stated(maxItems=MOST_PARTS)] = ()
    """Which fault must raise which alert."""
    silent_within: Lasting = 60.0
    """How long after a fault is proven healed its alerts may go on. What begins to fire in this time counts as the fault's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The description of a trial."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the plan, as runs and reports refer to it."""
    environment: str
    """The environment file that the trial runs on: a name in ``environments/``, or a path."""
    target: str
    """The target file whose objectives are judged: a name in ``environments/targets/``, or a path."""
    seed: WholeNumber
    """The same seed gives the same arrivals, customers and decisions."""
    limits: Limits
    """Limits at which the trial stops in any case."""
    phases: Annotated[tuple[Phase, ...], stated(minItems=1, maxItems=MOST_PARTS)]
    """The phases of the trial, in order."""
    faults: Annotated[tuple[Fault, ...], stated(maxItems=MOST_PARTS)] = ()
    """The faults to inject, with their instants and lengths; none in a plan of load alone."""
    drills: Annotated[tuple[Drill, ...], stated(maxItems=MOST_PARTS)] = ()
    """The drills to carry out: what operators do, such as a restore or a switchover, under load, timed and proven."""
    traffic: Traffic = Traffic()
    """Who the customers are and what they do."""
    canaries: Canaries = Canaries()
    """The probes that measure recovery."""
    nemesis: Nemesis | None = None
    """Faults drawn at random, in addition to those of ``faults``."""
    aborts: Aborts = Aborts()
    """When the trial stops by itself and heals."""
    rate: Literal["auto", "fixed"] = "fixed"
    """``auto``: on the harness's own environment, a calibration multiplies the rates by the share that this machine sustains, at most 1."""
    description: str = ""
    """A description for readers."""
    probes: tuple[str, ...] = ()
    """Names of probes of installed packages that are asked while the load runs; what they see is noted on the timeline."""
    rounds: Annotated[tuple[ProbeRound, ...], stated(maxItems=MOST_PARTS)] = ()
    """Rounds of functional probes that are asked while the load runs, on an environment that the harness starts; each probe becomes a verdict."""
    alerts: AlertsAsked | None = None
    """Asks for alerts: the monitoring of an environment that the harness starts is started too, and every alert is recorded. Without it nobody listens."""
    tests: tuple[str, ...] = ()
    """IDs of the target's objectives that this plan tests, or patterns of them; all that its phases and faults can judge by default."""
    inject: Annotated[tuple[Inject, ...], stated(maxItems=MOST_PARTS)] = ()
    """The cards of a game day (``closeshave gameday``), in order. ``closeshave run`` carries the same faults out by their own instants, without people."""
    gate: Gate = Gate()
    """How two releases are compared under this plan."""
    every: Lasting | None = None
    """How often it is to be carried out, as in ``7d``: ``closeshave schedule`` shows when it was, and when it is due."""
    waive: tuple[Waiver, ...] = ()
    """Known failures that do not count until a day, in addition to those of the target."""

    @property
    def disruptions(self) -> tuple[Disruption, ...]:
        """Its faults and its drills."""
        return (*self.faults, *self.drills)

    @property
    def probed(self) -> bool:
        """Whether canaries probe the platform. A user's own Locust file must name a task for that."""
        own = self.traffic.locust
        return own is None or own.canary is not None

    @property
    def tells_effects(self) -> bool:
        """Whether senders record what their requests changed, so that integrity can be judged."""
        own = self.traffic.locust
        return own is None or own.effects

    @property
    def exercise(self) -> Phase:
        """The phase of a game day that people hold the clock of: the last one."""
        return self.phases[-1]

    @property
    def duration_s(self) -> float:
        """Length of all phases together, in seconds."""
        return sum(phase.duration for phase in self.phases)

    def scaled(self, factor: float) -> Plan:
        """The same plan with ``factor`` times its rates of sessions, contests and canaries, and of the largest number of requests.

        A canary's rate determines the resolution of recovery times.
        """
        if factor == 1:
            return self
        return replace(
            self,
            limits=replace(self.limits, requests=math.ceil(self.limits.requests * factor)),
            phases=tuple(replace(phase, sessions_per_s=phase.sessions_per_s * factor) for phase in self.phases),
            traffic=replace(self.traffic, contests_per_s=self.traffic.contests_per_s * factor, locust=_scaled(self.traffic.locust, factor)),
            canaries=replace(self.canaries, home_per_s=self.canaries.home_per_s * factor, away_per_s=self.canaries.away_per_s * factor),
        )

    def lasting(self, lengths_s: tuple[float, ...]) -> Plan:
        """The same plan with phases of these lengths, in seconds and in order. Raises :class:`ValueError` for another number of lengths."""
        phases = tuple(replace(phase, duration=length_s) for phase, length_s in zip(self.phases, lengths_s, strict=True))
        return replace(self, phases=phases)

    @property
    def peak_per_s(self) -> float:
        """The highest rate of sessions in any phase, per second."""
        return max((phase.sessions_per_s for phase in self.phases), default=0.0)

    @property
    def calm_s(self) -> float:
        """Length of all calm phases together, in seconds."""
        return sum(phase.duration for phase in self.phases if phase.role is Role.CALM)

    def starts_s(self, name: str) -> float:
        """When the phase starts, in seconds after the start of the trial. Raises :class:`KeyError`."""
        elapsed = 0.0
        for phase in self.phases:
            if phase.name == name:
                return elapsed
            elapsed += phase.duration
        raise KeyError(name)


def _scaled(own: LocustFile | None, factor: float) -> LocustFile | None:
    if own is None or own.users is None:
        return own
    return replace(own, users=max(1, round(own.users * factor)))


def read_plan(path: Path) -> Plan:
    """Read and check a plan. Raises :class:`InvalidFile` with every problem found."""
    plan = read(path, Plan)
    raw = document(path)
    problems = [
        Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message)
        for location, message in (*_inconsistencies(plan), *_misfits(plan, raw))
    ]
    if problems:
        raise InvalidFile(*problems)
    return plan


_Trouble = tuple[tuple[str | int, ...], str]
"""The key of a problem in a plan, and how to correct it."""


def _inconsistencies(plan: Plan) -> list[_Trouble]:
    found: list[_Trouble] = []
    phases = {phase.name: phase for phase in plan.phases}
    if long := next((key for key in ("phases", "faults", "drills", "rounds", "inject") if len(getattr(plan, key)) > MOST_PARTS), None):
        return [((long,), f"at most {MOST_PARTS:,}")]
    if not plan.phases:
        found.append((("phases",), "a plan needs at least one phase"))
    if len(phases) != len(plan.phases):
        found.append((("phases",), "phase names must differ"))
    if plan.duration_s > plan.limits.duration:
        found.append(
            (("limits", "duration"), f"the phases last {plan.duration_s:g} s, longer than the limit of {plan.limits.duration:g} s")
        )
    return [
        *found,
        *_wrong_rate(plan),
        *_wrong_means(plan),
        *_wrong_faults(plan, phases),
        *_wrong_drills(plan, phases),
        *_wrong_nemesis(plan, phases),
        *_wrong_rounds(plan, phases),
        *_wrong_injects(plan),
        *_wrong_alerts(plan),
    ]


def _wrong_rate(plan: Plan) -> Iterator[_Trouble]:
    if plan.rate == "auto" and plan.traffic.locust is not None:
        yield ("rate",), "a calibration needs the journeys of the harness; with a Locust file of your own write rate: fixed"
    if plan.rate == "auto" and (files := [phase.name for phase in plan.phases if isinstance(phase.shape, Replayed)]):
        yield ("rate",), f"the arrivals of {files[0]} are replayed from a file and cannot be scaled; write rate: fixed"


def _wrong_means(plan: Plan) -> Iterator[_Trouble]:
    """Means of operations that no scenario can send: they would be left out of what is checked before the start."""
    for name in plan.traffic.per_session:
        if name not in OPERATIONS:
            said = f"{name!r} is not an operation{meant(name, OPERATIONS)}; available: {', '.join(OPERATIONS)}"
            yield ("traffic", "per_session", name), said


def _wrong_faults(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[_Trouble]:
    if len({fault.id for fault in plan.faults}) != len(plan.faults):
        yield ("faults",), "fault IDs must differ"
    for index, fault in enumerate(plan.faults):
        if trouble := _no_fault_phase(fault.phase, phases):
            yield ("faults", index, "phase"), trouble
        elif fault.at + fault.hold > (lasts := phases[fault.phase].duration):
            yield ("faults", index, "hold"), f"at + hold is {fault.at + fault.hold:g} s, past the end of its phase ({lasts:g} s)"


def _wrong_drills(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[_Trouble]:
    if len({drill.id for drill in plan.drills}) != len(plan.drills):
        yield ("drills",), "drill IDs must differ"
    for shared in sorted({drill.id for drill in plan.drills} & {fault.id for fault in plan.faults}):
        yield ("drills",), f"{shared!r} is the ID of a fault too; drills and faults need different IDs"
    for index, drill in enumerate(plan.drills):
        if trouble := _no_fault_phase(drill.phase, phases, "drills"):
            yield ("drills", index, "phase"), trouble
        elif drill.at + drill.limit > (lasts := phases[drill.phase].duration):
            yield ("drills", index, "limit"), f"at + limit is {drill.at + drill.limit:g} s, past the end of its phase ({lasts:g} s)"


def _wrong_nemesis(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[_Trouble]:
    if plan.nemesis is None:
        return
    if trouble := _no_fault_phase(plan.nemesis.phase, phases):
        yield ("nemesis", "phase"), trouble
    elif plan.nemesis.hold > (lasts := phases[plan.nemesis.phase].duration):
        yield ("nemesis", "hold"), "is longer than its phase"
    elif lasts / plan.nemesis.every > MOST_PARTS:
        yield ("nemesis", "every"), f"asks for {lasts / plan.nemesis.every:,.0f} faults in its phase; at most {MOST_PARTS:,}"
    for key, planned in (("faults", plan.faults), ("drills", plan.drills)):
        if taken := [each.id for each in planned if each.id.startswith("nemesis-")]:
            yield (key,), f"the IDs of drawn faults begin with nemesis-; call {', '.join(taken)} something else"


def _wrong_rounds(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[_Trouble]:
    if len({each.id for each in plan.rounds}) != len(plan.rounds):
        yield ("rounds",), "IDs of rounds must differ"
    for index, each in enumerate(plan.rounds):
        if each.phase not in phases:
            said = f"{each.phase!r} is not a phase of this plan{meant(each.phase, phases)}; available: {', '.join(phases)}"
            yield ("rounds", index, "phase"), said
        elif each.at >= (lasts := phases[each.phase].duration):
            yield ("rounds", index, "at"), f"{each.at:g} s is past the end of its phase ({lasts:g} s)"


def _wrong_injects(plan: Plan) -> Iterator[_Trouble]:
    """The exercise of a game day is the plan's last phase."""
    if not plan.inject:
        return
    exercise = plan.phases[-1] if plan.phases else None
    if exercise is None or exercise.role is not Role.FAULT:
        yield ("inject",), "the last phase is the exercise, as long as it may last; its role must be fault"
        return
    if len({each.id for each in plan.inject}) != len(plan.inject):
        yield ("inject",), "IDs of injects must differ"
    begun: set[str] = set()
    latest_s = 0.0
    for index, each in enumerate(plan.inject):
        yield from _wrong_inject(plan, index, exercise, begun)
        begun |= {each.begins} if each.begins is not None else set()
        if each.when is not None and each.when < latest_s:
            yield ("inject", index, "when"), "is before that of an inject above it: list them in the order of their instants"
        latest_s = max(latest_s, each.when or 0.0)


def not_by_people(plan: Plan) -> Iterator[_Trouble]:
    """What keeps a plan from being a game day, although it can be run: something in it begins without a person. Each with the key."""
    if not plan.inject:
        yield ("inject",), "is missing: a game day needs at least one inject"
    if plan.nemesis is not None:
        yield ("nemesis",), "a game day has no random faults: people hold its clock"
    begun = {each.begins for each in plan.inject}
    listed: tuple[tuple[str, Sequence[Disruption]], ...] = (("faults", plan.faults), ("drills", plan.drills))
    for key, planned in listed:
        for index, one in enumerate(planned):
            if one.id not in begun:
                yield (key, index, "id"), f"no inject begins {one.id}, and in a game day nothing else does"


def _wrong_inject(plan: Plan, index: int, exercise: Phase, begun: AbstractSet[str]) -> Iterator[_Trouble]:
    """What is wrong with one inject; ``begun`` are the faults and drills of those above it."""
    each = plan.inject[index]
    hold_s = 0.0
    for key, planned in (("fault", plan.faults), ("drill", plan.drills)):
        name, there = getattr(each, key), {one.id: one for one in planned}
        if name is not None and name not in there:
            available = ", ".join(there) or "none"
            yield ("inject", index, key), f"{name!r} is not a {key} of this plan{meant(name, there)}; available: {available}"
        elif name is not None:
            hold_s = there[name].hold
            if there[name].phase != exercise.name:
                yield ("inject", index, key), f"{name} is in phase {there[name].phase}; the exercise is the last one, {exercise.name}"
    if each.begins in begun:
        yield ("inject", index), f"{each.begins} is begun by an inject above it; a fault or drill begins once"
    if each.when is not None and each.when + hold_s > exercise.duration:
        said = f"it would last until {each.when + hold_s:g} s, past the end of the exercise ({exercise.duration:g} s)"
        yield ("inject", index, "when"), said


def _misfits(plan: Plan, raw: Mapping[str, Any]) -> Iterator[_Trouble]:
    """Bounds of conditions that are not written as their figure is: ``5%`` of a response time. The value alone does not tell."""
    for index, each in enumerate(plan.inject):
        for number, condition in enumerate(each.go_if):
            told = raw["inject"][index]["go_if"][number]
            for key in ("at_most", "at_least"):
                if (text := told.get(key)) is None:
                    continue
                try:
                    condition.figure.written(text)
                except ValueError as error:
                    yield ("inject", index, "go_if", number, key), f"{condition.figure}: {error}"


def _wrong_alerts(plan: Plan) -> Iterator[_Trouble]:
    if plan.alerts is None:
        return
    there = {fault.id for fault in plan.faults}
    rows = [(each.fault, each.alert) for each in plan.alerts.expected]
    if len(rows) > MOST_PARTS:
        yield ("alerts", "expected"), f"at most {MOST_PARTS:,}"
        return
    for index, each in enumerate(plan.alerts.expected):
        if each.fault not in there:
            said = f"{each.fault!r} is not a fault of this plan{meant(each.fault, there)}; available: {', '.join(sorted(there)) or 'none'}"
            yield ("alerts", "expected", index, "fault"), said
        elif (each.fault, each.alert) in rows[:index]:
            yield ("alerts", "expected", index), f"{each.alert} is expected of {each.fault} twice"


def _no_fault_phase(name: str, phases: Mapping[str, Phase], what: str = "faults") -> str:
    """Why no fault (``what`` says what) may be in the phase with this name; empty when one may."""
    if name not in phases:
        return f"{name!r} is not a phase of this plan{meant(name, phases)}; available: {', '.join(phases)}"
    if phases[name].role is not Role.FAULT:
        return f"{name!r} is a {phases[name].role} phase; {what} must be in fault phases"
    return ""
