"""The gate: a candidate against a base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits, hosted, options, output
from closeshave.cli.app import app
from closeshave.cli.at_hand import at_hand
from closeshave.cli.saying import Json, Quiet, Voice, complain
from closeshave.vocabulary import Exit


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE))
def gate(  # noqa: PLR0917 - an option each
    plan: Annotated[
        str, typer.Argument(help="A plan file, or the name of one in scenarios/. It has no faults.", autocompletion=options.plans)
    ] = "gate",
    baseline: Annotated[
        str | None,
        typer.Option(help="What to compare with: a release, an environment, or a baseline of other jobs like reports/baselines/main.json."),
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(help="What may be released: a release or an environment; by default what the plan's environment starts with."),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(help="The environment whose releases are compared; by default the plan's.", autocompletion=options.environments),
    ] = None,
    save: Annotated[str, typer.Option(help="Add the candidate's figures to the baseline with this name, below reports/baselines.")] = "",
    resume: Annotated[
        Path | None, typer.Option(help="Continue the gate of this directory, which was stopped or killed.", exists=True, file_okay=False)
    ] = None,
    target: options.Target = None,
    seed: options.Seed = None,
    rate_scale: options.RateScale = None,
    gates: Annotated[Path, typer.Option(help="Directory in which the directories of gates are created.")] = options.GATES,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare a candidate with a base: worse (1), same or better (0), or unknown (3), with the smallest change that would have been noticed."""
    from closeshave.gate import asking, running, telling
    from closeshave.gate.baseline import BaselineUnusable
    from closeshave.gate.directory import MARKDOWN
    from closeshave.gate.result import told
    from closeshave.trial.interrupts import Interrupted, interrupts
    from closeshave.trial.series import SeriesStopped

    output.hurry()
    voice = Voice(json, quiet)
    try:
        words = asking.GateWords(plan, baseline, candidate, target, save, seed, rate_scale, environment)
        asked = asking.continued(resume, voice.progress) if resume is not None else asking.prepared(words, voice.progress, gates)
    except BaselineUnusable as error:
        why = str(error)
        complain(f"unknown: {why}")
        hosted.tell(telling.refused(why), lambda: telling.refusal(why, plan))
        raise typer.Exit(Exit.INCONCLUSIVE) from None
    voice.note(f"gate directory: {asked.directory}")
    found = None
    with at_hand(asked.directory):
        try:
            with interrupts(voice.note):
                found = running.run(asked, voice.note)
        except (SeriesStopped, Interrupted):
            complain(f"interrupted; what was measured is kept: 'closeshave gate --resume {asked.directory}' goes on")
        if found is not None:
            page = telling.write(found, asked.directory)
            voice.result(
                told(found), (f"{telling.headline(found)} {telling.explanation(found)}",), lambda console: telling.show(found, console)
            )
            voice.last("report", page)
            hosted.tell(asked.directory / MARKDOWN, lambda: telling.annotated(found, asked.order.plan))
    raise typer.Exit(Exit.INTERRUPTED if found is None else found.exit_code)
