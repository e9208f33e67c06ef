"""The command ``closeshave``: arguments in, exit code out, no logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.rich_utils import rich_format_error

from closeshave import __version__
from closeshave.cli import output
from closeshave.files import rundir, unexpected
from closeshave.files.jsonfile import Damaged
from closeshave.files.plaintext import clean
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.trial.interrupts import Interrupted
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.environments.remote.examination import Examined

SHOWN_WITHIN_S = 5.0
"""How long a trial waits for a terminal or pipe that accepts no output; after that it goes on without showing anything."""

_in_hand: list[Path] = []
"""The run that is being judged."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
environments = typer.Typer(no_args_is_help=True, help="Start, inspect and stop an environment without a trial.")
app.add_typer(environments, name="env")
# What is printed is data: a path, a platform's words. Whatever looks like markup in it is text; colours are said by rich.text.Text alone.
console = Console(stderr=True, markup=False, emoji=False, highlight=False)

RunDirectory = Annotated[Path, typer.Argument(help="A run directory, below reports/runs.", exists=True, file_okay=False)]
EnvironmentName = Annotated[str, typer.Argument(help="An environment file, or the name of one in environments/.")]

RateScale = Annotated[
    float | None,
    typer.Option(
        help="Multiply the rates of sessions, contests and canaries, by at most 10. Below 1 the calm phases last longer, within limits.duration. "
        "Without this option a plan with rate: auto is calibrated. The canaries' rate sets the resolution of recovery times."
    ),
]


