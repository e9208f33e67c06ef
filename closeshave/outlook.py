"""What can be said of a plan before it is run: what will be judged, what will not and why, and what had better be known."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.judge import asked
from closeshave.preparation import Prepared
from closeshave.report.words import quantity
from closeshave.target import UNIT_OF, Measure, Objective

UNITS = {"time": "s", "share": "ratio", "rate": "1/s"}


def show(prepared: Prepared, console: Console) -> None:
    """Print it; all of it is text, whatever it looks like."""
    console.print(Text("valid", style="green").append(f"  {prepared.inputs.plan}", style="not green"), soft_wrap=True)
    for fault in prepared.drawn:
        place = ", ".join(f"{key} {value}" for key, value in fault.scope.items())
        console.print(
            Text(f"  {fault.id}  {fault.kind} on {place} {fault.at:g} s into {fault.phase}, held {fault.hold:g} s"), soft_wrap=True
        )
    if prepared.rate_scale != 1:
        console.print(Text(f"  rates are {prepared.rate_scale:g} times the plan's: {resolution(prepared)}"), soft_wrap=True)
    said = asked.asked(prepared.plan, prepared.target)
    _table(
        console, ("will be judged", "bound", "promises"), [(*_named(each), ", ".join(each.claims) or "our own") for each in said.objectives]
    )
    _table(console, ("not run in this plan", "promise", "why"), [(row.id, row.text, row.why) for row in said.not_run])
    warn(prepared, console)


def warn(prepared: Prepared, console: Console) -> None:
    """Print what may be meant, and had better be known."""
    for warning in prepared.warnings:
        console.print(Text("note", style="yellow").append(f"  {warning}", style="not yellow"), soft_wrap=True)


def resolution(prepared: Prepared) -> str:
    """What the canaries' rate means for recovery times."""
    home_per_s = prepared.plan.canaries.home_per_s
    return f"canaries ask each shard {home_per_s:.3g} times a second, so a recovery time is known to {1 / home_per_s:.2g} s at best"


def _named(objective: Objective) -> tuple[str, str]:
    per = "" if objective.per == "all" else f" per {objective.per.replace('_', ' ')}"
    faults = f" by {', '.join(objective.faults)}" if objective.faults else ""
    if objective.measure is Measure.INTEGRITY:
        bound = f"no breach of {', '.join(objective.invariants) or 'any invariant'}"
    else:
        side = "at least" if objective.at_least is not None else "at most"
        percentile = f"p{100 * objective.percentile:g} of " if objective.percentile is not None else ""
        bound = f"{percentile}{objective.measure.replace('_', ' ')} {side} {quantity(objective.bound, UNITS[UNIT_OF[objective.measure]])}"
    return f"{objective.id}{per}{faults}", bound


def _table(console: Console, titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if not rows:
        return
    table = Table(*titles, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
