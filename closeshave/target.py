"""Targets: what a platform promises, and the objectives that test it, read from YAML files into frozen values. No effects besides reading the files."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from closeshave.files.closest import meant
from closeshave.files.yamlfile import (
    DURATION_SCHEMA,
    SHARE_SCHEMA,
    STRICT,
    Count,
    Flag,
    InvalidFile,
    Lasting,
    Name,
    NotNegative,
    Positive,
    Problem,
    Quantity,
    Seconds,
    Share,
    document,
    line_of,
    percentage_not,
    plain,
    read,
    seconds,
    share,
    stated,
    whole,
)
from closeshave.plan import PROBE, Fault, Waiver, wrong_probes
from closeshave.vocabulary import IncidentSeverity


class Measure(StrEnum):
    """The measures that an objective can bound."""

    AVAILABILITY = "availability"
    """Share of the intended requests that were answered well."""
    ERROR_RATE = "error_rate"
    """Share of the intended requests that were not answered well: 1 - availability."""
    BURN_RATE = "burn_rate"
    """How many times as fast the 30-day error budget burns as it may, in the window of ``sliding`` and in a twelfth of it at once."""
    LATENCY = "latency"
    """A percentile of the response time: from the instant at which a request was intended to the end of its answer."""
    DATABASE_TIME = "database_time"
    """A percentile of the time that the platform states for its database, in ``Server-Timing``."""
    CACHE_TIME = "cache_time"
    """A percentile of the time that the platform states for its cache, in ``Server-Timing``."""
    CACHE_HIT_RATIO = "cache_hit_ratio"
    """Share of the lookups that the cache answered, as the platform states it."""
    THROUGHPUT = "throughput"
    """Requests that were answered well, per second."""
    RECOVERY = "recovery"
    """Recovery time of a fault (RTA): from the injection until the canaries of its scope are served again."""
    LOSS = "loss"
    """Data loss window of a fault (RPA): how long before the end of the old primary the oldest missing write was acknowledged."""
    LEAKAGE = "leakage"
    """Share of the traffic outside a fault's scope that got worse because of it."""
    ALERT_TIME = "alert_time"
    """From the first customer whom a fault harmed until the first alert that the plan expects of it (``alerts`` in a plan)."""
    ALERT_RULES = "alert_rules"
    """Rules that the monitoring had, each with a severity and a category."""
    ALERT_CATEGORIES = "alert_categories"
    """Categories of which a fault raised an alert: infrastructure, application, database, business, security."""
    FALSE_ALARMS = "false_alarms"
    """Alerts that began in a calm phase, when no fault was there or had just been healed."""
    INTEGRITY = "integrity"
    """Breaches of the invariants, counted over the whole run."""
    TIME_TO_DETECT = "time_to_detect"
    """Mean over the incidents of a game day: from the first harmed customer until a person marked it as noticed."""
    TIME_TO_ACKNOWLEDGE = "time_to_acknowledge"
    """The longest of the incidents of a game day: from the first harmed customer until a person marked it as acknowledged."""
    TIME_TO_RESOLVE = "time_to_resolve"
    """Mean over the incidents of a game day: from the first harmed customer until people marked it as resolved and customers were served again."""
    RESOLVED_UNAIDED = "resolved_unaided"
    """Share of the incidents of a game day after which the platform served again before a person acted and before the harness healed it."""
    RESILIENCE = "resilience"
    """The resilience score: the mean over all families of failure of the share of tested promises that were kept."""


@dataclass(frozen=True, slots=True)
class MeasureKind:
    """The properties of a measure. A new measure needs a member of :class:`Measure`, a row in :data:`MEASURES`, and a judge."""

    title: str
    """The title in reports."""
    figure: Literal["time", "share", "rate", "number", "count"]
    """The form of its bounds in files; breaches (``count``) have no bound."""
    unit: Literal["s", "ratio", "1/s", "times", "count"]
    """The unit of a verdict's figures."""
    of: Literal["requests", "fault", "people", "run"]
    """What it measures: customers' requests in a window of time, the effect of one fault, people in a game day, or the whole run."""
    more_is_better: bool = False
    """Whether it is bounded by ``at_least``; all others are bounded by ``at_most``."""


