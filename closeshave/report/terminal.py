"""What a person sees when a run is over: a table and one sentence.

Text from a history goes to the console as :class:`rich.text.Text`, which is never read as markup, and without control characters.
"""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.history import load_manifest
from closeshave.judge.verdict import Assessment, FaultFigures, Status
from closeshave.report import ranking, words
from closeshave.report.headline import MARKS, WORDS, headline

STYLES = {Status.PASS: "bold green", Status.INCONCLUSIVE: "bold yellow", Status.FAIL: "bold red"}


def render(assessment: Assessment, run: Path, console: Console) -> None:
    """Print the verdicts of the first screen, the faults, and the sentence of verdict. Raises :class:`FileNotFoundError` for no run."""
    console.print()
    console.print(_verdicts(assessment))
    if assessment.faults:
        console.print(_faults(assessment.faults))
    said = headline(assessment, load_manifest(run).evidence)
    sentence = Text(f"{MARKS[said.status]} {said.word} ({said.evidence}): ", style=STYLES[said.status])
    sentence.append(said.sentence, style="default")
    console.print(sentence)
    if (run / "report.html").exists():
        console.print(Text(f"  {run / 'report.html'}", style="dim"), soft_wrap=True)


def _verdicts(assessment: Assessment) -> Table:
    chosen = ranking.rows(assessment.verdicts)
    rest = len(assessment.verdicts) - sum(row.alike for row in chosen)
    table = Table(box=box.SIMPLE_HEAD, caption=f"{rest} more verdicts in the report" if rest else None, caption_justify="left")
    for name in ("verdict", "promise", "scope"):
        table.add_column(name, no_wrap=name == "verdict")
    for name in ("measured", "bound", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in chosen:
        verdict = row.verdict
        alike = f", worst of {row.alike}" if row.alike > 1 else ""
        table.add_row(
            Text(f"{MARKS[verdict.status]} {WORDS[verdict.status].lower()}", style=STYLES[verdict.status]),
            _text(verdict.id),
            _text(words.scope(verdict.scope) + alike),
            _text(words.quantity(verdict.measured, verdict.unit)),
            _text(words.bound(verdict)),
            _text(words.count(verdict.n)),
            _text(words.clean(verdict.reason, 160)),
        )
    return table


def _faults(faults: tuple[FaultFigures, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("fault")
    table.add_column("scope")
    for name in ("recovery", "detect", "fail over", "restore", "loss window"):
        table.add_column(name, justify="right")
    table.add_column("healed")
    for fault in faults:
        times = (fault.recovery_s, fault.detect_s, fault.fail_over_s, fault.restore_s, fault.loss_window_s)
        table.add_row(
            _text(fault.id),
            _text(words.scope(fault.scope)),
            *(_text(words.seconds(time)) for time in times),
            Text("proven", style="green") if fault.healed_verified else Text("not proven", style="bold red"),
        )
    return table


def _text(content: str) -> Text:
    return Text(words.clean(content).replace("\n", " "))
