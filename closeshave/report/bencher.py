"""``bencher.json``: the figures of a run in the Bencher Metric Format, for a dashboard that reads it. Pure.

A benchmark is a figure of the plan, as in ``nightly/latency/us-east-1``. Times are nanoseconds under the measure ``latency``, rates ``throughput``, as
Bencher's own measures are; shares and counts are under ``share`` and ``count``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from closeshave.judge.verdict import Status
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.report import words
from closeshave.report.findings import Findings

MEASURES = {"s": ("latency", 1e9), "1/s": ("throughput", 1.0), "ratio": ("share", 1.0), "count": ("count", 1.0), "times": ("times", 1.0)}
"""Unit → name of the measure and the factor to its unit."""
NAME_MOST = 1024


def render(findings: Findings) -> bytes:
    """The document, encoded."""
    return (json.dumps(dict(_benchmarks(findings)), indent=1) + "\n").encode()


def _benchmarks(findings: Findings) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    plan = findings.history.manifest.plan
    load = findings.assessment.load
    for name, value in load.response_ms.items():
        if value is not None:
            yield _named(plan, f"load/{name}"), {"latency": {"value": value * 1e6}}
    if load.platform_cpu_ms_per_request is not None:
        yield _named(plan, "load/cpu-per-request"), {"latency": {"value": load.platform_cpu_ms_per_request * 1e6}}
    for verdict in findings.assessment.verdicts:
        known = (
            verdict.measured is not None
            and math.isfinite(verdict.measured)
            and not (verdict.status is Status.INCONCLUSIVE and not verdict.n)
        )
        if not known or verdict.measured is None or kind_of(verdict) is VerdictKind.PRECONDITION:
            continue
        measure, factor = MEASURES.get(verdict.unit, (verdict.unit, 1.0))
        metric = {"value": verdict.measured * factor}
        if verdict.confidence is not None and all(map(math.isfinite, verdict.confidence)):
            metric |= {"lower_value": verdict.confidence[0] * factor, "upper_value": verdict.confidence[1] * factor}
        yield _named(plan, verdict.id), {measure: metric}


def _named(plan: str, name: str) -> str:
    return words.clean(f"{plan}/{name}")[:NAME_MOST]