MEASURES: Mapping[Measure, MeasureKind] = MappingProxyType(
    {
        Measure.AVAILABILITY: MeasureKind("Availability", "share", "ratio", "requests", more_is_better=True),
        Measure.ERROR_RATE: MeasureKind("Error rate", "share", "ratio", "requests"),
        Measure.BURN_RATE: MeasureKind("Burn rate of the error budget", "rate", "times", "requests"),
        Measure.LATENCY: MeasureKind("Response time", "time", "s", "requests"),
        Measure.DATABASE_TIME: MeasureKind("Database time", "time", "s", "requests"),
        Measure.CACHE_TIME: MeasureKind("Cache time", "time", "s", "requests"),
        Measure.CACHE_HIT_RATIO: MeasureKind("Cache hit ratio", "share", "ratio", "requests", more_is_better=True),
        Measure.THROUGHPUT: MeasureKind("Throughput", "rate", "1/s", "requests", more_is_better=True),
        Measure.RECOVERY: MeasureKind("Recovery time", "time", "s", "fault"),
        Measure.LOSS: MeasureKind("Data loss window", "time", "s", "fault"),
        Measure.LEAKAGE: MeasureKind("Leakage outside its scope", "share", "ratio", "fault"),
        Measure.ALERT_TIME: MeasureKind("Time to alert", "time", "s", "fault"),
        Measure.ALERT_RULES: MeasureKind("Alert rules", "number", "count", "run", more_is_better=True),
        Measure.ALERT_CATEGORIES: MeasureKind("Categories of alerts raised", "number", "count", "run", more_is_better=True),
        Measure.FALSE_ALARMS: MeasureKind("False alarms in calm", "number", "count", "run"),
        Measure.INTEGRITY: MeasureKind("Integrity", "count", "count", "run"),
        Measure.TIME_TO_DETECT: MeasureKind("Time to detect, by people", "time", "s", "people"),
        Measure.TIME_TO_ACKNOWLEDGE: MeasureKind("Time to acknowledge, by people", "time", "s", "people"),
        Measure.TIME_TO_RESOLVE: MeasureKind("Time to resolve, by people", "time", "s", "people"),
        Measure.RESOLVED_UNAIDED: MeasureKind("Incidents resolved without people", "share", "ratio", "people", more_is_better=True),
        Measure.RESILIENCE: MeasureKind("Resilience score", "share", "ratio", "run", more_is_better=True),
    }
)


def _those(**features: object) -> frozenset[Measure]:
    return frozenset(each for each, kind in MEASURES.items() if all(getattr(kind, name) == value for name, value in features.items()))


STEADY = _those(of="requests")
"""Measures of customers' requests in a window of time."""
TIMES = _those(of="requests", figure="time")
"""Measures that are percentiles of a time."""
SHARES = _those(of="requests", figure="share")
"""Measures that are shares of requests."""
PER_FAULT = _those(of="fault")
"""Measures of the effect of one fault."""
OF_PEOPLE = _those(of="people")
"""Measures of the people in a game day."""
OF_ALERTS = frozenset({Measure.ALERT_TIME, Measure.ALERT_RULES, Measure.ALERT_CATEGORIES, Measure.FALSE_ALARMS})
"""Measures of a platform's monitoring: a plan must ask for its alerts."""
FROM_BELOW = _those(more_is_better=True)
"""Measures of which more is better: bounded by ``at_least``, all others by ``at_most``."""


CONFIDENCE_LEAST = 0.5
"""Confidence must be above one half: at one half or below, a pass and a fail could both be proven."""
_BETWEEN: Mapping[str, Any] = MappingProxyType(
    SHARE_SCHEMA | {"exclusiveMinimum": 0, "exclusiveMaximum": 1} | percentage_not(r"0+(\.0+)?", r"0*100(\.0+)?")
)
_CONFIDENCE: Mapping[str, Any] = MappingProxyType(
    {**_BETWEEN, "exclusiveMinimum": CONFIDENCE_LEAST} | percentage_not(r"0*[0-4]?\d(\.\d+)?", r"0*50(\.0+)?", r"0*100(\.0+)?")
)
_READ: Mapping[str, Callable[[object], float]] = MappingProxyType({"time": seconds, "share": share, "rate": plain, "number": whole})
_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "time": "a duration with its unit, like 100ms or 5m",
        "share": "a share: a percentage like 99.9%, or a number from 0 to 1",
        "rate": "a plain number above 0",
        "number": "a whole number from 0 on",
        "count": "a whole number",
    }
)


