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
from closeshave.plan import Expected
from closeshave.plurals import counted
from closeshave.report import ranking, rate, views, words
from closeshave.report.headline import MARKS, headline
from closeshave.report.recovery import HealingOutcome, given_s, healing
from closeshave.report.views import VerdictView

NARROW = 100
"""Columns of a terminal below which the names of a table's columns are broken."""
NAME_WIDTH = 32
"""Columns of a fault's name that are kept together."""
STYLES = {Status.PASS: "bold green", Status.INCONCLUSIVE: "bold yellow", Status.FAIL: "bold red"}
HEALED = {HealingOutcome.PROVEN: "green", HealingOutcome.NOT_PROVEN: "bold red", HealingOutcome.NOT_NEEDED: "yellow"}


def render(assessment: Assessment, run: Path, console: Console) -> None:
    """Print the verdicts of the first screen, the faults, and the sentence of verdict. Raises :class:`FileNotFoundError` for no run.

    Lines are whole where the console is no terminal.
    """
    whole = not console.is_terminal
    chosen = [views.row_view(row, None, 0) for row in ranking.rows(assessment.verdicts)]
    console.print()
    console.print(_verdicts(assessment, chosen))
    for row in chosen:
        if row.reason:
            reason = Text(f"  {row.mark} ", style=STYLES[row.status]).append(_text(f"{views.named(row)}, {row.scope}: {row.reason}"))
            console.print(reason, soft_wrap=whole)
    if assessment.faults:
        console.print(_faults(assessment.faults, narrow=console.width < NARROW))
        score, name, remark = views.resilience(assessment.resilience)
        console.print(_text(f"  {name}: {score}, {remark}"), soft_wrap=whole)
    told = "; ".join(text for _, text in views.integrity_figures(assessment))
    console.print(_text(f"  {views.customers_bookings(assessment)}; {told}"), soft_wrap=whole)
    for title, ones in views.silences(assessment):
        console.print(_text(f"  {title}: {', '.join(name for name, _, _ in ones)}"), style="dim", soft_wrap=whole)
    manifest = load_manifest(run)
    if manifest.rate is not None:
        console.print(_text(f"  rate: {rate.sentence(manifest.rate)}"), soft_wrap=whole)
    if manifest.interrupted is not None:
        # Printed before the sentence, because it is the reason for it.
        console.print(_text(f"stopped early: {manifest.interrupted}"), style="bold red", soft_wrap=whole)
    console.print(_sentence(assessment, manifest.evidence), soft_wrap=whole)


def sentence(assessment: Assessment, run: Path) -> Text:
    """The verdict in one sentence. Raises :class:`FileNotFoundError` for no run."""
    return _sentence(assessment, load_manifest(run).evidence)


def _sentence(assessment: Assessment, evidence: str) -> Text:
    said = headline(assessment, evidence)
    return Text(f"{MARKS[said.status]} {said.word} ({said.evidence}): ", style=STYLES[said.status]).append(said.sentence, style="default")


def _verdicts(assessment: Assessment, chosen: list[VerdictView]) -> Table:
    rest = len(assessment.verdicts) - sum(row.alike for row in chosen)
    table = Table(box=box.SIMPLE_HEAD, caption=f"{counted(rest, 'more verdict')} in the report" if rest else None, caption_justify="left")
    for name in ("verdict", "promise", "scope"):
        table.add_column(name, no_wrap=name == "verdict")
    for name in ("measured", "promised"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in chosen:
        mark = Text(f"{row.mark} {row.word.lower()}", style=STYLES[row.status])
        table.add_row(mark, _text(views.named(row, short=True)), _text(row.scope), _text(row.measured), _text(row.bound))
    return table


def _faults(faults: tuple[FaultFigures, ...], *, narrow: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    # Its name is what other commands and the plan call it: on a small terminal everything else is broken first.
    table.add_column("fault", min_width=min(NAME_WIDTH, max(len(one.id) for one in faults)), overflow="fold")
    table.add_column("recovery", justify="right", no_wrap=True)
    # Beside it, because it is the longest recovery by itself that could be seen.
    table.add_column("time\ngiven" if narrow else "time given", justify="right", no_wrap=True)
    table.add_column("detect · fail over\n· restore" if narrow else "detect · fail over · restore")
    table.add_column("loss\nwindow" if narrow else "loss window", justify="right", no_wrap=True)
    table.add_column("healed", no_wrap=True)
    for fault in faults:
        known = (fault.detect_s, fault.fail_over_s, fault.restore_s)
        parts = words.UNKNOWN if known == (None, None, None) else " · ".join(map(words.seconds, known))
        table.add_row(
            _text(fault.id),
            _text(words.seconds(fault.recovery_s)),
            # Where the plan counts the healing as part of the recovery, there is no such time.
            _text("—" if fault.expected == Expected.RESTORED else words.seconds(given_s(fault))),
            _text(parts),
            _text(words.seconds(fault.loss_window_s)),
            Text(healed := healing(fault), style=HEALED[healed]),
        )
    return table


def _text(content: str) -> Text:
    return Text(words.clean(content).replace("\n", " "))
