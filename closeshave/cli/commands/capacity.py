"""The capacity of a platform."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits, hosted, options, output, scaled
from closeshave.cli.app import app
from closeshave.cli.at_hand import at_hand
from closeshave.cli.saying import Json, Quiet, Voice, complain
from closeshave.vocabulary import Exit


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE))
def capacity(  # noqa: PLR0917 - an option each
    plan: Annotated[
        str, typer.Argument(help="A plan file, or the name of one in scenarios/. It has no faults.", autocompletion=options.plans)
    ] = "capacity",
    environment: options.Environment = None,
    under: Annotated[
        list[str] | None,
        typer.Option(help="Also search with this fault in effect, like region.lost:region=us-west-2. May be given several times."),
    ] = None,
    quota: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=1024,
            help="Cores that each region may use. Without it the capacity under a lost region is unknown on one machine.",
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the search of this directory, which was stopped or killed.", exists=True, file_okay=False)
    ] = None,
    target: options.Target = None,
    seed: options.Seed = None,
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling",
            help="Search no capacity: measure the throughput at saturation with six shares of the processors for the application, three times "
            "each, and fit the Universal Scalability Law. Only on an environment that the harness starts; some ten minutes.",
        ),
    ] = False,
    confirm: options.Confirm = "",
    capacities: Annotated[Path, typer.Option(help="Directory in which the directories of searches are created.")] = options.CAPACITIES,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the largest rate at which objectives hold, in calm and under faults: found (0), a promised rate refuted (1), unknown (3)."""
    from closeshave.capacity import asking, running, telling
    from closeshave.capacity.directory import MARKDOWN
    from closeshave.capacity.result import told
    from closeshave.environments.driver import Permission
    from closeshave.environments.remote.permission import VARIABLE as TOKEN
    from closeshave.trial.interrupts import Interrupted, interrupts

    output.hurry()
    voice = Voice(json, quiet)
    if scaling:
        scaled.refuse({"--under": under, "--quota": quota, "--resume": resume, "--confirm": confirm})
        scaled.measure(asking.CapacityWords(plan, environment, target, (), seed), capacities, voice)
    permission = Permission(os.environ.pop(TOKEN, ""), confirm)
    words = asking.CapacityWords(plan, environment, target, tuple(under or ()), seed, quota, permission)
    task = (
        asking.continued(resume, voice.progress, permission) if resume is not None else asking.prepared(words, voice.progress, capacities)
    )
    voice.note(f"directory of the search: {task.directory}")
    found = None
    with at_hand(task.directory):
        try:
            with interrupts(voice.note):
                found = running.run(task, voice.note)
        except Interrupted:
            complain("interrupted before anything was measured")
        if found is not None:
            if found.interrupted:
                complain(f"interrupted; what was found is kept: 'closeshave capacity --resume {task.directory}' goes on")
            page = telling.write(found, task.directory)
            voice.result(told(found), (found.sentence,), lambda console: telling.show(found, console))
            voice.last("report", page)
            hosted.tell(task.directory / MARKDOWN, lambda: telling.annotated(found, task.order.plan))
    raise typer.Exit(Exit.INTERRUPTED if found is None else found.exit_code)