_ONLY_FOR: Mapping[str, Measure] = MappingProxyType({"invariants": Measure.INTEGRITY, "severities": Measure.ALERT_TIME})
"""Lists of an objective that only one measure has."""


def _stated_rules() -> Iterator[dict[str, Any]]:
    """The rules of :class:`Objective` that a JSON Schema can express, beyond the types of its keys; ``__post_init__`` and :func:`read_target` decide."""
    forms = {
        "time": DURATION_SCHEMA,
        "share": SHARE_SCHEMA,
        "rate": {"type": "number", "exclusiveMinimum": 0},
        "number": {"type": "integer", "minimum": 0},
    }
    never: dict[str, Any] = {"enum": [None]}
    for measure, kind in MEASURES.items():
        side, other = ("at_least", "at_most") if kind.more_is_better else ("at_most", "at_least")
        needs, keys = [side], {side: forms.get(kind.figure, never), other: never}
        if measure is Measure.INTEGRITY:
            needs = []
        if measure in TIMES:
            needs.append("percentile")
        else:
            keys["percentile"] = never
        if measure in PER_FAULT:
            needs.append("faults")
            keys["faults"] = {"minItems": 1}
        if measure is Measure.BURN_RATE:
            needs.append("sliding")
        elif measure not in TIMES | SHARES:
            keys["sliding"] = never
        if measure not in STEADY:
            keys |= {"per": {"const": "all"}, "operations": {"maxItems": 0}, "except_operations": {"maxItems": 0}}
            keys["window"] = {"enum": ["calm", "run", "fault"]}
        keys |= {key: {"maxItems": 0} for key, only in _ONLY_FOR.items() if measure is not only}
        if measure is not Measure.CACHE_HIT_RATIO:
            keys["warm"] = {"const": False}
        keys |= {} if measure in OF_PEOPLE else {"severity": never}
        yield {
            "if": {"properties": {"measure": {"const": measure.value}}, "required": ["measure"]},
            "then": {"required": needs, "properties": keys},
        }
    some = {"minItems": 1}
    others = [measure.value for measure in Measure if measure not in PER_FAULT]
    yield {
        "if": {"properties": {"measure": {"enum": others}, "window": {"not": {"const": "degraded"}}}, "required": ["measure"]},
        "then": {"properties": {"faults": {"maxItems": 0}}},
    }
    yield {
        "if": {"properties": {"window": {"const": "degraded"}}, "required": ["window"]},
        "then": {"required": ["faults"], "properties": {"faults": some}},
    }
    both = {"operations": some, "except_operations": some}
    yield {"not": {"properties": both, "required": [*both]}}
    chosen = {"regions": some}
    yield {"if": {"properties": chosen, "required": [*chosen]}, "then": {"required": ["per"], "properties": {"per": {"const": "region"}}}}


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound on one measure, in one scope and window; each gets at least one verdict."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={"allOf": [*_stated_rules()]})

    id: Name
    """The name of the objective, as verdicts refer to it. Two objectives may share it only for different parts or faults."""
    claims: tuple[str, ...]
    """IDs of the promises that the objective tests; none for a bound of the harness itself."""
    measure: Measure
    """What is bounded. It decides in which unit a bound is written, and which of the other keys apply."""
    at_most: Quantity | None = None
    """Upper bound, for measures of which less is better."""
    at_least: Quantity | None = None
    """Lower bound, for measures of which more is better. ``integrity`` takes neither bound: a single breach fails it."""
    percentile: Annotated[Quantity, stated(**_BETWEEN)] | None = None
    """For latency, database and cache times: between 0% and 100%, both excluded."""
    per: Literal["all", "region", "shard", "operation", "franchise_decile"] = "all"
    """One verdict over everything, or one for each part. Deciles are of traffic: the first holds the hottest franchises."""
    regions: tuple[str, ...] = ()
    """With ``per: region``: only these regions, for a promise that differs from one to the other, as between cities. One that an environment does not
    have leaves the promise inconclusive there."""
    operations: tuple[str, ...] = ()
    """Kinds of operations that count, as the dialect of the API names them (``slots``, ``book``, ``login``); all when empty."""
    except_operations: tuple[str, ...] = ()
    """Kinds of operations that do not count, such as log-ins, which are slow by design and have their own bound."""
    window: Literal["calm", "run", "fault", "degraded"] = "calm"
    """The phases that count: the calm ones, those of faults, or both (``run``). ``degraded``: the time in which a fault of
    ``faults`` is in effect for which the plan expects *degrades*."""
    sliding: Lasting | None = None
    """The objective must hold in every interval of this length, not only over the whole window. For shares, times and the burn rate."""
    faults: tuple[str, ...] = ()
    """For recovery, loss, leakage and ``degraded`` windows: patterns of fault kinds, like ``shard.*``."""
    invariants: tuple[str, ...] = ()
    """For integrity: the breaches that count, like ``residency_breaches``; all when empty."""
    severities: Annotated[tuple[Literal["critical", "high", "medium", "low"], ...], stated(uniqueItems=True)] = ()
    """For the time to alert: of which severities the plan must expect an alert for the objective to judge it; all when empty."""
    warm: Flag = False
    """For the cache's hit ratio: only lookups of franchises that were looked up before in this run. The number of
    first lookups depends on the length of the run and the number of franchises, and not on the quality of the cache."""
    severity: IncidentSeverity | None = None
    """For measures of people: only incidents of this severity count, which is by the share of all customers' requests that were not good in the worst
    minute (critical from 10%, high from 1%, medium from 0.1%); all when left out."""
    confidence: Annotated[Quantity, stated(**_CONFIDENCE)] = 0.95
    """Confidence of each one-sided bound that a verdict uses: between 50% and 100%, both excluded. At 95% a wrong pass, and a wrong fail, happen in
    at most 5 runs of 100."""
    at_least_chances: Count | None = None
    """The least exposure for a pass: how often a breach must have been possible in the run (requests, contests for a slot, …); by default at
    least once."""

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        integrity, burns = self.measure is Measure.INTEGRITY, self.measure is Measure.BURN_RATE
        slides = self.measure in TIMES | SHARES or burns
        troubles = (
            (integrity and bounds, "integrity takes no bound: a single breach fails it"),
            (not integrity and len(bounds) != 1, "give exactly one of at_most and at_least"),
            (
                (self.measure in TIMES) != (self.percentile is not None),
                "latency, database_time and cache_time need a percentile, other measures have none",
            ),
            (not integrity and (self.measure in FROM_BELOW) != (self.at_least is not None), wrong_side(self.measure)),
            (bounds and not _sound(self.measure, bounds[0]), f"a bound on {self.measure} is {_WRITTEN[MEASURES[self.measure].figure]}"),
            (self.percentile is not None and not 0 < self.percentile < 1, "a percentile must be between 0% and 100%"),
            (not CONFIDENCE_LEAST < self.confidence < 1, "confidence must be between 50% and 100%"),
            (self.at_least_chances is not None and self.at_least_chances < 1, "at_least_chances must be at least 1"),
            (self.operations and self.except_operations, "operations and except_operations exclude each other"),
            (
                self.measure not in STEADY and (self.operations or self.except_operations or self.per != "all"),
                "operations, except_operations and per are for measures of customers' requests",
            ),
            (
                bounds and MEASURES[self.measure].figure == "number" and bounds[0] != int(bounds[0]),
                f"a bound on {self.measure} is a whole number",
            ),
            (self.measure in PER_FAULT and not self.faults, "faults names the kinds of faults that it judges, like shard.*"),
            (
                self.faults and self.measure not in PER_FAULT and self.window != "degraded",
                "faults is for recovery, loss, leakage and the time to alert, and for degraded windows",
            ),
            (self.regions and self.per != "region", "regions chooses among the parts of per: region"),
            (len(set(self.regions)) != len(self.regions), "regions names one twice"),
            (self.invariants and not integrity, "invariants are for integrity"),
            (self.severity is not None and self.measure not in OF_PEOPLE, "severity is for measures of the people in a game day"),
            (self.severities and self.measure is not Measure.ALERT_TIME, "severities are for alert_time"),
            (self.warm and self.measure is not Measure.CACHE_HIT_RATIO, "warm is for the cache's hit ratio"),
            (
                self.window == "degraded" and (self.measure not in STEADY or not self.faults),
                "a degraded window is for measures of requests, and faults names the kinds of faults that open it",
            ),
            (
                self.sliding is not None and not (slides and self.sliding > 0),
                "sliding is a length of time, for shares, times and the burn rate",
            ),
            (burns and self.sliding is None, "a burn rate needs the length of its long window: sliding"),
        )
        if trouble := next((message for wrong, message in troubles if wrong), ""):
            raise ValueError(trouble)

    @property
    def bound(self) -> float | None:
        """The bound that is set: ``at_most`` or ``at_least``."""
        return self.at_most if self.at_most is not None else self.at_least

    def covers(self, fault: Fault) -> bool:
        """Whether this objective judges ``fault``, or the time in which it was in effect."""
        return any(fnmatch.fnmatch(fault.kind, pattern) for pattern in self.faults)


