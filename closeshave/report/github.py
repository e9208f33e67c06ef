"""What a job of GitHub Actions shows: annotations, which are lines of its log, and its summary page. Pure.

GitHub shows ten annotations of a kind for each step, so the worst come first and the last one says how many are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.plurals import counted
from closeshave.report import codequality, words
from closeshave.report.findings import Findings

SHOWN_MOST = 10
SUMMARY_BYTES = 1_000_000
"""A step's summary may have 1 MiB; a larger one is not shown at all."""


class Level(StrEnum):
    """How an annotation is shown, the worst first."""

    ERROR = "error"
    """Counts against the job."""
    WARNING = "warning"
    """Could not be decided."""
    NOTICE = "notice"
    """Is shown only."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A line at a file. Texts are data, whatever they hold."""

    level: Level
    title: str
    text: str
    file: str
    line: int


def annotated(findings: Findings) -> list[Annotation]:
    """One for each verdict that is not pass, at the line that asks for it; broken invariants first."""
    wrong = [verdict for verdict in findings.assessment.verdicts if verdict.status is not Status.PASS and (verdict.gates or verdict.waived)]
    ordered = sorted(wrong, key=lambda one: (-one.status.severity, kind_of(one) is not VerdictKind.INTEGRITY))
    return [_annotation(verdict, findings) for verdict in ordered]


def commands(found: Iterable[Annotation]) -> list[str]:
    """The lines that GitHub reads as annotations."""
    several = list(found)
    lines = []
    for level in Level:
        ones = [one for one in several if one.level is level]
        shown = ones if len(ones) <= SHOWN_MOST else ones[: SHOWN_MOST - 1]
        lines += [_command(one) for one in shown]
        if rest := len(ones) - len(shown):
            lines.append(_command(Annotation(level, "more", f"{counted(rest, 'more', 'more')} in the report", ones[0].file, 1)))
    return lines


def summary(markdown: str) -> bytes:
    """The text for the summary page, cut at a line where it is too long."""
    content = markdown.encode(errors="replace")
    if len(content) <= SUMMARY_BYTES:
        return content
    return content[:SUMMARY_BYTES].rpartition(b"\n")[0] + b"\n\nThe rest is in `summary.md` of the artefacts.\n"


def _annotation(verdict: Verdict, findings: Findings) -> Annotation:
    what, line = codequality.place(verdict, findings)
    level = Level.NOTICE if verdict.waived else Level.ERROR if verdict.status is Status.FAIL else Level.WARNING
    return Annotation(
        level, f"{verdict.id}: {verdict.status.value}", verdict.reason, codequality.path_of(what, findings.history.manifest.sources), line
    )


def _command(one: Annotation) -> str:
    return f"::{one.level.value} file={_property(one.file)},line={one.line},title={_property(one.title)}::{_data(one.text)}"


def _data(text: str) -> str:
    """A line break would end the command, and what follows could be another one."""
    return words.clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
