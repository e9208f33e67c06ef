"""``summary.md``: what fits the summary page of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from closeshave.judge.verdict import DrillFigures, FaultFigures
from closeshave.plurals import counted
from closeshave.report import alerts, ranking, rate, views, words
from closeshave.report.alerts import AlertRow
from closeshave.report.findings import Findings
from closeshave.report.headline import MARKS, headline, meaning
from closeshave.report.recovery import HealingOutcome, healing, recovered, struck
from closeshave.report.views import VerdictView

_LONGEST_CELL = 200
_MOST_ALERTS = 30


def render(findings: Findings) -> str:
    """The headline, at most ten rows, the faults, and where the rest is."""
    manifest, assessment = findings.history.manifest, findings.assessment
    said = headline(assessment, manifest.evidence, findings.exit_code)
    chosen = ranking.rows(assessment.verdicts)
    load = assessment.load
    lines = [
        f"## {MARKS[said.status]} {said.word}, {_safe(said.evidence)}: {_safe(manifest.plan)}",
        "",
        _safe(said.sentence, None),
        "",
        f"> {meaning(manifest.evidence)}",
        "",
    ]
    lines += _table(
        ("", "promise", "scope", "measured", "bound", "confidence", "n", "why"),
        [_row(views.row_view(one, findings.target, 0)) for one in chosen],
    )
    rest = len(assessment.verdicts) - sum(one.alike for one in chosen)
    lines += ["", f"{counted(rest, 'more verdict is', 'more verdicts are')} in `report.html`.", ""] if rest > 0 else [""]
    if assessment.faults:
        lines += ["### Faults", "", *faults(assessment.faults), ""]
        score, name, remark = views.resilience(assessment.resilience)
        lines += [f"{name.capitalize()}: {score} ({_safe(remark)}).", ""]
    if assessment.alerts:
        lines += ["### Alerts", "", *_alerts(alerts.rows(assessment.alerts[:_MOST_ALERTS]))]
        more = len(assessment.alerts) - _MOST_ALERTS
        lines += ["", f"{counted(more, 'more alert is', 'more alerts are')} in `summary.json`.", ""] if more > 0 else [""]
    if assessment.drills:
        heads = ("drill", "scope", "ended", "took", "steps", "requests not good", "writes refused", "loss window", "put back")
        lines += ["### Drills", "", *_table(heads, [_drill(one) for one in assessment.drills]), ""]
    if findings.baseline is not None:
        lines += ["### Baseline", "", _safe(f"Compared with {findings.baseline.base}: {findings.baseline.sentence}", None), ""]
    if findings.trend:
        lines += [_safe(f"Trend: {findings.trend}", None), ""]
    told = "; ".join(text for _, text in views.integrity_figures(assessment))
    lines += [f"Integrity: {views.customers_bookings(assessment)}; {_safe(told, None)}.", ""]
    for title, ones in views.silences(assessment):
        lines += [f"{title}:", "", *(f"- {_safe(name)}: {_safe(why)}" for name, _, why in ones), ""]
    load_line = (
        f"Load: {words.count(load.intended)} requests intended, {words.count(load.sent)} sent, {words.count(load.recorded)} recorded; "
        f"offered {words.per_second(load.rate_offered)}, answered well {words.per_second(load.rate_completed)}."
    )
    if manifest.rate is not None:
        lines += [f"Rate: {_safe(rate.sentence(manifest.rate), None)}.", ""]
    run_line = (
        f"Run {_safe(manifest.id)}, seed {manifest.seed}, Closeshave {_safe(manifest.version)}, exit code {findings.exit_code}. "
        "The whole report is `report.html` in the run's artefacts."
    )
    return "\n".join([*lines, load_line, "", run_line, ""])


def faults(several: Iterable[FaultFigures]) -> list[str]:
    """The lines of the table of faults."""
    columns = (
        "fault",
        "scope",
        "injected",
        "expected",
        "recovery",
        "detect",
        "fail over",
        "restore",
        "loss window",
        "lost writes",
        "healed",
    )
    return _table(columns, [_fault(one) for one in several])


def _row(row: VerdictView) -> tuple[str, ...]:
    return (f"{row.mark} {row.word.lower()}", views.named(row), row.scope, row.measured, row.bound, row.interval, row.n, row.reason)


def _fault(fault: FaultFigures) -> tuple[str, ...]:
    return (
        fault.id,
        words.scope(fault.scope),
        struck(fault),
        fault.expected,
        recovered(fault),
        words.seconds(fault.detect_s),
        words.seconds(fault.fail_over_s),
        words.seconds(fault.restore_s),
        words.seconds(fault.loss_window_s),
        words.count(fault.lost_writes),
        "**not proven**" if (healed := healing(fault)) is HealingOutcome.NOT_PROVEN else healed,
    )


def _alerts(rows: Iterable[AlertRow]) -> list[str]:
    columns = ("alert", "classified", "about", "fault", "first harm", "raised", "time to alert", "ended")
    return _table(
        columns, ((row.name, row.classified, row.about, row.fault or "none", row.harmed, row.raised, row.after, row.ended) for row in rows)
    )


def _drill(drill: DrillFigures) -> tuple[str, ...]:
    told = views.drill_view(drill)
    return (
        drill.id,
        told.scope,
        told.ended,
        told.took,
        told.split,
        told.cost,
        words.seconds(drill.writes_refused_s),
        words.seconds(drill.loss_window_s),
        "proven" if drill.put_back_proven else "**not proven**",
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [[cell if cell == "**not proven**" else _safe(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *(f"| {' | '.join(row)} |" for row in cells)]


def _safe(text: str, longest: int | None = _LONGEST_CELL) -> str:
    """Text from a history as plain words: no markup, no HTML, no mention, and always on one line."""
    one_line = " ".join(words.clean(text, longest).split())
    return re.sub(r"([\\`*_\[\]<>|~#!@&])", r"\\\1", one_line)