MONTH_S = 30 * 86400.0
"""The time over which a share is promised, where the promise does not say it."""
_FIGURES = (
    "users", "requests_per_s", "response_time", "error_rate", "availability", "rto", "rpo", "backup_interval", "alert_within", "rebuilt_within",
    "failover", "regions", "resident", "shards", "franchises", "hit_ratio", "ttl", "replicas",
)  # fmt: skip
_NEEDS = {"over": ["availability"], "sharded_by": ["shards"]}
_STATEMENT_RULES: Mapping[str, Any] = MappingProxyType(
    {"anyOf": [{"required": [key]} for key in _FIGURES], "dependentRequired": _NEEDS},
)


@dataclass(frozen=True, slots=True)
class Statement:
    """The figures of a promise, for the arithmetic of ``closeshave lint-claims``. A promise with figures for several parts has a statement for each."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={**_STATEMENT_RULES})

    of: str = ""
    """The part of the system that the figures are about, like ``database``; the whole system by default. Hit ratios are about ``franchises``."""
    users: Count | None = None
    """Users at the same time, at least."""
    requests_per_s: Positive | None = None
    """Requests per second, at least."""
    response_time: Lasting | None = None
    """The time of an answer, at most: of the share of requests that the promise names."""
    error_rate: Share | None = None
    """Share of requests that end in an error, at most."""
    availability: Share | None = None
    """Share of the time, or of the requests, that is good, at least."""
    over: Lasting | None = None
    """The time over which ``availability`` is promised; 30 days by default."""
    rto: Lasting | None = None
    """The time from a failure to the recovery, at most."""
    rpo: Seconds | None = None
    """The data loss window: the age of the oldest confirmed write that a failure may lose, at most."""
    backup_interval: Lasting | None = None
    """The time from one backup to the next, also of a transaction log that is shipped in pieces."""
    alert_within: Lasting | None = None
    """The time from a fault to its alert, at most."""
    rebuilt_within: Lasting | None = None
    """The time in which the infrastructure is built anew, at most."""
    failover: Literal["node", "zone", "region"] | None = None
    """What may be lost: its work then moves to another one by itself; inside ``rto``, if the same statement has one."""
    regions: Annotated[tuple[str, ...], stated(minItems=1, uniqueItems=True)] | None = None
    """The regions that serve."""
    resident: Annotated[tuple[str, ...], stated(minItems=1, uniqueItems=True)] | None = None
    """Regions that some data must not leave: a copy may be in any of these, and in no other."""
    shards: Count | None = None
    """The number of shards, of about equal size."""
    sharded_by: Literal["range", "hash"] | None = None
    """How a franchise's ID leads to its shard: by ranges of IDs, or by a hash."""
    franchises: Count | None = None
    """Franchises, at least."""
    hit_ratio: Share | None = None
    """Share of the lookups that hit the cache, at least."""
    ttl: Lasting | None = None
    """How long a cache entry lives."""
    replicas: Count | None = None
    """Read replicas of each shard, at least."""

    def __post_init__(self) -> None:
        if all(getattr(self, key) is None for key in _FIGURES):
            raise ValueError(f"a statement has at least one figure: {', '.join(_FIGURES)}")
        for key, (needed,) in _NEEDS.items():
            if getattr(self, key) is not None and getattr(self, needed) is None:
                raise ValueError(f"{key} goes with {needed}")
        for key in ("regions", "resident"):
            names = getattr(self, key)
            if names is not None and (not names or len(set(names)) < len(names)):
                raise ValueError(f"{key} names at least one region, and each of them once")

    @property
    def over_s(self) -> float:
        """The time over which availability is promised, in seconds."""
        return MONTH_S if self.over is None else self.over


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What no promise says, and the arithmetic of ``closeshave lint-claims`` needs. A rule that needs one that is not given says nothing."""

    __pydantic_config__ = STRICT

    think_time: Lasting | None = None
    """The mean time from an answer to the next request of the same user."""
    zipf: Annotated[NotNegative, Field(le=10)] | None = None
    """Exponent of the franchises' popularity, as in a plan: the franchise of rank r is chosen in proportion to 1 / r^zipf."""
    lookups_per_request: Positive = 1.0
    """The mean number of cache lookups of one request."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise of a target system, with its ID in the list of claims."""

    __pydantic_config__ = STRICT

    id: Name
    """The ID of the promise, as objectives and reports refer to it."""
    text: str
    """The promise, in the words of its owner."""
    how: tuple[Literal["load", "fault", "drill", "probe", "capacity", "attest"], ...]
    """Ways in which it can be settled. Plans have ``load`` and ``fault``; a promise that needs another way is listed as not run."""
    owner: str = ""
    """The person or team that attests to it, if the harness cannot measure it."""
    says: tuple[Statement, ...] = ()
    """Its figures, so that ``closeshave lint-claims`` can compare promises with each other. No objective is made of them."""
    probes: Annotated[tuple[Annotated[str, stated(pattern=PROBE)], ...], stated(uniqueItems=True)] = ()
    """Probes that test it, by name or as patterns: ``routing.*``. All of them must hold; ``closeshave probe`` asks them."""
    must_have: Flag | None = None
    """Whether the launch needs it verified: without that ``closeshave readiness`` says *no-go*. By default every promise, but for those that can only be
    attested."""

    def __post_init__(self) -> None:
        if wrong := wrong_probes(self.probes):
            raise ValueError(wrong)

    @property
    def needed(self) -> bool:
        """``must_have``, or its default."""
        return self.must_have if self.must_have is not None else not set(self.how) <= {"attest"}


