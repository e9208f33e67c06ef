"""A comparison on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.comparison import views
from closeshave.comparison.values import Comparison
from closeshave.comparison.views import ComparedRow
from closeshave.files.plaintext import clean
from closeshave.plurals import counted

STYLES = {"worse": "red", "better": "green"}


def show(comparison: Comparison, console: Console) -> None:
    """Conditions first: where they differ, no figure below means anything by itself."""
    whole = not console.is_terminal
    console.print(
        Text(clean(f"{comparison.base} ({comparison.base_status}) → {comparison.other} ({comparison.other_status})"), style="bold"),
        soft_wrap=whole,
    )
    for title, ones in views.conditions(comparison):
        console.print(Text(f"  {title}: ", style="dim").append(", ".join(ones), style="not dim"), soft_wrap=whole)
    telling = views.telling(comparison)
    if telling:
        console.print(_table(telling, verdicts=True))
    rest = len(comparison.verdicts) - sum(1 for each in telling if each.status)
    if rest:
        console.print(Text(f"  {counted(rest, 'verdict')} with the same status and no difference beyond chance", style="dim"))
    console.print(_table(views.load_rows(comparison), verdicts=False))
    console.print(Text(clean(comparison.sentence), style="yellow" if not comparison.comparable else "default"), soft_wrap=whole)


def _table(rows: Sequence[ComparedRow], *, verdicts: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("verdict" if verdicts else "figure")
    if verdicts:
        table.add_column("status", no_wrap=True)
    for name in ("before", "now", "difference", "interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for each in rows:
        status = (Text(each.status, style="bold" if each.changed else "dim"),) if verdicts else ()
        table.add_row(
            Text(each.title),
            *status,
            each.base,
            each.other,
            each.difference,
            each.interval,
            Text(each.mark, style=STYLES.get(each.direction, "dim")),
        )
    return table
