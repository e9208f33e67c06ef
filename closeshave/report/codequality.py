"""``gl-code-quality-report.json``: what GitLab shows in a merge request, one finding for each verdict that is not a pass, at the line that asks for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from closeshave.files.yamlfile import InvalidFile, document, line_of
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.report import words
from closeshave.report.findings import INPUTS, Findings


def render(findings: Findings) -> bytes:
    """The document (GitLab's subset of Code Climate's format), encoded. A run that passed has none."""
    wrong = [verdict for verdict in findings.assessment.verdicts if verdict.status is not Status.PASS]
    return (json.dumps([_finding(verdict, findings) for verdict in wrong], indent=1) + "\n").encode()


def lines(path: Path, key: str, what: str) -> dict[str, int]:
    """``WHAT:ID`` → line, for each entry below ``key`` of a YAML file that has an ID; the first where several share one. None for a file that cannot be
    read: it is only shown where a finding comes from."""
    try:
        whole = document(path)
    except InvalidFile:
        return {}
    entries = whole.get(key) if isinstance(whole, Mapping) else None
    found: dict[str, int] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, Mapping) and "id" in entry:
            found.setdefault(f"{what}:{entry['id']}", line_of(whole, (key, index)))
    return found


def _finding(verdict: Verdict, findings: Findings) -> dict[str, Any]:
    manifest = findings.history.manifest
    what, line = place(verdict, findings)
    # The same in every run, so that GitLab knows which findings a merge request brings and which were there before.
    told = "\0".join((manifest.plan, manifest.target, verdict.id, verdict.status))
    return {
        "description": words.clean(f"{verdict.id}: {verdict.reason or verdict.status}"),
        "check_name": verdict.measure,
        "fingerprint": hashlib.sha256(told.encode("utf-8", "replace")).hexdigest(),
        "severity": _severity(verdict),
        "location": {"path": path_of(what, manifest.sources), "lines": {"begin": line}},
    }


def _severity(verdict: Verdict) -> str:
    if not verdict.gates:
        return "info"
    if verdict.status is Status.INCONCLUSIVE:
        return "major"
    return "blocker" if kind_of(verdict) is VerdictKind.INTEGRITY else "critical"


def place(verdict: Verdict, findings: Findings) -> tuple[str, int]:
    """Which file asks for it, and at which line: the objective in the target, else the fault in the plan, else the plan."""
    for objective in findings.target.objectives:
        line = findings.lines.get(f"objective:{objective.id}")
        if line is not None and (verdict.id == objective.id or verdict.id.startswith(f"{objective.id}/")):
            return "target", line
    return "plan", findings.lines.get(verdict.scope, 1)


def path_of(what: str, sources: Mapping[str, str]) -> str:
    """As the repository names the file; of one that lies elsewhere only the name, because GitLab takes no other paths."""
    path = PurePath(sources.get(what) or INPUTS[what])
    return path.name if path.is_absolute() or ".." in path.parts else str(path)
