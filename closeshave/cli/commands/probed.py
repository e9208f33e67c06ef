"""Functional checks of a platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits, hosted, options
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice, complain
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE, Exit.SAFETY))
def probe(  # noqa: PLR0917 - an option each
    environment: Annotated[
        str,
        typer.Option(
            help="An environment file, or the name of one in environments/. It is started, and removed at the end, unless it is running.",
            autocompletion=options.environments,
        ),
    ] = "embedded",
    target: Annotated[
        str,
        typer.Option(
            help="The target whose promises name probes and state figures, such as times to live.", autocompletion=options.targets
        ),
    ] = "bookedbarber-enterprise",
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="Only the probes of this family; may be given several times. See docs/probes.md.", autocompletion=options.families
        ),
    ] = None,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", help="Only this probe; may be given several times, also beside --family.", autocompletion=options.probes),
    ] = None,
    attach: Annotated[Path | None, typer.Option(help="Root directory of a running environment, where several have this name.")] = None,
    strain: Annotated[
        bool,
        typer.Option(
            "--strain",
            help="Also send hostile input, wrong passwords and requests up to rate limits to an environment that is running, or remote. "
            "Never to production.",
        ),
    ] = False,
    runs: Annotated[Path, typer.Option(help="Directory in which the directories of rounds are created.")] = options.ROUNDS,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask functional probes: each holds (0), is broken (1), or is unknown (3). Without --family and --probe: the smoke suite, and what the target's
    promises name."""
    from closeshave.cli.at_hand import at_hand
    from closeshave.environments import drivers
    from closeshave.probes import carrying, telling
    from closeshave.probes.places import PlaceRefused
    from closeshave.trial.display import Display
    from closeshave.trial.interrupts import interrupts

    voice = Voice(json, quiet)
    asked = carrying.question(environment, target, family or (), probes or ())
    if attach is not None and not drivers.of(asked.definition.kind).ours:
        raise InvalidFile(Problem("--attach", 0, "", "a remote platform has no root directory to attach to; leave out --attach"))
    display = Display(voice.progress)
    try:
        with interrupts(display.say, lambda: "the environment is being removed") as stop, display.live():
            display.doing("asking probes")
            run, found = carrying.carry_out(asked, runs, attach, display.say, stop.shield, strain=strain)
    except PlaceRefused as error:
        complain(str(error))
        raise typer.Exit(Exit.SAFETY) from None
    with at_hand(run):
        voice.result(telling.told(found), telling.brief(found), lambda console: telling.show(found, console))
        voice.last("round", run)
        hosted.tell(telling.markdown(found), lambda: telling.annotated(found, str(asked.path)))
    raise typer.Exit(Exit.INTERRUPTED if stop.received else found.exit_code)
