"""``report.html``: the whole report as one file that needs no network.

What a history contains is hostile until proven otherwise: the templates escape everything, data for the script is JSON in which no tag can
close, the script writes text and never markup, and the page's own content security policy lets nothing run but the two scripts whose hashes it
names: the chart library, and the page's own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from closeshave.comparison import views as compared
from closeshave.comparison.values import Comparison
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.judge.verdictkinds import VerdictKind
from closeshave.report import alerts, rate, recovery, vendor, views, words
from closeshave.report.breakdown import breakdown
from closeshave.report.chartdata import chartdata
from closeshave.report.curves import Curves
from closeshave.report.entries import VerdictEntry, entries
from closeshave.report.failures import failures
from closeshave.report.findings import Findings
from closeshave.report.headline import MARKS, headline, meaning, notices

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("base", "charts", "strip", "bands", "timeline", "requests", "links", "print")
"""The page's own script, in the order of its parts: they are joined into one function."""


def render(findings: Findings, curves: Curves) -> str:
    """The page."""
    history, assessment, manifest = findings.history, findings.assessment, findings.history.manifest
    when = curves.axis
    common, more_failures = failures(history.operations, when)
    windows = breakdown(history.operations, when)
    placed = entries(findings, when, windows)
    own, library = script(), vendor.script()

    context = {
        "css": Markup(vendor.style() + (TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - the package's own files
        "library": Markup(library),  # noqa: S704 - the package's own file
        "script": Markup(own),  # noqa: S704 - the package's own files
        "hashes": " ".join(f"'sha256-{_digest(text)}'" for text in (library, own)),
        "headline": headline(assessment, manifest.evidence, findings.exit_code),
        "notices": notices(assessment),
        "assessment_mark": MARKS[assessment.status],
        "started": _moment(manifest.started_at),
        "ended": _moment(manifest.ended_at) if manifest.ended_at else words.UNKNOWN,
        "zero_ns": when.zero_ns,
        "lateness": words.seconds(None if assessment.load.send_lateness_p99_ms is None else assessment.load.send_lateness_p99_ms / 1_000),
        "rate": words.clean(rate.sentence(manifest.rate)) if manifest.rate is not None else "",
        "meaning": meaning(manifest.evidence),
        "manifest": manifest,
        "plan": findings.plan,
        "target": findings.target,
        "assessment": assessment,
        "exit_code": findings.exit_code,
        "key_figures": views.key_figures(assessment),
        "integrity_figures": [text for _, text in views.integrity_figures(assessment)],
        "first": placed.first,
        "objectives": [one for one in placed.verdicts if one.view.kind is VerdictKind.OBJECTIVE],
        "invariants": [one for one in placed.verdicts if one.view.kind is VerdictKind.INTEGRITY],
        "preconditions": [one for one in placed.verdicts if one.view.kind is VerdictKind.PRECONDITION],
        "faults": placed.faults,
        "fault_anchors": placed.fault_anchors,
        "drills": [(views.drill_view(one), _of_drill(one.id, placed.verdicts)) for one in assessment.drills],
        "alerts": alerts.rows(assessment.alerts[: alerts.MOST]),
        "more_alerts": max(0, len(assessment.alerts) - alerts.MOST),
        "alert_anchors": {one.view.id: one.anchor for one in placed.verdicts},
        "silences": views.silences(assessment),
        "reasons": [
            words.clean(reason)
            for reason in assessment.reasons
            if not any(row.view.reason and row.view.reason in reason for row in placed.first)
        ],
        "axis": when,
        "machine": curves.machine,
        "recoveries": recovery.recoveries(assessment.faults, assessment.verdicts),
        "failures": common,
        "more_failures": more_failures,
        "windows": windows,
        "data": chartdata(curves, windows, placed.fault_anchors),
        "integrity": _integrity(findings),
        "history": history,
        "environment": views.flat_json(findings.attachments["environment.json"]) if "environment.json" in findings.attachments else (),
        "rerun": words.clean(findings.attachments["rerun.sh"]) if "rerun.sh" in findings.attachments else None,
        "licence": vendor.licence(),
        "baseline": _baseline(findings.baseline),
        "trend": words.clean(findings.trend),
        "words": words,
    }
    return _environment().get_template("report.html.j2").render(context)


def _baseline(comparison: Comparison | None) -> dict[str, object] | None:
    """What the page says of the run that this one is compared with."""
    if comparison is None:
        return None
    return {
        "comparison": comparison,
        "sentence": words.clean(comparison.sentence),
        "conditions": compared.conditions(comparison),
        "telling": compared.telling(comparison),
        "figures": compared.load_rows(comparison),
    }


def script() -> str:
    """The page's own script."""
    parts = ((TEMPLATES / "script" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def _of_drill(drill: str, verdicts: tuple[VerdictEntry, ...]) -> list[tuple[str, str, str]]:
    """The verdicts on a drill: anchor, title, and mark of the status."""
    return [(one.anchor, one.view.title, one.view.mark) for one in verdicts if one.view.id.partition("/")[2] == drill]


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    """Made once: to compile the templates takes as long as to judge a small run."""
    environment = Environment(
        loader=PackageLoader("closeshave.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Callable[..., str]] = {
        "clean": words.clean,
        "spaced": words.spaced,
        "percent": lambda share: f"{share * 100:.2f}%",
        "seconds": lambda value: f"{value:.3f}",
    }
    environment.filters.update(filters)
    return environment


def _moment(iso: str) -> str:
    return words.clean(iso[:19]).replace("T", " ")


def _integrity(findings: Findings) -> list[tuple[str, str, bool]]:
    """Name, count with its exposure, and whether it is a breach."""
    counts = findings.assessment.integrity
    told = {one.measure: words.exposed(one) for one in findings.assessment.verdicts if one.exposure}

    def figure(name: str) -> str:
        value = words.count(counts.breaches[name])
        return words.clean(f"{value} {told[name]}") if name in told else f"{value}, not judged" if name not in asked else value

    asked = {one.measure for one in findings.assessment.verdicts}
    breaches = [(words.spaced(name), figure(name), bool(count)) for name, count in counts.breaches.items() if not INVARIANTS[name].doubt]
    doubts = [(words.spaced(name), words.count(count), False) for name, count in counts.breaches.items() if INVARIANTS[name].doubt]
    return [("acknowledged", words.count(counts.acknowledged), False), *breaches, *doubts]
