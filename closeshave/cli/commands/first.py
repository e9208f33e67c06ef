"""The first files of a team that has none yet."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.cli.firstfiles import FirstFiles
    from closeshave.environments.remote.examination import Examined

HERE = Path()


@app.command(epilog=exits.told())
def init(  # noqa: PLR0917 - an option each
    directory: Annotated[Path, typer.Argument(help="Directory below which the files are written.", file_okay=False)] = HERE,
    url: Annotated[
        str, typer.Option(help="Address of a platform that runs, like https://staging.example.com. It is examined, with few requests.")
    ] = "",
    stage: Annotated[str, typer.Option(help="With --url: development, staging or production; only production is not written to.")] = "",
    command: Annotated[
        str,
        typer.Option(
            help="Instead of --url: the command that starts an instance of your application, which Closeshave then runs on its own servers."
        ),
    ] = "",
    image: Annotated[
        str, typer.Option(help="Instead of --url: the image of an instance, for an environment in containers; --command may be left out.")
    ] = "",
    variables: Annotated[
        str,
        typer.Option(help="With an application: what it is told, like 'DB={database_url} PORT={port}'; usual names are guessed."),
    ] = "",
    prepare: Annotated[
        str, typer.Option(help="With an application: the command that makes tables and first data, and ends; none by default.")
    ] = "",
    databases: Annotated[
        int | None, typer.Option(help="With an application: how many databases (PostgreSQL) it has; 1 by default.")
    ] = None,
    caches: Annotated[
        str,
        typer.Option(
            help="With an application: which caches (Valkey, Redis), of cache, sessions and ratelimit, or none; cache by default."
        ),
    ] = "",
    instances: Annotated[int | None, typer.Option(help="With an application: how many instances run; 2 by default.")] = None,
    worker: Annotated[str, typer.Option(help="With an application: the command of a worker beside the instances; none by default.")] = "",
    ready: Annotated[
        str, typer.Option(help="With an application: the path by which an instance says that it is ready; /health/ready by default.")
    ] = "",
    version_path: Annotated[
        str, typer.Option(help="With an application: the path whose JSON has the release as 'version'; none by default.")
    ] = "",
    payments: Annotated[
        bool | None, typer.Option(help="With an application: whether it pays through the payment provider of the environment.")
    ] = None,
    start: Annotated[
        bool,
        typer.Option(
            help="With an application: start it once when the files are written, walk through it as a customer, remove it, and put what was seen "
            "into the files."
        ),
    ] = True,
    api: Annotated[str, typer.Option(help="API profile, a name or a file; BookedBarber V2 by default.")] = "",
    name: Annotated[
        str, typer.Option(help="Name of the files; by default as the platform calls itself, or the directory of the application.")
    ] = "",
    locust: Annotated[
        Path | None,
        typer.Option(help="A Locust file of your own for the load, instead of the booking journeys of the harness.", dir_okay=False),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the first environment, target and plan, for a platform or for an application: valid, and never over a file that exists.

    On a terminal it asks, unless an option says which of the two it is.
    """
    from closeshave.cli import bringing, described
    from closeshave.cli.described import ApplicationOptions

    voice = Voice(json, quiet)
    said = ApplicationOptions(command, image, variables, prepare, databases, caches, instances, worker, ready, version_path, payments)
    if url and said.given:
        raise InvalidFile(Problem(said.given[0], 0, "", "is for an application that Closeshave starts; with --url there is one that runs"))
    asks = sys.stdin is not None and sys.stdin.isatty() and not (json or quiet)
    if not url and not said.given and asks:
        url = _asked("Address of the platform, like https://staging.example.com (empty: Closeshave starts an application)", "")
        if not url:
            said, api = described.ask(said, api, _asked)
        else:
            stage = stage or _asked("Its stage: development, staging, production, or empty where it says so itself", "")
        if locust is None and (told := _asked("A Locust file of your own; empty: the booking journeys of the harness", "")):
            locust = Path(told)
    if said.given:
        if stage:
            raise InvalidFile(Problem("--stage", 0, "", "is for a platform (--url); an application that Closeshave starts is nobody's"))
        bringing.bring(directory, name, said, api, locust, voice, start=start)
    else:
        _for_platform(directory, name, url, stage, api, locust, voice)


def _for_platform(directory: Path, name: str, url: str, stage: str, api: str, locust: Path | None, voice: Voice) -> None:
    from closeshave.cli import firstfiles
    from closeshave.environments.remote import examination, proposal

    if not url:
        said = "is missing: give the address of the platform, like https://staging.example.com; or --command or --image of an application"
        raise InvalidFile(Problem("--url", 0, "", said))
    if stage and stage not in proposal.STAGES:
        said = f"{stage!r} is not a stage{meant(stage, proposal.STAGES)}; use development, staging or production"
        raise InvalidFile(Problem("--stage", 0, "", said))
    if name:
        # Before anything is asked of the platform.
        firstfiles.check(firstfiles.FirstFiles(directory, name, locust))
    examination.check_profile(api)
    voice.note(f"examining {url}")
    examined = examination.examine_url(url, proposal.STAGES.get(stage), books=locust is None, api=api)
    definition = replace(examined.definition, name=name or examined.definition.name)
    files = firstfiles.FirstFiles(directory, definition.name, locust)

    def environment(path: Path, home: Path) -> None:
        placed = replace(definition, api=examination.beside(definition.api, home))
        proposal.write(path, proposal.document(placed, examined.proposed))

    scale = firstfiles.write(files, environment)
    firstfiles.tell(files, {"findings": firstfiles.told(examined.findings)}, _next_on_platform(files, examined, scale), voice)
    raise typer.Exit(Exit.BROKEN if examined.refused else 0)


def _asked(question: str, default: str) -> str:
    """The answer of a person."""
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _next_on_platform(files: FirstFiles, examined: Examined, scale: float) -> list[str]:
    """What to do now, in order."""
    from closeshave.cli import firstfiles

    steps = [
        f"read {files.environment}: its comments say what is a guess, above all the caps",
        *firstfiles.missing(examined.findings),
        *firstfiles.slowed(scale),
    ]
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
