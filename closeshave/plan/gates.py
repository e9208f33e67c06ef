"""How two releases are compared, and which known failures do not count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from closeshave.files.closest import meant
from closeshave.files.yamlfile import (
    STRICT,
    Count,
    Day,
    Share,
    WholeNumber,
    stated,
)
from closeshave.operations import OPERATIONS
from closeshave.plan.names import NOT_NONE

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
    notice: Annotated[Share, stated(exclusiveMinimum=0, **NOT_NONE)] = 0.05
    """*Same* is said only if an increase of times and processor time of this size would have been noticed, and is ruled out; else *unknown*."""
    notice_share: Annotated[Share, stated(exclusiveMinimum=0, **NOT_NONE)] = 0.01
    """The same for shares of requests, as a difference of the shares."""
    blocks: Annotated[Count, stated(minimum=GATE_BLOCKS[0], maximum=GATE_BLOCKS[1])] = 6
    """Blocks of a stage, each of two legs of the base and two of the candidate. A second stage of as many is run only if the first is suspicious."""
    repeats: Annotated[WholeNumber, stated(maximum=GATE_BLOCKS[1])] = 3
    """How many blocks of a stage may be thrown away and repeated, because the machine disturbed one of their legs."""
    trend: Literal["warns", "gates"] = "warns"
    """What ``closeshave trend`` does about a change for the worse that is still there: ``gates`` ends it with exit code 1, and with 3 where the nights
    are too few to see one, or the newest ones did not measure a figure."""

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
