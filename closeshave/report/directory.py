"""The effects of the report: every artefact into the run's directory."""

from __future__ import annotations

import contextlib
import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from closeshave.comparison.values import Comparison
from closeshave.files import digest, write_atomically
from closeshave.history import History
from closeshave.judge.evidence import blocks
from closeshave.judge.verdict import Assessment
from closeshave.plan import Plan
from closeshave.report import added, bencher, codequality, github, html, junit, markdown, summary
from closeshave.report.curves import Curves, curves
from closeshave.report.findings import ATTACHMENTS, INPUTS, Findings
from closeshave.target import Target
from closeshave.vocabulary import BENCHER, CHARTS, CODE_QUALITY, JUNIT, MARKDOWN, PAGE, PLAN, RESOURCES_FILE, SUMMARY, TARGET


@dataclass(frozen=True, slots=True)
class OtherRuns:
    """What other runs say of this one."""

    baseline: Comparison | None = None
    trend: str = ""


ALONE = OtherRuns()


def write(
    run: Path, history: History, plan: Plan, target: Target, assessment: Assessment, exit_code: int, others: OtherRuns = ALONE
) -> Path:
    """Write every artefact, ``summary.json``, ``junit.xml``, ``report.html`` and the others; the answer is the HTML file's path.

    What other programs wait for is written first, so that a crash while drawing loses pictures and no verdict. Raises :class:`OSError`.
    """
    findings = _findings(run, history, plan, target, assessment, exit_code, others)
    write_atomically(run / SUMMARY, summary.render(findings))
    write_atomically(run / JUNIT, junit.render(findings))
    write_atomically(run / CODE_QUALITY, codequality.render(findings))
    write_atomically(run / MARKDOWN, markdown.render(findings))
    write_atomically(run / BENCHER, bencher.render(findings))
    page = run / PAGE
    # Drawing keeps one processor busy, and what the page needs of a long run can use another one.
    with blocks.kept_in(history.room), ThreadPoolExecutor(1) as pool:
        pool.submit(_ready)
        drawn = curves(findings)
        pictures = pool.submit(_pictures, findings, drawn)
        write_atomically(page, html.render(findings, drawn).encode(errors="replace"))
    (run / CHARTS).mkdir(exist_ok=True)
    for name, image in pictures.result().items():
        write_atomically(run / CHARTS / name, image)
    added.write(run, findings)
    return page


def _ready() -> None:
    """Import what draws, which can go on while the curves are computed. Who cannot import it says so in :func:`_pictures`."""
    with contextlib.suppress(Exception):
        importlib.import_module("closeshave.report.charts")


def _pictures(findings: Findings, drawn: Curves) -> dict[str, bytes]:
    # Here alone: most who judge a run draw nothing, and the library takes most of a second to import.
    from closeshave.report import charts  # noqa: PLC0415

    return charts.render(findings, drawn)


def summarize(run: Path, history: History, plan: Plan, target: Target, assessment: Assessment, exit_code: int) -> bytes:
    """What :func:`write` writes as ``summary.json``; writes nothing. Raises :class:`OSError`."""
    return summary.render(_findings(run, history, plan, target, assessment, exit_code))


def annotated(run: Path, history: History, plan: Plan, target: Target, assessment: Assessment, exit_code: int) -> list[github.Annotation]:
    """What a CI job shows beside the lines of plan and target. Raises :class:`OSError`."""
    return github.annotated(_findings(run, history, plan, target, assessment, exit_code))


def _findings(
    run: Path, history: History, plan: Plan, target: Target, assessment: Assessment, exit_code: int, others: OtherRuns = ALONE
) -> Findings:
    attachments = {name: (run / name).read_text(errors="replace", encoding="utf-8") for name in ATTACHMENTS if (run / name).is_file()}
    lines = {**codequality.lines(run / TARGET, "objectives", "objective"), **codequality.lines(run / PLAN, "faults", "fault")}
    return Findings(
        history, plan, target, assessment, exit_code, _resources(run), attachments, _digests(run), lines, others.baseline, others.trend
    )


def _digests(run: Path) -> dict[str, str]:
    return {what: digest(run / name) for what, name in INPUTS.items() if (run / name).is_file()}


def _resources(run: Path) -> pd.DataFrame | None:
    """No verdict rests on this file, so a report without it is better than none."""
    if not (run / RESOURCES_FILE).is_file():
        return None
    try:
        return pd.read_parquet(run / RESOURCES_FILE)
    except (pa.ArrowException, OSError, ValueError):
        return None