@dataclass(frozen=True, slots=True)
class Target:
    """The promises of a system and the objectives that test them."""

    __pydantic_config__ = STRICT

    name: Name
    """What plans call the target: the name of its file."""
    title: str
    """What reports call the system."""
    claims: tuple[Claim, ...]
    """Every promise, also those that no objective can test yet."""
    objectives: tuple[Objective, ...]
    """What puts the promises to the test: each gives one verdict or several."""
    plans: Annotated[tuple[str, ...], stated(uniqueItems=True)] = ()
    """The plans that put its promises to the test, by file or by name in `scenarios/`, in this order: `closeshave readiness --run` carries out those
    without a run that counts. Left out: all in `scenarios/` that name this target."""
    waive: tuple[Waiver, ...] = ()
    """Known failures that do not count until a day, under every plan."""
    product: Name = ""
    """The product that the system delivers, where several targets describe one: what they promise its customers is compared."""
    assumes: Assumptions = Assumptions()
    """What no promise says about the customers, for the arithmetic of the promises."""

    @property
    def error_budget(self) -> float | None:
        """The share of requests that may be not good, by the availability objective over everything; ``None`` without one."""
        whole = (each for each in self.objectives if each.measure is Measure.AVAILABILITY and each.per == "all")
        allowed = next(
            (each.at_least for each in whole if each.window != "degraded" and not (each.operations or each.except_operations)), None
        )
        return None if allowed is None or allowed >= 1 else 1 - allowed


