"""This machine, or a platform: what is there and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.cli import exits, options, sizing
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.files.closest import meant
from closeshave.files.plaintext import clean
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.environments.doctor import PartCheck
    from closeshave.environments.remote.examination import Examined

LEVELS = {"ok": "green", "note": "yellow", "missing": "red"}


@app.command(epilog=exits.told(Exit.INCONCLUSIVE))
def doctor(  # noqa: PLR0917 - an option each
    environment: Annotated[
        str,
        typer.Option(
            help="Environment file: examine that platform, with few requests, instead of this machine. An environment of Closeshave's own is "
            "started for that, and removed.",
            autocompletion=options.environments,
        ),
    ] = "",
    write: Annotated[bool, typer.Option(help="Write a new proposal for its environment file beside it, as FILE.proposed.")] = False,
    url: Annotated[
        str, typer.Option(help="Address of a platform that has no environment file yet: examine it and write its first file.")
    ] = "",
    stage: Annotated[str, typer.Option(help="With --url: development, staging or production; only production is not written to.")] = "",
    api: Annotated[
        str,
        typer.Option(help="With --url: the API profile that the platform speaks, a name or a file; or an environment file that names one."),
    ] = "",
    load: Annotated[
        bool,
        typer.Option(
            "--load",
            help="Measure this machine as a load machine, over loopback alone, in about a minute; and say how many like it the promises of a target take.",
        ),
    ] = False,
    target: Annotated[
        str,
        typer.Option(
            help=f"With --load: the target whose users and requests/s are sized; {sizing.TARGET} by default.",
            autocompletion=options.targets,
        ),
    ] = "",
    measured: Annotated[
        Path | None,
        typer.Option(help="With --load: measure nothing, and take what --load --json has written into this file, on whatever machine."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --load: print the result as a page in Markdown.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show which parts this machine has and which are missing; examine a platform, and show what its environment file should say; or measure a load
    machine."""
    voice = Voice(json, quiet)
    if load:
        sizing.refuse({"--environment": environment, "--url": url, "--stage": stage, "--api": api, "--write": write})
        sizing.measure(voice, target or sizing.TARGET, measured, markdown=markdown)
    sizing.refuse_without_load({"--target": target, "--measured": measured, "--markdown": markdown})
    if environment and url:
        raise InvalidFile(Problem("--url", 0, "", "give either --url or --environment; the environment file already holds an address"))
    if api and not url:
        raise InvalidFile(Problem("--api", 0, "", "is for --url; an environment file names its API itself"))
    if environment:
        _examine(environment, voice, write=write)
    elif url:
        _examine_url(url, stage, api, voice)
    else:
        _examine_this_machine(voice)


def _examine_this_machine(voice: Voice) -> None:
    from closeshave.environments.doctor import PartCheck, findings
    from closeshave.loadgen import compiled
    from closeshave.trial.interrupts import interrupts

    plain = compiled.why_plain()
    # A build must not go on without the command that wanted it.
    with interrupts(voice.note, lambda: "what is being built is ended"):
        parts = findings()
    found = (*parts, PartCheck("load engine", plain is None, f"plain Python: {plain}" if plain else "compiled", needed=False))
    voice.result(
        [{"part": item.part, "ok": item.ok, "needed": item.needed, "detail": item.detail} for item in found],
        (f"missing: {item.part}: {item.detail}" for item in found if not item.ok),
        lambda console: _show_parts(found, console),
    )
    raise typer.Exit(0 if all(item.ok for item in found if item.needed) else Exit.BROKEN)


def _show_parts(found: tuple[PartCheck, ...], console: Console) -> None:
    table = Table("part", "", "detail")
    for item in found:
        word = Text("ok", style="green") if item.ok else Text("missing", style="red" if item.needed else "yellow")
        table.add_row(item.part, word, Text(clean(item.detail)))
    console.print(table)


def _examine(name: str, voice: Voice, *, write: bool) -> None:
    from dataclasses import replace

    from closeshave.cli import walking
    from closeshave.environments.definition import read_definition
    from closeshave.environments.kubernetes import kubernetes
    from closeshave.environments.kubernetes.definition import Kubernetes
    from closeshave.environments.remote import examination
    from closeshave.environments.remote.definition import Remote
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    examined = examination.examine(definition) if isinstance(definition, Remote) else walking.walked(definition, voice)
    if isinstance(definition, Kubernetes):
        examined = replace(examined, findings=(*kubernetes.findings(definition), *examined.findings))
    _tell(examined, voice, (lambda: examination.propose(path, examined)) if write else None)


def _examine_url(url: str, stage: str, api: str, voice: Voice) -> None:
    from closeshave.environments.remote import examination
    from closeshave.environments.remote.proposal import STAGES

    if stage and stage not in STAGES:
        said = f"{stage!r} is not a stage{meant(stage, STAGES)}; use development, staging or production"
        raise InvalidFile(Problem("--stage", 0, "", said))
    examined = examination.examine_url(url, STAGES.get(stage), api=_profile(api))
    shelf = Path("environments")
    _tell(examined, voice, lambda: examination.write_first(shelf if shelf.is_dir() else Path(), examined))


def _profile(name: str) -> str:
    """The API profile that is meant: its name or file, or an environment file that names it. Raises :class:`InvalidFile`."""
    from closeshave.environments.definition import read_definition
    from closeshave.environments.remote.definition import Remote
    from closeshave.files.yamlfile import document

    path = Path(name)
    if not path.is_file() or "kind" not in document(path):
        return name
    definition = read_definition(path)
    return definition.api if isinstance(definition, Remote) else definition.application.api


def _tell(examined: Examined, voice: Voice, write: Callable[[], Path] | None) -> None:
    """Write what is to be written, and say what was found, also where the file cannot be written."""
    found, written, refused = examined.findings, None, None
    try:
        written = write() if write else None
    except InvalidFile as error:
        refused = error
    voice.result(
        {
            "findings": [{"what": one.what, "level": one.level, "saw": one.saw, "advice": one.advice} for one in found],
            "written": str(written) if written else None,
        },
        (f"{one.level}: {one.what}: {one.saw}" for one in found if one.level != "ok"),
        lambda console: _show(examined, console),
    )
    if refused:
        raise refused
    if written:
        voice.last("written", written)
    raise typer.Exit(Exit.BROKEN if examined.refused else 0)


def _show(examined: Examined, console: Console) -> None:
    table = Table("what", "", "seen", "the file should say")
    for item in examined.findings:
        table.add_row(_plain(item.what), Text(item.level, style=LEVELS[item.level]), _plain(item.saw), _plain(item.advice))
    console.print(table)


def _plain(text: str) -> Text:
    return Text(clean(text))
