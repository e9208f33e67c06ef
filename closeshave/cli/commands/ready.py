"""Before a launch: every promise of a target, with its evidence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits, hosted, options, output
from closeshave.cli.app import app
from closeshave.cli.options import CAPACITIES, ROUNDS, RUNS
from closeshave.cli.saying import Json, Quiet, Voice, complain
from closeshave.files.yamlfile import InvalidFile, Problem, seconds
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.readiness.asking import ReadinessQuestion

FOLDER = Path("reports/readiness")


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE))
def readiness(  # noqa: PLR0917 - an option each
    target: Annotated[
        str, typer.Option(help="A target file, or the name of one in environments/targets/.", autocompletion=options.targets)
    ],
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            help="A run, a round of probes, a capacity search, or a directory of these; may be given several times. "
            "By default reports/runs, reports/probes and reports/capacities.",
            exists=True,
            file_okay=False,
            autocompletion=options.runs_below,
        ),
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="Only runs on this environment count; by default all.", autocompletion=options.environments)
    ] = None,
    until: Annotated[
        str,
        typer.Option(help="The instant at which evidence and waivers must still be good, such as the launch, in ISO 8601; by default now."),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Directory for the ledger's files; by default reports/readiness/TARGET.", file_okay=False)
    ] = None,
    run: Annotated[
        bool,
        typer.Option(
            "--run",
            help="First carry out the target's plans and probes that are missing or stale, on environments that are started for them. "
            "Without it this is only said, with an estimate of the time.",
        ),
    ] = False,
    within: Annotated[
        str,
        typer.Option(
            help="With --run: carry out only what fits into this time by its estimate, like 10m; probes first, then plans in their order. "
            "What is left out is named, and stays as it is."
        ),
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show which promises of a target are verified, on what evidence, how old, at what scale: go (0), a must-have is refuted (1), no-go (3)."""
    from datetime import UTC, datetime

    from closeshave.readiness import asking, telling, writing

    voice = Voice(json, quiet)
    within_s = _seconds(within, run=run)
    asked = asking.question(target, environment, until, datetime.now(UTC))
    folder = out if out is not None else FOLDER / asked.target.name
    places = list(runs) if runs is not None else [place for place in (RUNS, ROUNDS, CAPACITIES) if place.is_dir()]
    if run:
        places = _carried_out(asked, environment, until, places, runs, folder, voice, within_s)
        asked = asking.question(target, environment, until, datetime.now(UTC))
    found = asking.answer(asked, places, voice.note)
    page = writing.write(found, folder)
    voice.result(telling.told(found), telling.brief(found), lambda console: telling.show(found, console))
    voice.last("ledger", page)
    if not run:
        _offered(asked, environment, places, voice)
    hosted.tell(telling.markdown(found), lambda: telling.annotated(found, str(asked.path)))
    raise typer.Exit(found.exit_code)


def _offered(asked: ReadinessQuestion, environment: str | None, places: list[Path], voice: Voice) -> None:
    """Say what --run would carry out, where the target names its plans."""
    from closeshave.readiness import asking, carrying
    from closeshave.readiness.due import due, lasts_s, minutes

    if not asked.target.plans:
        return
    try:
        found = due(carrying.listed(asked.target, asked.called, environment).work, asking.known(asked, places))
    except InvalidFile as error:
        voice.note(f"--run would refuse: {error.problems[0].message}")
        return
    if found:
        names = ", ".join(one.work.called for one in found)
        voice.note(f"--run would carry out what is missing or stale, {minutes(lasts_s(found))}: {names}")


def _seconds(within: str, *, run: bool) -> float:
    """The time that is given, in seconds. Raises :class:`InvalidFile`."""
    if not within:
        return math.inf
    if not run:
        raise InvalidFile(Problem("--within", 0, "", "says how long --run may take: give both"))
    try:
        return seconds(within)
    except ValueError as error:
        raise InvalidFile(Problem("--within", 0, "", str(error))) from None


def _carried_out(
    asked: ReadinessQuestion,
    environment: str | None,
    until: str,
    places: list[Path],
    given: list[Path] | None,
    folder: Path,
    voice: Voice,
    within_s: float,
) -> list[Path]:
    """Carry out what is missing or stale, and return where the runs are. Raises :class:`InvalidFile` and :class:`typer.Exit`."""
    from datetime import UTC, datetime

    from closeshave.readiness import asking, carrying, gathering
    from closeshave.readiness.due import due, fitting, left_out, told
    from closeshave.trial.interrupts import Interrupted, interrupts
    from closeshave.trial.series import SeriesStopped

    if until and asked.until < datetime.now(UTC):
        raise InvalidFile(Problem("--until", 0, "", "is in the past: what --run carries out now would not count at that instant"))
    if given and gathering.is_run(given[0]):
        raise InvalidFile(
            Problem("--runs", 0, "", f"{given[0]} is a run; with --run the first one is the directory that new runs are written to")
        )
    work = carrying.WorkPlaces(given[0] if given else RUNS, given[0] if given else ROUNDS, folder / "environments")
    there = carrying.listed(asked.target, asked.called, environment)
    missing = due(there.work, asking.known(asked, places))
    found = fitting(missing, within_s)
    for line in (*told(missing), *left_out(missing, found, within_s), *there.unfit):
        voice.note(line)
    output.hurry()
    try:
        with interrupts(voice.note):
            carrying.carry_out(found, asked.called, work, voice.progress, voice.note)
    except (SeriesStopped, Interrupted):
        complain("interrupted; the runs that ended are kept: the same command goes on with the rest")
        raise typer.Exit(Exit.INTERRUPTED) from None
    return list(dict.fromkeys([*places, *(place for place in (work.trials, work.rounds) if place.is_dir())]))