@app.callback(invoke_without_command=True)
def _before(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        typer.echo(f"closeshave {__version__}")
        raise typer.Exit
    from closeshave import private

    # Passwords and tokens of a trial that was killed together with its janitor.
    private.sweep()


@app.command()
def run(  # noqa: PLR0917 - an option each
    plan: Annotated[str, typer.Argument(help="A plan file, or the name of one in scenarios/.")],
    environment: Annotated[str | None, typer.Option(help="Use this environment instead of the plan's.")] = None,
    target: Annotated[str | None, typer.Option(help="Use this target instead of the plan's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Use this seed instead of the plan's.")] = None,
    rate_scale: RateScale = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of processes that share the customers' load, instead of the plan's.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Directory in which run directories are created.")] = Path("reports/runs"),
    attach: Annotated[
        Path | None, typer.Option(help="Root directory of a running environment to use; it stays running afterwards.")
    ] = None,
    accounts: Annotated[
        Path | None, typer.Option(help="File of customer accounts, instead of the one that the environment file names.")
    ] = None,
    confirm: Annotated[str, typer.Option(help="Type the environment's name. Production is not loaded without it.")] = "",
) -> None:
    """Run a trial: start the environment, load it, inject faults, judge the result and write the report."""
    from closeshave.conclusion import conclude, publish
    from closeshave.environments import drivers
    from closeshave.environments.driver import Permission
    from closeshave.environments.remote.permission import VARIABLE as TOKEN
    from closeshave.report import terminal
    from closeshave.trial import running
    from closeshave.trial.display import Display
    from closeshave.trial.outlook import warn
    from closeshave.trial.preparation import prepare

    # A terminal that no program reads must not keep a trial from healing its faults.
    output.hurry(SHOWN_WITHIN_S)
    prepared = prepare(
        plan, environment=environment, target=target, seed=seed, processes=processes, rate_scale=rate_scale, accounts=accounts
    )
    if attach is not None and not drivers.of(prepared.definition.kind).ours:
        raise InvalidFile(Problem("--attach", 0, "", "a remote platform has no root directory to attach to; leave out --attach"))
    warn(prepared, console)
    permission = Permission(os.environ.pop(TOKEN, ""), confirm)
    directory = running.run(prepared, runs, Display(console), attach=attach, permission=permission)
    with _about(directory):
        conclusion = conclude(directory)
        terminal.render(conclusion.assessment, directory, console)
        _say_where(conclusion.tracebacks)
        publish(conclusion)
    raise typer.Exit(conclusion.exit_code)


@app.command()
def judge(directory: RunDirectory) -> None:
    """Judge a run again from its files alone; changes nothing in it but the log of errors."""
    from closeshave.conclusion import conclude
    from closeshave.report import terminal

    with _about(directory):
        conclusion = conclude(directory)
        terminal.render(conclusion.assessment, directory, console)
        _say_where(conclusion.tracebacks)
    raise typer.Exit(conclusion.exit_code)


@app.command()
def explain(
    directory: RunDirectory,
    verdict: Annotated[
        str, typer.Argument(help="The ID of a verdict, such as integrity/lost. Without one, every verdict that is not a pass is explained.")
    ] = "",
) -> None:
    """Show what led to a verdict, in time order: who sent each request, who acknowledged it, what failed over, what is missing."""
    from closeshave.conclusion import conclude
    from closeshave.report import story

    with _about(directory):
        said = conclude(directory)
        _say_where(said.tracebacks)
        chosen = story.choose(said.assessment, verdict)
        if verdict and not chosen:
            known = ", ".join(one.id for one in said.assessment.verdicts)
            raise InvalidFile(Problem(str(directory), 0, verdict, f"this run has no such verdict; it has: {known}"))
        story.explain(chosen, said.recorded, said.plan, said.target, Console())


@app.command()
def report(directory: RunDirectory) -> None:
    """Judge a run again and write its report again."""
    from closeshave.conclusion import conclude, publish

    with _about(directory):
        conclusion = conclude(directory)
        _say_where(conclusion.tracebacks)
        typer.echo(publish(conclusion))
    raise typer.Exit(conclusion.exit_code)


@app.command()
def validate(
    plans: Annotated[list[str], typer.Argument(help="Plans to check, with the environments and targets that they name.")],
    environment: Annotated[str | None, typer.Option(help="Use this environment instead of the plans'.")] = None,
    target: Annotated[str | None, typer.Option(help="Use this target instead of the plans'.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Use this seed instead of the plans'.")] = None,
    rate_scale: RateScale = None,
) -> None:
    """Check plans without starting anything, and say which promises they test and which they do not."""
    from closeshave.trial.outlook import show
    from closeshave.trial.preparation import prepare

    problems: list[Problem] = []
    for name in plans:
        try:
            show(prepare(name, environment=environment, target=target, seed=seed, rate_scale=rate_scale), console)
        except InvalidFile as error:
            problems += error.problems
    if problems:
        raise InvalidFile(*problems)


@app.command()
def allow(
    name: EnvironmentName,
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="How many hours the token is valid.")] = 2.0,
) -> None:
    """Create a token that permits load on a production platform from this machine until it expires."""
    import time

    from closeshave.environments.definition import read_definition
    from closeshave.environments.remote.definition import Remote
    from closeshave.environments.remote.permission import VARIABLE, grant, own_key
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise InvalidFile(Problem(str(path), 0, "kind", f"an environment of kind {definition.kind} needs no token"))
    console.print(f"valid for {hours:g} h; pass it in the environment variable {VARIABLE}, never as an argument")
    typer.echo(grant(definition, own_key(), int(time.time() + hours * 3600)))


@app.command()
def stop(
    directory: Annotated[Path | None, typer.Argument(help="The run directory; may be left out when only one run is active.")] = None,
    runs: Annotated[Path, typer.Option(help="Directory in which run directories are created.")] = Path("reports/runs"),
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the run to heal and end.")] = 300.0,
) -> None:
    """Stop a running trial for safety: it heals, cleans up, judges what was recorded and ends with exit code 5."""
    from closeshave.trial import stopping

    found = (directory,) if directory else stopping.running(runs)
    if len(found) != 1:
        raise InvalidFile(
            Problem(str(runs), 0, "", f"several runs are active; name one: {', '.join(map(str, found))}" if found else "no run is active")
        )
    try:
        ended = stopping.ask(found[0], timeout)
    except LookupError as error:
        raise InvalidFile(Problem(str(found[0]), 0, "", str(error))) from None
    still = f"has not ended after {timeout:g} s; it is still stopping; {clean(stopping.last_event(found[0]))}"
    console.print(f"{found[0]} {'has ended' if ended else still}")
    raise typer.Exit(0 if ended else Exit.BROKEN)


@app.command()
def heal(root: Annotated[Path, typer.Argument(help="Root directory of the environment.", exists=True, file_okay=False)]) -> None:
    """Undo every fault that an earlier run did not heal in an environment, and verify that it is healed."""
    from closeshave.faults.heal import heal_environment

    unproven = heal_environment(root, console.print)
    for what in unproven:
        console.print(_coloured("not proven", "red").append(f": {what}", style="not red"))
    raise typer.Exit(Exit.BROKEN if unproven else 0)


