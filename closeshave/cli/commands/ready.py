"""Before a launch: every promise of a target, with its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits, hosted, options
from closeshave.cli.app import app
from closeshave.cli.options import CAPACITIES, ROUNDS, RUNS
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.vocabulary import Exit

FOLDER = Path("reports/readiness")


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE))
def readiness(
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
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show which promises of a target are verified, on what evidence, how old, at what scale: go (0), a must-have is refuted (1), no-go (3)."""
    from datetime import UTC, datetime

    from closeshave.readiness import asking, telling, writing

    voice = Voice(json, quiet)
    asked = asking.question(target, environment, until, datetime.now(UTC))
    places = runs if runs is not None else [place for place in (RUNS, ROUNDS, CAPACITIES) if place.is_dir()]
    found = asking.answer(asked, places, voice.note)
    page = writing.write(found, out if out is not None else FOLDER / asked.target.name)
    voice.result(telling.told(found), telling.brief(found), lambda console: telling.show(found, console))
    voice.last("ledger", page)
    hosted.tell(telling.markdown(found), lambda: telling.annotated(found, str(asked.path)))
    raise typer.Exit(found.exit_code)
