"""What is known about a plan before it runs: what will be judged, what will not and why, and warnings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.control import processors
from closeshave.environments import drivers
from closeshave.files import taken
from closeshave.files.plaintext import clean
from closeshave.files.yamlfile import duration_text
from closeshave.judge import asked
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.report import promised
from closeshave.report import rate as told
from closeshave.report.words import quantity
from closeshave.target import Objective
from closeshave.trial import fitting, prospects
from closeshave.trial.calibration import FLOOR, SHARE
from closeshave.trial.preparation import Prepared
from closeshave.trial.prospects import Prospect


def show(prepared: Prepared, console: Console) -> None:
    """Print it. All of it is plain text: nothing in it is read as markup."""
    console.print(Text("valid", style="green").append(f"  {prepared.inputs.plan}", style="not green"), soft_wrap=True)
    for fault in prepared.drawn:
        place = ", ".join(f"{key} {value}" for key, value in fault.scope.items())
        console.print(
            Text(
                f"  {fault.id}  {fault.kind} on {place}, injected {fault.at:g} s after the start of {fault.phase}, held for {fault.hold:g} s"
            ),
            soft_wrap=True,
        )
    if prepared.inputs.taken:
        console.print(Text(clean(f"  options: {', '.join(map(str, prepared.inputs.taken))}")), soft_wrap=True)
    if prepared.rate_scale != 1:
        console.print(Text(f"  {told.sentence(prepared.rate)}; {resolution(prepared)}"), soft_wrap=True)
    if prepared.written.rate == "auto":
        console.print(Text(f"  {_automatic(prepared)}"), soft_wrap=True)
    for titles, rows in _tables(prepared):
        _table(console, titles, rows)
    console.print(Text(f"  {_tested(prepared)}"), soft_wrap=True)
    warn(prepared, console)


def show_all(several: Sequence[Prepared], console: Console) -> None:
    """Print each of them."""
    for prepared in several:
        show(prepared, console)


def plain(prepared: Prepared) -> dict[str, Any]:
    """What :func:`show` prints, as plain values."""
    return {
        "plan": str(prepared.inputs.plan),
        "target": str(prepared.inputs.target),
        "environment": str(prepared.inputs.environment),
        "options": taken.told(prepared.inputs.taken),
        "drawn": [
            {"id": one.id, "kind": one.kind, "scope": dict(one.scope), "phase": one.phase, "at_s": one.at, "hold_s": one.hold}
            for one in prepared.drawn
        ],
        "rate": asdict(prepared.rate),
        **{titles[0].replace(" ", "_"): [dict(zip(titles, row, strict=True)) for row in rows] for titles, rows in _tables(prepared)},
        "notes": list(prepared.warnings),
    }


def warn(prepared: Prepared, console: Console) -> None:
    """Print warnings: what is allowed, but may not be what the author of the plan wants."""
    for warning in prepared.warnings:
        console.print(Text("note", style="yellow").append(f"  {warning}", style="not yellow"), soft_wrap=True)


def resolution(prepared: Prepared) -> str:
    """What the canaries' rate means for recovery times."""
    home_per_s = prepared.plan.canaries.home_per_s
    return f"canaries probe each shard {home_per_s:.3g} times a second, so recovery times are measured to {1 / home_per_s:.2g} s at best"


def foreseen(prepared: Prepared) -> list[str]:
    """For which objectives the trial will have enough requests at its rate, and for each of the others what would be enough. One sentence each."""
    target, topology = prepared.target, prepared.definition.topology
    found = prospects.prospects(prepared.plan, target, topology)
    enough = [_name(each.objective) for each in found if each.enough]
    said = [f"enough requests for a verdict, if no request breaks the promise: {', '.join(enough)}"] if enough else []
    planned = prospects.prospects(prepared.written, target, topology)
    return said + [_short(prepared.plan, each, whole) for each, whole in zip(found, planned, strict=True) if not each.enough]


