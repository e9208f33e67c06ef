"""Runs beside runs: two of them, or many nights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits
from closeshave.cli.app import app
from closeshave.cli.options import RUNS, OtherRun, RunDirectory, plans, runs_below
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.comparison.nights import Night
    from closeshave.comparison.stored import StoredRun
    from closeshave.plan import Plan

NIGHTS = "name a directory of runs, or a file of nights that 'run --history' or 'trend --add' wrote"


@app.command(epilog=exits.told())
def compare(
    base: RunDirectory,
    other: OtherRun,
    html: Annotated[Path | None, typer.Option(help="Write the comparison as an HTML page into this file.", dir_okay=False)] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show two judged runs side by side: conditions, verdicts, figures with the interval of their difference, timelines. It judges nothing."""
    from closeshave.comparison import page, plain, stored, terminal
    from closeshave.comparison.compare import compare as compared
    from closeshave.comparison.views import telling
    from closeshave.files import write_atomically

    voice, before, now = Voice(json, quiet), stored.load(base), stored.load(other)
    found = compared(before, now)
    if html is not None:
        write_atomically(html, page.compared(found, _timelines(before, now, voice)))
    brief = (found.sentence, *(f"{each.status} {each.id} {each.difference}".strip() for each in telling(found)))
    voice.result(plain.told(found), brief, lambda console: terminal.show(found, console))
    if html is not None:
        voice.last("page", html)


def _timelines(before: StoredRun, now: StoredRun, voice: Voice) -> str | None:
    """A picture of both runs; ``None`` where the requests of one are not there any more."""
    if not (before.whole and now.whole):
        return None
    from closeshave.comparison.pictures import timelines
    from closeshave.conclusion import curves_of

    voice.note("reading the requests of both runs")
    return timelines(*((run.summary.run.id, curves_of(run.path)) for run in (before, now)))


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE))
def trend(
    nights: Annotated[
        Path, typer.Argument(help="A directory of runs, or a file to which each night is appended.", autocompletion=runs_below)
    ] = RUNS,
    plan: Annotated[
        str,
        typer.Option(
            help="Look at the nights of this plan alone. Its key gate.trend decides whether a change for the worse gates.",
            autocompletion=plans,
        ),
    ] = "",
    add: Annotated[
        Path | None,
        typer.Option(
            help="Append this judged run to the file of nights first; the file is made if it is missing.", exists=True, file_okay=False
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the trend as an HTML page into this file.", dir_okay=False)] = None,
    otava: Annotated[Path | None, typer.Option(help="Write the nights as a CSV file for Apache Otava.", dir_okay=False)] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show where figures changed over many nights, and what differs between the two runs of each change. It gates only where the plan says so."""
    from closeshave.comparison import trending
    from closeshave.comparison.otava import render
    from closeshave.comparison.trend import trend as changes
    from closeshave.files import write_atomically

    voice, stated = Voice(json, quiet), _plan(plan)
    if add is not None:
        _append(nights, add)
    found = changes(_of_one_plan(nights, stated))
    if html is not None:
        write_atomically(html, trending.page(found))
    if otava is not None:
        write_atomically(otava, render(found.nights))
    brief = [*(each.sentence for each in found.shifts), *filter(None, (found.unknown,))] or [found.sentence]
    voice.result(trending.told(found), brief, lambda console: trending.show(found, console))
    if html is not None:
        voice.last("page", html)
    gates = stated is not None and stated.gate.trend == "gates"
    raise typer.Exit(Exit.PASS if not gates else Exit.FAIL if found.worse else Exit.INCONCLUSIVE if found.unknown else Exit.PASS)


def _plan(name: str) -> Plan | None:
    from closeshave.files.shipped import locate
    from closeshave.plan import read_plan

    return read_plan(locate("scenarios", name)) if name else None


def _append(nights: Path, run: Path) -> None:
    from closeshave.comparison import nights as stored_nights
    from closeshave.comparison import stored

    if nights.is_dir():
        raise InvalidFile(
            Problem("--add", 0, "", f"{nights} is a directory, which has its runs already; name a file, like reports/nights.jsonl")
        )
    if nights.exists():
        _read(nights)
    one = stored_nights.night(stored.load(run))
    if one is None:
        raise InvalidFile(Problem("--add", 0, "", f"{run} ended early, so its figures are not those of a whole night"))
    stored_nights.append(nights, one)


def _read(path: Path) -> tuple[Night, ...]:
    """All nights. Raises :class:`InvalidFile` for a file that has none: it is an argument, and the wrong one or damaged."""
    from closeshave.comparison import nights as stored_nights
    from closeshave.files.jsonfile import Damaged

    try:
        found = stored_nights.read(path)
    except Damaged as error:
        line, _, said = str(error).removeprefix(str(path)).removeprefix(":").partition(" ")
        raise InvalidFile(Problem(str(path), int(line or 0), "", f"{said}; {NIGHTS}")) from None
    if not found and path.is_file() and path.stat().st_size:
        raise InvalidFile(Problem(str(path), 0, "", f"it holds no night; {NIGHTS}"))
    return found


def _of_one_plan(path: Path, plan: Plan | None) -> tuple[Night, ...]:
    """The nights of the plan, else of the plan of the newest night."""
    from closeshave.comparison.nights import alike

    found = _read(path)
    if plan is not None:
        found = tuple(each for each in found if each.plan == plan.name)
    return alike(found, found[-1]) if found else ()