def read_target(path: Path) -> Target:
    """Read and check a target. Raises :class:`InvalidFile`: also for an objective whose claim does not exist."""
    raw = document(path)
    misfits = [Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message) for location, message in _misfits(raw)]
    try:
        target = read(path, Target)
    except InvalidFile as error:
        # Reported once: with its key and what to write, and not a second time for the value that it was read as.
        said = {(problem.line, problem.key) for problem in misfits} | {
            (problem.line, problem.key.rpartition(".")[0]) for problem in misfits
        }
        others = (problem for problem in error.problems if (problem.line, problem.key) not in said)
        raise InvalidFile(*misfits, *others) from None
    if misfits:
        raise InvalidFile(*misfits)
    known = {claim.id for claim in target.claims}
    problems = [
        Problem(
            str(path),
            line_of(raw, ("objectives", index)),
            f"objectives.{index}.claims",
            f"{claim} is not among the claims of this file{meant(claim, known)}",
        )
        for index, objective in enumerate(target.objectives)
        for claim in objective.claims
        if claim not in known
    ]
    problems += [
        Problem(
            str(path),
            line_of(raw, ("objectives", index)),
            f"objectives.{index}.id",
            f"{objective.id} already gives such verdicts; two objectives may share an ID only for different parts or faults",
        )
        for index, objective in enumerate(target.objectives)
        if any(_collide(objective, other) for other in target.objectives[:index])
    ]
    if len(set(target.plans)) != len(target.plans):
        problems.append(Problem(str(path), line_of(raw, ("plans",)), "plans", "names one plan twice"))
    if problems:
        raise InvalidFile(*problems)
    return target