@app.command(name="list")
def list_() -> None:
    """List the plans, environments, targets and kinds of faults that are available."""
    from closeshave.faults import catalogue
    from closeshave.files.shipped import available

    for title, folder in (("plans", "scenarios"), ("environments", "environments"), ("targets", "environments/targets")):
        console.print(_coloured(title, "bold").append(f"  {', '.join(available(folder))}", style="not bold"))
    console.print(_coloured("faults", "bold").append(f"  {', '.join(sorted(catalogue.KINDS))}", style="not bold"))


@app.command()
def doctor(
    environment: Annotated[
        str, typer.Option(help="Environment file of a platform: examine that platform, with few requests, instead of this machine.")
    ] = "",
    write: Annotated[bool, typer.Option(help="Write a new proposal for its environment file beside it, as FILE.proposed.")] = False,
    url: Annotated[
        str, typer.Option(help="Address of a platform that has no environment file yet: examine it and write its first file.")
    ] = "",
    stage: Annotated[str, typer.Option(help="With --url: development, staging or production; only production is not written to.")] = "",
) -> None:
    """Show which parts this machine has and which are missing; or examine a platform, and show what its environment file should say."""
    from closeshave.environments.doctor import PartCheck, findings
    from closeshave.loadgen import compiled

    if environment and url:
        raise InvalidFile(Problem("--url", 0, "", "give either --url or --environment; the environment file already holds an address"))
    if environment:
        _examine(environment, write=write)
        return
    if url:
        _examine_url(url, stage)
        return
    table = Table("part", "", "detail")
    plain = compiled.why_plain()
    found = (*findings(), PartCheck("load engine", plain is None, f"plain Python: {plain}" if plain else "compiled", needed=False))
    for item in found:
        table.add_row(
            item.part, _coloured("ok", "green") if item.ok else _coloured("missing", "red" if item.needed else "yellow"), item.detail
        )
    console.print(table)
    raise typer.Exit(0 if all(item.ok for item in found if item.needed) else Exit.BROKEN)


def _examine(name: str, *, write: bool) -> None:
    from closeshave.environments.definition import read_definition
    from closeshave.environments.remote import examination
    from closeshave.environments.remote.definition import Remote
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise InvalidFile(
            Problem(
                str(path), 0, "kind", "only an environment of kind remote can be examined; leave out --environment to examine this machine"
            )
        )
    examined = examination.examine(definition)
    _show(examined)
    if write:
        typer.echo(examination.propose(path, examined))
    raise typer.Exit(Exit.BROKEN if examined.refused else 0)


def _examine_url(url: str, stage: str) -> None:
    from closeshave.environments.remote import examination
    from closeshave.environments.remote.proposal import STAGES

    if stage and stage not in STAGES:
        raise InvalidFile(Problem("--stage", 0, "", f"{stage!r} is not a stage; use development, staging or production"))
    examined = examination.examine_url(url, STAGES.get(stage))
    _show(examined)
    shelf = Path("environments")
    typer.echo(examination.write_first(shelf if shelf.is_dir() else Path(), examined))
    raise typer.Exit(Exit.BROKEN if examined.refused else 0)


def _show(examined: Examined) -> None:
    table = Table("what", "", "seen", "the file should say")
    colours = {"ok": _coloured("ok", "green"), "note": _coloured("note", "yellow"), "missing": _coloured("missing", "red")}
    for item in examined.findings:
        table.add_row(item.what, colours[item.level], item.saw, item.advice)
    console.print(table)


@environments.command()
def up(name: EnvironmentName = "embedded") -> None:
    """Start an environment and leave it running."""
    from closeshave.environments import drivers, registry
    from closeshave.environments.definition import read_definition
    from closeshave.files.shipped import locate
    from closeshave.trial.display import Display

    path = locate("environments", name)
    definition = read_definition(path)
    if not drivers.of(definition.kind).ours:
        raise InvalidFile(
            Problem(str(path), 0, "kind", "a remote platform is not started; 'closeshave run' uses it if its guard permits that")
        )
    deployment = drivers.of(definition.kind).up(definition, registry.new_root(definition.name), Display(console).say, True)
    for edge in deployment.edges:
        console.print(f"{edge.region:16} {edge.url}")
    typer.echo(deployment.root)


