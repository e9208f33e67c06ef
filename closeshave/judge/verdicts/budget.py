"""How much of the month's error budget a fault used.

A promise like 99.99 % is per month, not per run: 30 days at the run's own rate of requests allow a number of not-good requests, and those of the
fault are a share of this number. An outage of everything for 259.2 s burns the budget of four nines, whatever the rate.
"""

from __future__ import annotations

import numpy as np

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.evidence.windows import spans, within
from closeshave.judge.verdicts import burning

MONTH_S = 30 * 86_400


def burnt(evidence: Evidence, life: Life, restored_ns: int | None) -> float | None:
    """Share of the 30-day budget that customers' not-good requests from the injection to the recovery used; 1 is all of it.

    Up to the horizon if it did not recover. ``None`` without an availability objective over everything, or without a rate of requests.
    """
    rate_per_s = _rate_per_s(evidence)
    if evidence.error_budget is None or not rate_per_s or life.injected_ns is None:
        return None
    hit = (
        evidence.customers
        & ~evidence.good
        & (evidence.intended_ns >= life.injected_ns)
        & (evidence.intended_ns < _end_ns(life, restored_ns))
    )
    return float(np.count_nonzero(hit) / (evidence.error_budget * rate_per_s * MONTH_S))


def burn_rate(evidence: Evidence, life: Life, restored_ns: int | None) -> float | None:
    """The highest rate at which the fault burnt the budget, in both windows of :mod:`closeshave.judge.verdicts.burning` at once; 1 lasts a month."""
    if life.injected_ns is None:
        return None
    return burning.highest(evidence, evidence.customers, life.injected_ns, _end_ns(life, restored_ns))


def _end_ns(life: Life, restored_ns: int | None) -> int:
    """When it was healed and had recovered; the horizon if it never did."""
    healed_ns = life.verified_ns if life.verified_ns is not None else life.horizon_ns
    return min(life.horizon_ns, max(healed_ns, restored_ns if restored_ns is not None else life.horizon_ns))


def _rate_per_s(evidence: Evidence) -> float:
    """Customers' requests per second over the judged phases."""
    covered = spans(evidence.history.manifest, "run")
    seconds = sum(span.seconds for span in covered)
    return float(np.count_nonzero(evidence.customers & within(evidence.intended_ns, covered)) / seconds) if seconds else 0.0
