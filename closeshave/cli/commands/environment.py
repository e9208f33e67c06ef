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
    from closeshave.cluster import Cluster
    from closeshave.environments.rollout.steps import Replaced
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
    from closeshave.environments.rollout import record

    place = _root(name, root)
    parts = drivers.at(place).status(place)
    left = record.unfinished(place)
    moved = _moved_at(place)
    Voice(json, quiet).result(
        {
            "root": str(place),
            "release": _release_at(place),
            "unfinished_rollout": left.told() if left else None,
            "moved": moved,
            "parts": [
                {"part": part.name, "role": part.role, "region": part.region, "running": part.running, "detail": part.detail}
                for part in parts
            ],
        },
        [*(f"down: {part.name}" for part in parts if not part.running), *([left.told()] if left else [])],
        lambda console: _show(parts, moved, left.told() if left else "", console),
    )
    raise typer.Exit(0 if all(part.running for part in parts) and left is None else Exit.BROKEN)


def _release_at(place: Path) -> str | None:
    """The release that runs; ``None`` where the harness does not start the application, or an older one did."""
    from closeshave import deployment

    try:
        return deployment.load(place).application.release or None
    except FileNotFoundError:
        return None


def _moved_at(place: Path) -> list[str]:
    """Which ranges of franchises drills have moved to other shards, where they stay: a sentence each."""
    from closeshave import deployment

    try:
        moves = deployment.routing_of(deployment.load(place)).moves
    except FileNotFoundError:
        return []
    return [f"franchises {move.first} to {move.last} were moved from shard {move.source} to shard {move.target}" for move in moves]


def _show(parts: tuple[PartStatus, ...], moved: list[str], unfinished: str, console: Console) -> None:
    table = Table("part", "role", "region", "", "detail")
    for part in parts:
        word = Text("up", style="green") if part.running else Text("down", style="red")
        table.add_row(part.name, part.role, part.region or "-", word, Text(clean(part.detail)))
    console.print(table)
    for each in moved:
        console.print(Text(each))
    if unfinished:
        console.print(Text(clean(unfinished), style="red"))


@environments.command(epilog=exits.told())
def release(
    release: Annotated[str, typer.Argument(help="The name of a release: application.release or one of application.releases.")],
    name: EnvironmentName = "embedded",
    root: Root = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Roll out a release in a running environment, one instance of each region at a time, and go back if it does not serve."""
    from closeshave import deployment
    from closeshave.environments.errors import EnvironmentFailed
    from closeshave.environments.rollout import rolling
    from closeshave.environments.rollout.record import RolloutBusy
    from closeshave.faults.janitor import JanitorFailed
    from closeshave.files.closest import meant
    from closeshave.trial.guarding import guarded
    from closeshave.trial.interrupts import Interrupted, interrupts

    place, voice = _root(name, root), Voice(json, quiet)
    try:
        there = deployment.load(place).application.releases
    except FileNotFoundError:
        raise InvalidFile(Problem(str(place), 0, "", "this environment has not started, or not completely")) from None
    if release not in there:
        said = f"this environment has no release {release!r}{meant(release, there)}; it has: {', '.join(there) or 'none'}"
        raise InvalidFile(Problem(str(place), 0, "", said))
    try:
        with guarded(place), interrupts(voice.note) as stop:
            try:
                done = rolling.roll(place, release, voice.note, told=lambda one: voice.note(_replaced(one)))
            except Interrupted:
                stop.shield()
                voice.note(rolling.go_back(place, voice.note) or "nothing was changed")
                raise typer.Exit(Exit.INTERRUPTED) from None
    except (RolloutBusy, JanitorFailed) as error:
        raise EnvironmentFailed(str(error)) from None
    versions = {one.instance: one.version for one in done.replaced}
    voice.result(
        {"root": str(place), "release": release, "versions": versions, "took_s": round(done.took_s, 3)},
        (),
        lines([f"{release} runs in {len(versions)} instances after {done.took_s:.1f} s"], "green"),
    )


def _replaced(one: Replaced) -> str:
    """One instance that was replaced, in a line."""
    answers = f"answers {one.version}" if one.version else "is ready"
    cut = f", {one.cut} requests were cut off" if one.cut else ""
    return f"{one.instance} {answers}, after {one.out_s:.1f} s without requests{cut}"


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


@environments.command(epilog=exits.told())
def janitor(
    name: EnvironmentName,
    alive: Annotated[Path | None, typer.Option(help="A file that is touched after each look that succeeded, for a liveness probe.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Watch a Kubernetes cluster until it is stopped, and put back what a run that has died left changed there. Runs inside the cluster."""
    import signal
    import threading

    from closeshave.faults.kubernetes import keeper

    cluster, over, voice = _cluster(name), threading.Event(), Voice(json, quiet)
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        voice.note(sentence)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    voice.note("watching")
    keeper.keep(cluster, alive, say, over.is_set)
    voice.result({"said": said}, (), lines(["stopped"]))


@environments.command(epilog=exits.told())
def sweep(name: EnvironmentName, json: Json = False, quiet: Quiet = False) -> None:
    """Put back at once everything that faults left changed in a Kubernetes cluster, whoever made them, also those of a run that lives."""
    from closeshave.clients.kubernetes import NoCluster
    from closeshave.faults.kubernetes import keeper

    cluster, voice = _cluster(name), Voice(json, quiet)
    try:
        left = keeper.sweep(cluster, voice.note)
        said = [f"still marked: {each}" for each in left] or ["nothing in the cluster carries the mark of a fault"]
    except NoCluster as error:
        left, said = ("",), [str(error)]
    voice.result({"left": left}, said if left else (), lines(said, "red" if left else "green"))
    raise typer.Exit(Exit.BROKEN if left else 0)


def _cluster(name: str) -> Cluster:
    """The cluster of an environment file. Raises :class:`InvalidFile` for one of another kind."""
    from closeshave.environments.definition import read_definition
    from closeshave.environments.kubernetes.definition import Kubernetes
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    if not isinstance(definition, Kubernetes):
        raise InvalidFile(Problem(str(path), 0, "kind", f"is {definition.kind}; kubernetes is needed here"))
    return definition.cluster


def _root(name: str, given: Path | None) -> Path:
    from closeshave.environments import registry
    from closeshave.files.closest import meant

    found = given or registry.find(name)
    if found is None:
        there = [root.name for root in registry.running()]
        said = f"no environment of this name is running{meant(name, there)}; running: {', '.join(there) or 'none'}"
        raise InvalidFile(Problem(name, 0, "", said))
    return found
