"""``report.html``: the whole report as one file that needs no network.

What a history contains is hostile until proven otherwise: the templates escape everything, data for the script is JSON in which no tag can
close, and the page's own content security policy lets nothing run but the one script whose hash it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.report import ranking, rate, views, words
from closeshave.report.curves import Curves
from closeshave.report.failures import failures
from closeshave.report.figures.recovery import recovery
from closeshave.report.figures.shards import shards
from closeshave.report.figures.spread import spread
from closeshave.report.figures.timeline import timeline
from closeshave.report.findings import Findings
from closeshave.report.headline import MARKS, headline, meaning
from closeshave.report.machine import per_bin
from closeshave.report.series import Floats

TEMPLATES = Path(__file__).parent / "templates"


def render(findings: Findings, curves: Curves) -> str:
    """The page."""
    history, assessment, manifest = findings.history, findings.assessment, findings.history.manifest
    when, what = curves.axis, curves.series
    homes = {shard.id: shard.home for shard in manifest.topology.shards}
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    common, more_failures = failures(history.operations, when)

    rows = [views.row_view(row, findings.target, when.zero_ns) for row in ranking.rows(assessment.verdicts)]
    context = {
        "css": Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - the package's own file
        "script": Markup(script),  # noqa: S704 - the package's own file
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "headline": headline(assessment, manifest.evidence, findings.exit_code),
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
        "rows": rows,
        "silences": views.silences(assessment),
        "reasons": [words.clean(reason) for reason in assessment.reasons if not any(row.reason and row.reason in reason for row in rows)],
        "verdicts": [views.verdict_view(verdict, findings.target, when.zero_ns) for verdict in ranking.worst_first(assessment.verdicts)],
        "faults": [views.fault_view(fault, history.faults, when.zero_ns) for fault in assessment.faults],
        "timeline": timeline(what, when, curves.machine),
        "shards": shards(what, when, homes),
        "recovery": recovery(assessment.faults),
        "spread": spread(curves.distributions),
        "failures": common,
        "more_failures": more_failures,
        "data": _for_script(curves),
        "integrity": _integrity(findings),
        "history": history,
        "environment": views.flat_json(findings.attachments["environment.json"]) if "environment.json" in findings.attachments else (),
        "rerun": words.clean(findings.attachments["rerun.sh"]) if "rerun.sh" in findings.attachments else None,
        "words": words,
    }
    return _environment().get_template("report.html.j2").render(context)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("closeshave.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Callable[..., str]] = {
        "clean": words.clean,
        "spaced": words.spaced,
        "px": lambda value: f"{value:.1f}".removesuffix(".0"),
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


def _for_script(curves: Curves) -> dict[str, Any]:
    """What the crosshair shows, in the units of the figures' names."""
    when, what, load = curves.axis, curves.series, curves.machine
    lines = {
        "offered": what.offered_per_s,
        "completed": what.completed_per_s,
        "p50": what.p50_ms,
        "p95": what.p95_ms,
        "p99": what.p99_ms,
        "bad": what.not_good_per_s,
    }
    return {
        "bin_s": what.bin_s,
        "span_s": when.span_s,
        **{name: _short(values) for name, values in lines.items()},
        "cpu": _short(per_bin(load.busy, load.at_s, what.starts_s + what.bin_s / 2) * 100) if load else None,
        "shards": [{"shard": one.shard, "bad": _short(one.not_good_per_s), "p95": _short(one.p95_ms)} for one in what.shards],
        "phases": [{"name": words.clean(one.name), "from": one.start_s, "to": one.end_s} for one in when.phases],
        "faults": [{"name": words.clean(one.fault), "from": one.start_s, "to": one.end_s} for one in when.bands],
        "signals": [{"at": one.at_s, "text": words.clean(f"{one.kind} {words.scope(one.scope)}")} for one in when.ticks],
    }


def _short(values: Floats) -> list[float | None]:
    return [round(value, 2) if np.isfinite(value) else None for value in values.tolist()]
