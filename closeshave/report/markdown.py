"""``summary.md``: what fits the summary page of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from closeshave.judge.verdict import FaultFigures, Verdict
from closeshave.plan import Target
from closeshave.report import ranking, words
from closeshave.report.findings import Findings
from closeshave.report.headline import MARKS, WORDS, headline, meaning

_LONGEST_CELL = 200
_MOST_REASONS = 5


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
    if len(assessment.reasons) > 1:
        lines += [f"- {_safe(reason, None)}" for reason in assessment.reasons[:_MOST_REASONS]]
        lines += [f"- and {len(assessment.reasons) - _MOST_REASONS} more"] if len(assessment.reasons) > _MOST_REASONS else []
        lines.append("")
    lines += _table(
        ("", "promise", "scope", "measured", "bound", "confidence", "n", "why"), [_row(one, findings.target) for one in chosen]
    )
    rest = len(assessment.verdicts) - len(chosen)
    lines += ["", f"{rest} more verdicts are in `report.html`.", ""] if rest > 0 else [""]
    if assessment.faults:
        columns = ("fault", "scope", "expected", "recovery", "detect", "fail over", "restore", "loss window", "lost writes", "healed")
        lines += ["### Faults", "", *_table(columns, [_fault(one) for one in assessment.faults]), ""]
    lines += [
        f"Load: {words.count(load.intended)} requests intended, {words.count(load.sent)} sent, {words.count(load.recorded)} recorded; "
        f"offered {words.per_second(load.rate_offered)}, completed {words.per_second(load.rate_completed)}.",
        "",
        f"Run `{_code(manifest.id)}`, seed {manifest.seed}, Closeshave {_safe(manifest.version)}, exit code {findings.exit_code}. "
        "All of it: `report.html` in the run's artefacts.",
        "",
    ]
    return "\n".join(lines)


def _row(verdict: Verdict, target: Target) -> tuple[str, ...]:
    return (
        f"{MARKS[verdict.status]} {WORDS[verdict.status].lower()}",
        words.title(verdict, target),
        words.scope(verdict.scope),
        words.quantity(verdict.measured, verdict.unit),
        words.bound(verdict),
        words.interval(verdict),
        words.count(verdict.n),
        verdict.reason,
    )


def _fault(fault: FaultFigures) -> tuple[str, ...]:
    return (
        fault.id,
        words.scope(fault.scope),
        fault.expected,
        words.seconds(fault.recovery_s),
        words.seconds(fault.detect_s),
        words.seconds(fault.fail_over_s),
        words.seconds(fault.restore_s),
        words.seconds(fault.loss_window_s),
        words.count(fault.lost_writes),
        "proven" if fault.healed_verified else "**not proven**",
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [[cell if cell == "**not proven**" else _safe(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *(f"| {' | '.join(row)} |" for row in cells)]


def _safe(text: str, longest: int | None = _LONGEST_CELL) -> str:
    """Text from a history as plain words: no markup, no HTML, no mention, and always on one line."""
    one_line = " ".join(words.clean(text, longest).split())
    return re.sub(r"([\\`*_\[\]<>|~#!@&])", r"\\\1", one_line)


def _code(text: str) -> str:
    return words.clean(text).replace("`", "'").replace("\n", " ")
