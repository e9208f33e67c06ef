"""The load that was offered and the answers to it, as figures; nothing is judged here."""

from __future__ import annotations

import numpy as np

from closeshave.history import Source
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, equal
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import NEVER_NS, spans, within
from closeshave.judge.measures import sampling
from closeshave.judge.measures.processor import cpu_ms_per_request
from closeshave.judge.verdict import LoadFigures

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def figures(evidence: Evidence) -> LoadFigures:
    """Totals are of the whole run; rates and percentiles are of the calm phases, or of all judged ones where a plan has no calm phase."""
    history = evidence.history
    senders = [sent for sent in history.sent if sent.source == Source.CUSTOMERS]
    covered = spans(history.manifest, "calm") or spans(history.manifest, "run")
    rows = evidence.customers & within(evidence.intended_ns, covered)
    duration_s = sum(span.seconds for span in covered)
    n = int(np.count_nonzero(rows))
    lateness_ns = blocks.chosen(rows, lambda part: evidence.started_ns[part] - evidence.intended_ns[part])
    return LoadFigures(
        intended=sum(sent.intended for sent in senders),
        sent=sum(sent.sent for sent in senders),
        recorded=int(np.count_nonzero(evidence.customers | (evidence.void & equal(evidence.operations["source"], Source.CUSTOMERS)))),
        rate_offered=n / duration_s if duration_s else None,
        rate_completed=int(np.count_nonzero(rows & evidence.good)) / duration_s if duration_s else None,
        send_lateness_p99_ms=sampling.percentile_ns(lateness_ns, 0.99) / 1e6 if n else None,
        response_ms=_response_ms(evidence, rows),
        generator_limited_windows=len(evidence.late),
        edge_count=sum(edge.requests for edge in history.edges) if history.edges is not None else None,
        platform_cpu_ms_per_request=cpu_ms_per_request(evidence, covered),
    )


def _response_ms(evidence: Evidence, rows: Flags) -> dict[str, float | None]:
    """Exact percentiles over every request, good or not, from intended to the end of its answer."""
    sample = blocks.chosen(rows, lambda part: evidence.response_ns[part])
    if not len(sample):
        return dict.fromkeys(PERCENTILES)
    ranks = {name: sampling.rank_of(percentile, len(sample)) for name, percentile in PERCENTILES.items()}
    sample.partition(sorted(set(ranks.values())))
    found = {name: int(sample[rank]) for name, rank in ranks.items()}
    return {name: None if time_ns == NEVER_NS else time_ns / 1e6 for name, time_ns in found.items()}
