"""What an objective can bound: the measures, and which of them share a property."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


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


def wrong_side(measure: Measure) -> str:
    """A sentence that says which bound a measure needs."""
    return f"{measure} needs a lower bound: at_least" if measure in FROM_BELOW else f"{measure} needs an upper bound: at_most"
