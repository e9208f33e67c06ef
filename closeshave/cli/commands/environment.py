"""An environment without a trial: start it, look at it, stop it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.cli import exits
from closeshave.cli.app import environments
from closeshave.cli.options import EnvironmentName, Root
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.plaintext import clean
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.environments.status import PartStatus


@environments.command(epilog=exits.told())
def up(name: EnvironmentName = "embedded", json: Json = False, quiet: Quiet = False) -> None:
    """Start an environment and leave it running."""
    from closeshave.environments import drivers, registry
    from closeshave.environments.definition import read_definition
    from closeshave.files.shipped import locate
    from closeshave.trial.display import Display

    voice, path = Voice(json, quiet), locate("environments", name)
    definition = read_definition(path)
    if not drivers.of(definition.kind).ours:
        raise InvalidFile(
            Problem(str(path), 0, "kind", "a remote platform is not started; 'closeshave run' uses it if its guard permits that")
        )
    display, root = Display(voice.progress), registry.new_root(definition.name)
    with display.live():
        display.say(str(root), "root")
        display.doing("starting the environment")
        deployment = drivers.of(definition.kind).up(definition, root, display.say, True)
    edges = {edge.region: edge.url for edge in deployment.edges}
    voice.result(
        {"root": deployment.root, "edges": edges},
        (deployment.root,),
        lines([*(f"{region:16} {url}" for region, url in edges.items()), deployment.root]),
    )


@environments.command(epilog=exits.told())
def status(name: EnvironmentName = "embedded", root: Root = None, json: Json = False, quiet: Quiet = False) -> None:
    """Show every part of a running environment and its current role."""
    from closeshave.environments import drivers

    place = _root(name, root)
    parts = drivers.at(place).status(place)
    Voice(json, quiet).result(
        {
            "root": str(place),
            "parts": [
                {"part": part.name, "role": part.role, "region": part.region, "running": part.running, "detail": part.detail}
                for part in parts
            ],
        },
        (f"down: {part.name}" for part in parts if not part.running),
        lambda console: _show(parts, console),
    )
    raise typer.Exit(0 if all(part.running for part in parts) else Exit.BROKEN)


def _show(parts: tuple[PartStatus, ...], console: Console) -> None:
    table = Table("part", "role", "region", "", "detail")
    for part in parts:
        word = Text("up", style="green") if part.running else Text("down", style="red")
        table.add_row(part.name, part.role, part.region or "-", word, Text(clean(part.detail)))
    console.print(table)


@environments.command(epilog=exits.told())
def down(
    name: EnvironmentName = "embedded",
    root: Root = None,
    logs_to: Annotated[Path | None, typer.Option(help="Directory in which to keep the logs of its parts.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Stop an environment and remove everything that it created."""
    from closeshave.environments import drivers, registry

    place = _root(name, root)
    if root is None and (run := registry.owner(place)):
        raise InvalidFile(
            Problem(str(place), 0, "", f"belongs to the trial {run.name}; stop that trial, or give --root to remove the environment anyway")
        )
    left = drivers.at(place).down(place, logs_to)
    said = [f"could not be removed: {what}" for what in left]
    Voice(json, quiet).result({"root": str(place), "left": list(left)}, said, lines(said, "red"))
    raise typer.Exit(Exit.BROKEN if left else 0)


@environments.command(epilog=exits.told())
def images(json: Json = False, quiet: Quiet = False) -> None:
    """Build the container images for environments of kind containers from what is installed here; images that are up to date are kept."""
    from closeshave.environments.containers.images import build
    from closeshave.trial.display import Display

    voice = Voice(json, quiet)
    display = Display(voice.progress)
    with display.live():
        display.doing("building images")
        made = build(display.say)
    told = f"built {', '.join(made)}" if made else "all images are up to date"
    voice.result({"built": list(made)}, made, lines([told]))


def _root(name: str, given: Path | None) -> Path:
    from closeshave.environments import registry
    from closeshave.files.closest import meant

    found = given or registry.find(name)
    if found is None:
        there = [root.name for root in registry.running()]
        said = f"no environment of this name is running{meant(name, there)}; running: {', '.join(there) or 'none'}"
        raise InvalidFile(Problem(name, 0, "", said))
    return found
