"""Objectives: a bound on one measure, in one scope and window, with the rules that a JSON Schema can express."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import ConfigDict

from closeshave.files.yamlfile import DURATION_SCHEMA, SHARE_SCHEMA, STRICT, Count, Flag, Lasting, Name, Quantity, percentage_not, stated
from closeshave.plan import Fault
from closeshave.target.measures import FROM_BELOW, MEASURES, OF_PEOPLE, PER_FAULT, SHARES, STEADY, TIMES, Measure, wrong_side
from closeshave.vocabulary import IncidentSeverity

CONFIDENCE_LEAST = 0.5
"""Confidence must be above one half: at one half or below, a pass and a fail could both be proven."""
_BETWEEN: Mapping[str, Any] = MappingProxyType(
    SHARE_SCHEMA | {"exclusiveMinimum": 0, "exclusiveMaximum": 1} | percentage_not(r"0+(\.0+)?", r"0*100(\.0+)?")
)
_CONFIDENCE: Mapping[str, Any] = MappingProxyType(
    {**_BETWEEN, "exclusiveMinimum": CONFIDENCE_LEAST} | percentage_not(r"0*[0-4]?\d(\.\d+)?", r"0*50(\.0+)?", r"0*100(\.0+)?")
)
WRITTEN: Mapping[str, str] = MappingProxyType(
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
            (bounds and not _sound(self.measure, bounds[0]), f"a bound on {self.measure} is {WRITTEN[MEASURES[self.measure].figure]}"),
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

    @property
    def told(self) -> str:
        """Its ID, with the parts or the kinds of faults for which it gives a verdict each: ``recovery by shard.*``."""
        per = "" if self.per == "all" else f" per {self.per.replace('_', ' ')}"
        faults = f" by {', '.join(self.faults)}" if self.faults else ""
        return f"{self.id}{per}{faults}"

    def covers(self, fault: Fault) -> bool:
        """Whether this objective judges ``fault``, or the time in which it was in effect."""
        return any(fnmatch.fnmatch(fault.kind, pattern) for pattern in self.faults)


def _sound(measure: Measure, bound: float) -> bool:
    """Whether a bound is in the measure's range. Its unit is known only from the file."""
    unit = MEASURES[measure].figure
    return math.isfinite(bound) and (0 <= bound <= 1 if unit == "share" else bound > 0 if unit == "rate" else bound >= 0)
