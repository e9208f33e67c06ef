"""For how long a run put something to the test: what CI systems show as the time of a test case. Pure."""

from __future__ import annotations

from closeshave.history import Manifest
from closeshave.judge.evidence.windows import ROLES, spans
from closeshave.judge.verdict import Verdict
from closeshave.report.findings import Findings


def under_test_s(verdict: Verdict, findings: Findings) -> float:
    """Seconds: how long the fault was in effect, the phases that its objective covers, or all phases."""
    manifest = findings.history.manifest
    for figures in findings.assessment.faults:
        if verdict.scope == f"fault:{figures.id}":
            known = figures.injected_at_s is not None and figures.healed_at_s is not None
            return max(0.0, (figures.healed_at_s or 0.0) - (figures.injected_at_s or 0.0)) if known else 0.0
    for objective in findings.target.objectives:
        if objective.window in ROLES and (verdict.id == objective.id or verdict.id.startswith(f"{objective.id}/")):
            return sum(span.seconds for span in spans(manifest, objective.window))
    return load_s(manifest)


def load_s(manifest: Manifest) -> float:
    """From the beginning of the first phase to the end of the last, in seconds; 0 for a run without load."""
    if not manifest.phases:
        return 0.0
    began_ns, ended_ns = min(one.started_ns for one in manifest.phases), max(one.ended_ns for one in manifest.phases)
    return (ended_ns - began_ns) / 1e9