def wrong_side(measure: Measure) -> str:
    """A sentence that says which bound a measure needs."""
    return f"{measure} needs a lower bound: at_least" if measure in FROM_BELOW else f"{measure} needs an upper bound: at_most"


def _sound(measure: Measure, bound: float) -> bool:
    """Whether a bound is in the measure's range. Its unit is known only from the file."""
    unit = MEASURES[measure].figure
    return math.isfinite(bound) and (0 <= bound <= 1 if unit == "share" else bound > 0 if unit == "rate" else bound >= 0)


def _misfits(raw: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Quantities of an objective that do not fit its measure: the key, and what would be right."""
    listed = raw.get("objectives")
    for index, objective in enumerate(listed if isinstance(listed, list) else ()):
        measure = objective.get("measure") if isinstance(objective, dict) else None
        if not isinstance(measure, str) or measure not in set(Measure):
            continue
        for key in sorted({"at_most", "at_least", "percentile", "confidence"} & set(objective)):
            if objective[key] is not None and (trouble := _misfit(Measure(measure), key, objective[key])):
                yield ("objectives", index, key), trouble


def _misfit(measure: Measure, key: str, text: object) -> str:
    """Why this text is not valid for the key of an objective on ``measure``; empty when it is."""
    if key in {"at_most", "at_least"}:
        if measure is Measure.INTEGRITY:
            return "integrity takes no bound: a single breach fails it"
        if (measure in FROM_BELOW) != (key == "at_least"):
            return wrong_side(measure)
        unit, read_as = MEASURES[measure].figure, measure.replace("_", " ")
    else:
        unit, read_as = "share", key
    try:
        value = _READ[unit](text)
    except ValueError as error:
        return _told(text, read_as, unit, error)
    troubles = {
        "percentile": (not 0 < value < 1, "a percentile must be between 0% and 100%, both excluded; write 95%"),
        "confidence": (not CONFIDENCE_LEAST < value < 1, "confidence must be between 50% and 100%, both excluded; write 95%"),
    }
    wrong, why = troubles.get(key, (unit == "rate" and value <= 0, f"{read_as} is {_WRITTEN[unit]}"))
    return f"{text}: {why}" if wrong else ""


def _told(text: object, read_as: str, unit: str, error: ValueError) -> str:
    """What is wrong with a quantity, and how to write it."""
    if unit == "time":
        try:
            plain(text)
        except ValueError:
            return f"{error}"
        return f"{text} has no unit: {read_as} is {_WRITTEN[unit]}; write {text}ms or {text}s"
    return f"{error} ({read_as} is {_WRITTEN[unit]})"


def _collide(one: Objective, other: Objective) -> bool:
    """Whether both could give a verdict with the same ID. The ID contains the fault for measures of faults, else the part."""
    if one.id != other.id:
        return False
    if not (one.faults and other.faults):
        return not one.faults and not other.faults and one.per == other.per
    # Kinds are not known here: two patterns meet where one matches the other as if that were a name.
    return any(fnmatch.fnmatch(mine, theirs) or fnmatch.fnmatch(theirs, mine) for mine in one.faults for theirs in other.faults)
