"""What one leg measured, metric by metric: of customers' requests in its calm phases, without what other programs on the machine disturbed.

Processor time per request counts the disturbed stretches too: who waits for a processor uses none meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from closeshave.gate.decision import LegFigure
from closeshave.judge.evidence.columns import Flags, equal
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import NEVER_NS, Span, spans, within
from closeshave.judge.measures import sampling
from closeshave.judge.measures.processor import cpu_ms_per_request

TAIL_MIN = 10
"""Requests beyond a percentile: with fewer the percentile of a leg is that of a few requests."""
SHARE_MIN = 100
"""Requests of a share."""
DISTURBED_MOST = 0.5
"""Share of a leg's time: if other programs disturbed more of it, no response time of it counts."""


def figures(evidence: Evidence, metrics: Iterable[str]) -> Mapping[str, LegFigure]:
    """The leg's figures by metric. What too few undisturbed requests say is absent."""
    covered = spans(evidence.history.manifest, "calm")
    rows = evidence.customers & within(evidence.intended_ns, covered)
    quiet = _quiet(evidence, covered)
    found = {metric: _figure(evidence, metric, rows, quiet, covered) for metric in metrics}
    return {metric: figure for metric, figure in found.items() if figure is not None}


def endless(evidence: Evidence, metrics: Iterable[str]) -> tuple[str, ...]:
    """The percentiles of the leg that do not exist, because too many of its undisturbed requests were not answered well."""
    quiet = _quiet(evidence, spans(evidence.history.manifest, "calm"))
    return tuple(metric for metric in metrics if "/" in metric and _is_endless(evidence, metric, quiet))


def _is_endless(evidence: Evidence, metric: str, quiet: Flags) -> bool:
    percentile, _, operation = metric.partition("/")
    rows, share = quiet & evidence.of_kinds((operation,)), _share_of(percentile)
    n = int(np.count_nonzero(rows))
    return _enough(n, share) and int(np.count_nonzero(rows & evidence.good)) <= sampling.rank_of(share, n)


def _quiet(evidence: Evidence, covered: tuple[Span, ...]) -> Flags:
    """The customers' requests that nothing disturbed; none of a leg that was disturbed for most of its time."""
    rows: Flags = evidence.customers & within(evidence.intended_ns, covered)
    return rows & ~evidence.touched if disturbed_share(evidence, covered) <= DISTURBED_MOST else np.zeros_like(rows)


def rates_per_s(evidence: Evidence, metrics: Iterable[str]) -> Mapping[str, float]:
    """Operation of a percentile → its customers' requests per second of the calm phases, disturbed or not."""
    covered = spans(evidence.history.manifest, "calm")
    calm_s = sum(span.ended_ns - span.started_ns for span in covered) / 1e9
    rows = evidence.customers & within(evidence.intended_ns, covered)
    operations = {metric.partition("/")[2] for metric in metrics} - {""}
    return {name: int(np.count_nonzero(rows & evidence.of_kinds((name,)))) / calm_s for name in sorted(operations)} if calm_s else {}


def disturbed_share(evidence: Evidence, covered: Iterable[Span]) -> float:
    """The share of these spans in which other programs disturbed the platform or the senders."""
    whole_ns = disturbed_ns = 0
    for span in covered:
        whole_ns += span.ended_ns - span.started_ns
        for doubt in evidence.doubts_within(span.started_ns, span.ended_ns):
            disturbed_ns += min(doubt.ended_ns, span.ended_ns) - max(doubt.started_ns, span.started_ns)
    return disturbed_ns / whole_ns if whole_ns else 0.0


def _figure(evidence: Evidence, metric: str, rows: Flags, quiet: Flags, covered: tuple[Span, ...]) -> LegFigure | None:
    if metric == "cpu-per-request":
        cost_ms = cpu_ms_per_request(evidence, covered)
        return None if cost_ms is None else LegFigure(cost_ms / 1e3, int(np.count_nonzero(rows)))
    if metric == "not-good":
        return _share(quiet, ~evidence.good)
    if metric == "cache-misses":
        return _share(quiet & evidence.revisits, equal(evidence.operations["cache"], "miss"))
    percentile, _, operation = metric.partition("/")
    return _percentile(evidence, quiet & evidence.of_kinds((operation,)), _share_of(percentile))


def _share_of(percentile: str) -> float:
    """``p95`` as 0.95."""
    return int(percentile.removeprefix("p")) / 100


def _enough(n: int, percentile: float) -> bool:
    """Whether so many requests have a percentile."""
    return n * (1 - percentile) >= TAIL_MIN - 1e-9


def _share(rows: Flags, counted: Flags) -> LegFigure | None:
    n = int(np.count_nonzero(rows))
    return LegFigure(int(np.count_nonzero(rows & counted)) / n, n) if n >= SHARE_MIN else None


def _percentile(evidence: Evidence, rows: Flags, percentile: float) -> LegFigure | None:
    """As objectives count it: a request that was not answered well is infinitely slow. Where it is infinite, the share of these says more."""
    n = int(np.count_nonzero(rows))
    if not _enough(n, percentile):
        return None
    found = sampling.percentile_ns(np.where(evidence.good, evidence.response_ns, NEVER_NS)[rows], percentile)
    return None if found == NEVER_NS else LegFigure(found / 1e9, n)