@environments.command()
def status(
    name: EnvironmentName = "embedded",
    root: Annotated[Path | None, typer.Option(help="Its root directory, when several are running.")] = None,
) -> None:
    """Show every part of a running environment and its current role."""
    from closeshave.environments import drivers

    place = _root(name, root)
    parts = drivers.at(place).status(place)
    table = Table("part", "role", "region", "", "detail")
    for part in parts:
        table.add_row(
            part.name, part.role, part.region or "-", _coloured("up", "green") if part.running else _coloured("down", "red"), part.detail
        )
    console.print(table)
    raise typer.Exit(0 if all(part.running for part in parts) else Exit.BROKEN)


@environments.command()
def down(
    name: EnvironmentName = "embedded",
    root: Annotated[Path | None, typer.Option(help="Its root directory, when several are running.")] = None,
    logs_to: Annotated[Path | None, typer.Option(help="Directory in which to keep the logs of its parts.")] = None,
) -> None:
    """Stop an environment and remove everything that it created."""
    from closeshave.environments import drivers, registry

    place = _root(name, root)
    if root is None and (run := registry.owner(place)):
        raise InvalidFile(
            Problem(str(place), 0, "", f"belongs to the trial {run.name}; stop that trial, or give --root to remove the environment anyway")
        )
    left = drivers.at(place).down(place, logs_to)
    for what in left:
        console.print(_coloured("could not be removed", "red").append(f": {what}", style="not red"))
    raise typer.Exit(Exit.BROKEN if left else 0)


@environments.command()
def images() -> None:
    """Build the container images for environments of kind containers from what is installed here; images that are up to date are kept."""
    from closeshave.environments.containers.images import build
    from closeshave.trial.display import Display

    made = build(Display(console).say)
    console.print(f"built {', '.join(made)}" if made else "all images are up to date")


def _root(name: str, given: Path | None) -> Path:
    from closeshave.environments import registry

    found = given or registry.find(name)
    if found is None:
        console.print(f"no environment {name!r} is running")
        raise typer.Exit(Exit.USAGE)
    return found


def _say_where(tracebacks: str) -> None:
    if tracebacks:
        console.print(f"judges failed; their tracebacks are in {clean(tracebacks)}", style="red", soft_wrap=True)


def _coloured(word: str, style: str) -> Text:
    return Text(word, style=style)


@contextmanager
def _about(run: Path) -> Iterator[None]:
    """An unforeseen error in this block is written to the logs of this run."""
    _in_hand.append(run)
    yield
    _in_hand.clear()


def main() -> None:
    """Run the command. Its exit code is 1 only where the judges said so; every error is one clear message, never a traceback."""
    output.steady()
    code = _carried_out()
    if (lost := output.lost()) is not None and code == 0:
        _complain(f"the output could not be written: {lost.strerror}")
        code = Exit.BROKEN
    sys.exit(code)


def _carried_out() -> int:
    try:
        # Only an Exit of one of the commands above comes back as a number.
        return app(standalone_mode=False) or 0
    except typer.TyperException as error:
        rich_format_error(error)  # type: ignore[arg-type]  # the class that it names is private to Typer
        return Exit.USAGE
    except InvalidFile as error:
        for problem in error.problems:
            _complain(str(problem))
        return Exit.USAGE
    except (Interrupted, KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - whatever it is: Python's own code for it is 1, which means that the platform failed
        _complain(_failure(error))
        return Exit.BROKEN


def _failure(error: BaseException) -> str:
    """The message of an error that a person can fix; for an unforeseen one, where its traceback is."""
    from closeshave.control.engine import EngineFailed
    from closeshave.environments.errors import EnvironmentFailed

    if isinstance(error, EnvironmentFailed | EngineFailed | rundir.NoRun | Damaged | OSError):
        return str(error)
    kept = unexpected.keep(error, _in_hand[0] if _in_hand else None)
    return f"closeshave itself failed ({unexpected.told(error)}); the traceback is in {kept}"


def _complain(sentence: str) -> None:
    console.print(clean(sentence), style="red", soft_wrap=True)