def _short(plan: Plan, found: Prospect, planned: Prospect) -> str:
    """The sentence for an objective with too few requests: what would be enough."""
    name, bound = found.objective.told, promised.bound(found.objective)
    lasting_s = prospects.lasting_s(plan, found)
    if planned.enough:
        where = "on this machine"
        would = [f"{found.needs / max(found.expects, 1):.2g} times the rate"]
        would += [f"limits.duration: {duration_text(math.ceil(lasting_s))}"] if lasting_s is not None else []
    else:
        where, would = "in this plan", [f"{math.ceil(lasting_s - plan.duration_s):,} s more of calm"] if lasting_s is not None else []
    part = f" in each of {found.parts} parts" if found.parts > 1 else ""
    told_would = f"; {' or '.join(would)} would be enough" if would else ""
    return (
        f"too few requests {where}: {name} ({bound}) will be inconclusive. It needs {counted(found.needs, 'request')} without a breach{part}; about "
        f"{found.expects:,.0f} are expected, which are enough for {quantity(found.settles, 'ratio')} at best"
        f"{told_would}"
    )


def _automatic(prepared: Prepared) -> str:
    """The sentence about ``rate: auto``, before the calibration has measured this machine."""
    if not drivers.of(prepared.definition.kind).ours:
        return "rate: auto has no effect on a remote platform: its rates are as planned, or as --rate-scale says"
    if not prepared.calibrates:
        return f"rate: auto: --rate-scale {prepared.rate_scale:g} fixes the rate, and nothing is calibrated"
    least = fitting.fitted(prepared.written, FLOOR)
    return (
        f"rate: auto: before the load, a calibration finds the share of these rates that takes at most {quantity(SHARE, 'ratio')} of this "
        f"machine's {processors.available():g} processors. At a smaller share the calm phases last up to {quantity(least.calm_s, 's')} instead "
        f"of {quantity(prepared.written.calm_s, 's')} (limits.duration: {duration_text(prepared.written.limits.duration)}). Below "
        f"{quantity(FLOOR, 'ratio')} no load is sent and the run is inconclusive"
    )


def _tables(prepared: Prepared) -> tuple[tuple[tuple[str, ...], list[tuple[str, ...]]], ...]:
    """What is judged, how many requests that takes, and what is not: the titles of the columns, and rows."""
    said = asked.asked(prepared.plan, prepared.target)
    judged: list[tuple[str, ...]] = [
        (each.told, promised.bound(each), ", ".join(each.claims) or "of the harness") for each in said.objectives
    ]
    not_run: list[tuple[str, ...]] = [(row.id.removeprefix(asked.PART), row.text, row.why) for row in (*said.not_run, *said.in_part)]
    return (
        (("will be judged", "bound", "promises"), judged),
        (("requests for a verdict", "needed", "expected", "enough down to"), _samples(prepared)),
        (("not run in this plan", "promise", "why"), not_run),
    )


def _tested(prepared: Prepared) -> str:
    """The sentence on how many of the target's promises the plan tests."""
    target, said = prepared.target, asked.asked(prepared.plan, prepared.target)
    tested = {claim.id for claim in target.claims} - {row.id for row in said.not_run}
    whole = f"this plan tests {len(tested):,} of {counted(len(target.claims), 'promise')} of {target.name}"
    return f"{whole}, not all of them whole: see the objectives above that it does not test" if said.in_part else whole


def _samples(prepared: Prepared) -> list[tuple[str, ...]]:
    """How many requests each objective needs, how many the plan sends, and down to which share of its rate they are enough."""
    target, topology = prepared.target, prepared.definition.topology
    shares = [step / 100 for step in range(1, 101)]
    smaller = [prospects.prospects(fitting.fitted(prepared.written, share), target, topology) for share in shares]
    rows: list[tuple[str, ...]] = []
    for at, one in enumerate(prospects.prospects(prepared.plan, target, topology)):
        least = next((share for share, found in zip(shares, smaller, strict=True) if found[at].enough), None)
        each = f" in each of {one.parts} parts" if one.parts > 1 else ""
        rows.append((one.objective.told, f"{one.needs:,}{each}", f"{one.expects:,.0f}{each}", _enough(one, least)))
    return rows


def _enough(found: Prospect, least: float | None) -> str:
    """Whether its requests are enough, and down to which share of the rate. At a smaller rate calm lasts longer, so more can come than as planned."""
    if not found.enough:
        return "too few as planned"
    return "not at any smaller rate" if least is None else f"{least:.0%} of the rate".replace("%", " %")


def _name(objective: Objective) -> str:
    return f"{objective.told} ({promised.bound(objective)})"


def _table(console: Console, titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if not rows:
        return
    table = Table(*titles, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
