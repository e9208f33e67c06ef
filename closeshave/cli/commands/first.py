"""The first files of a team that has none yet."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.cli.firstfiles import FirstFiles
    from closeshave.environments.remote.examination import Examined

HERE = Path()


@app.command(epilog=exits.told())
def init(
    directory: Annotated[Path, typer.Argument(help="Directory below which the files are written.", file_okay=False)] = HERE,
    url: Annotated[
        str, typer.Option(help="Address of the platform, like https://staging.example.com. It is examined, with few requests.")
    ] = "",
    stage: Annotated[str, typer.Option(help="development, staging or production; only production is not written to.")] = "",
    name: Annotated[str, typer.Option(help="Name of the files; as the platform calls itself by default.")] = "",
    locust: Annotated[
        Path | None,
        typer.Option(help="A Locust file of your own for the load, instead of the booking journeys of the harness.", dir_okay=False),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the first environment, target and plan for a platform: valid, and never over a file that exists. What is not given is asked."""
    from closeshave.cli import firstfiles
    from closeshave.environments.remote import examination, proposal

    voice = Voice(json, quiet)
    asks = sys.stdin is not None and sys.stdin.isatty() and not (json or quiet)
    if not url and asks:
        url = typer.prompt("Address of the platform, like https://staging.example.com", err=True).strip()
        stage = (
            stage
            or typer.prompt("Its stage: development, staging, production, or empty where it says so itself", default="", err=True).strip()
        )
        if locust is None and (
            told := typer.prompt("A Locust file of your own; empty: the booking journeys of the harness", default="", err=True).strip()
        ):
            locust = Path(told)
    if not url:
        raise InvalidFile(Problem("--url", 0, "", "is missing: give the address of the platform, like https://staging.example.com"))
    if stage and stage not in proposal.STAGES:
        said = f"{stage!r} is not a stage{meant(stage, proposal.STAGES)}; use development, staging or production"
        raise InvalidFile(Problem("--stage", 0, "", said))
    if name:
        # Before anything is asked of the platform.
        firstfiles.check(firstfiles.FirstFiles(directory, name, locust))
    voice.note(f"examining {url}")
    examined = examination.examine_url(url, proposal.STAGES.get(stage), books=locust is None)
    definition = replace(examined.definition, name=name or examined.definition.name)
    files = firstfiles.FirstFiles(directory, definition.name, locust)
    scale = firstfiles.write(files, lambda path: proposal.write(path, proposal.document(definition, examined.proposed)))
    following = _next(files, examined, scale)
    voice.result(
        {
            "written": [str(path) for path in files.all],
            "findings": [{"what": one.what, "level": one.level, "saw": one.saw, "advice": one.advice} for one in examined.findings],
            "next": following,
        },
        map(str, files.all),
        lines(
            [
                *(f"written: {path}" for path in files.all),
                "",
                "next:",
                *(f"  {number}. {what}" for number, what in enumerate(following, start=1)),
            ]
        ),
    )
    raise typer.Exit(Exit.BROKEN if examined.refused else 0)


def _next(files: FirstFiles, examined: Examined, scale: float) -> list[str]:
    """What to do now, in order."""
    missing = [f"{one.what}: {one.saw}{f' ({one.advice})' if one.advice else ''}" for one in examined.findings if one.level == "missing"]
    steps = [f"read {files.environment}: its comments say what is a guess, above all the caps"]
    if missing:
        steps.append(f"the doctor misses: {'; '.join(missing)}")
    if scale < 1:
        steps.append(f"the plan's rates are {scale:.0%} of a usual first plan, because the platform's limits allow no more")
    run = f"closeshave run {files.plan}"
    if examined.definition.stage == "production":
        steps.append(f"production needs a token: export CLOSESHAVE_TOKEN=$(closeshave allow {files.environment} --hours 1)")
        run += f" --confirm {files.name}"
    steps += [
        f"see what a run will judge: closeshave validate {files.plan}",
        f"run it: {run}",
        f"write your own promises in {files.target}, and a hook for your first fault in {files.environment}",
    ]
    return steps
