"""The first files of a team that has none yet."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closeshave.cli import exits
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.cli.described import ApplicationOptions
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
    from closeshave.cli import described
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
        _for_application(directory, name, said, api, locust, voice)
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
    findings = [{"what": one.what, "level": one.level, "saw": one.saw, "advice": one.advice} for one in examined.findings]
    _tell(files, {"findings": findings}, _next_on_platform(files, examined, scale), voice)
    raise typer.Exit(Exit.BROKEN if examined.refused else 0)


def _for_application(directory: Path, name: str, said: ApplicationOptions, api: str, locust: Path | None, voice: Voice) -> None:
    from closeshave.cli import described, firstfiles
    from closeshave.environments import application_proposal

    told = described.read(said)
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", Path.cwd().name).strip("-._")[:64] or "application"
    files = firstfiles.FirstFiles(directory, name, locust)

    def environment(path: Path, home: Path) -> None:
        path.write_text(application_proposal.text(name, described.placed(told, api, home)), encoding="utf-8")

    try:
        firstfiles.write(files, environment, faults=True)
    except InvalidFile as error:
        raise described.by_options(error, files.environment) from None
    _tell(files, {}, _next_for_application(files, contained=bool(told.image)), voice)


def _asked(question: str, default: str) -> str:
    """The answer of a person."""
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _tell(files: FirstFiles, more: Mapping[str, Any], following: list[str], voice: Voice) -> None:
    """Which files were written, and what to do now."""
    voice.result(
        {"written": [str(path) for path in files.all], **more, "next": following},
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


def _next_for_application(files: FirstFiles, *, contained: bool) -> list[str]:
    """What to do now, in order."""
    return [
        f"read {files.environment}: its comments say what is a guess, above all the names of variables",
        f"see what a run will judge: closeshave validate {files.plan}",
        *(["build the images of the servers: closeshave env images"] if contained else []),
        f"see whether it starts: closeshave env up {files.environment}, then closeshave env down {files.name}",
        f"run it: closeshave run {files.plan}",
        f"write your own promises in {files.target}",
    ]


def _next_on_platform(files: FirstFiles, examined: Examined, scale: float) -> list[str]:
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
