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
from closeshave.files import rundir
from closeshave.files.jsonfile import Damaged
from closeshave.files.plaintext import clean
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.trial import unexpected
from closeshave.trial.interrupts import Interrupted

if TYPE_CHECKING:
    from closeshave.environments.remote.examination import Examined

INVALID, FAILED, INTERRUPTED = 2, 4, 130
SHOWN_WITHIN_S = 5.0
"""How long a trial waits for a terminal or a pipe that takes nothing; after that it goes on unseen."""

_in_hand: list[Path] = []
"""The run that is being judged."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
environments = typer.Typer(no_args_is_help=True, help="Start, look at and stop an environment by itself.")
app.add_typer(environments, name="env")
# What is printed is data: a path, a platform's words. Whatever looks like markup in it is text; colours are said by rich.text.Text alone.
console = Console(stderr=True, markup=False, emoji=False, highlight=False)

RunDirectory = Annotated[Path, typer.Argument(help="A run directory, below reports/runs.", exists=True, file_okay=False)]
EnvironmentName = Annotated[str, typer.Argument(help="An environment file, or the name of one in environments/.")]

RateScale = Annotated[
    float | None,
    typer.Option(
        help="Multiplies the rates of sessions, contests and canaries, up to 10; below 1 calm lasts longer, within limits.duration. Without it "
        "a plan with rate: auto is calibrated. The canaries' rate sets the resolution of recovery times."
    ),
]


@app.callback(invoke_without_command=True)
def _before(show: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if show:
        typer.echo(f"closeshave {__version__}")
        raise typer.Exit
    from closeshave import private

    # Passwords and tokens of a trial that was killed together with its janitor.
    private.sweep()


@app.command()
def run(  # noqa: PLR0917 - an option each
    plan: Annotated[str, typer.Argument(help="A plan file, or the name of one in scenarios/.")],
    environment: Annotated[str | None, typer.Option(help="Another environment than the plan's.")] = None,
    target: Annotated[str | None, typer.Option(help="Another target than the plan's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the plan's.")] = None,
    rate_scale: RateScale = None,
    processes: Annotated[int | None, typer.Option(min=1, help="How many processes share the customers' load, if not the plan's.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run directories are made.")] = Path("reports/runs"),
    attach: Annotated[Path | None, typer.Option(help="Root of a running environment to use; it is left running.")] = None,
    accounts: Annotated[Path | None, typer.Option(help="Another file of customers than the platform's environment file names.")] = None,
    confirm: Annotated[str, typer.Option(help="The environment's name, typed by you: production is not loaded without it.")] = "",
) -> None:
    """Carry out a trial: start the environment, load it, break it, judge it, write the report."""
    from closeshave.conclusion import conclude, publish
    from closeshave.environments import drivers
    from closeshave.environments.driver import Permission
    from closeshave.environments.remote.permission import VARIABLE as TOKEN
    from closeshave.report import terminal
    from closeshave.trial import running
    from closeshave.trial.display import Display
    from closeshave.trial.outlook import warn
    from closeshave.trial.preparation import prepare

    # A terminal that nobody reads must not keep a trial from healing what it broke.
    output.hurry(SHOWN_WITHIN_S)
    prepared = prepare(
        plan, environment=environment, target=target, seed=seed, processes=processes, rate_scale=rate_scale, accounts=accounts
    )
    if attach is not None and not drivers.of(prepared.definition.kind).ours:
        raise InvalidFile(
            Problem("--attach", 0, "", "a platform elsewhere is visited, with the guard's leave; there is no root to attach to")
        )
    warn(prepared, console)
    permission = Permission(os.environ.pop(TOKEN, ""), confirm)
    directory = running.run(prepared, runs, Display(console), attach=attach, permission=permission)
    with _about(directory):
        conclusion = conclude(directory)
        terminal.render(conclusion.assessment, directory, console)
        publish(conclusion)
    raise typer.Exit(conclusion.exit_code)


@app.command()
def judge(directory: RunDirectory) -> None:
    """Judge a run again from its files alone; changes nothing in it."""
    from closeshave.conclusion import conclude
    from closeshave.report import terminal

    with _about(directory):
        conclusion = conclude(directory)
        terminal.render(conclusion.assessment, directory, console)
    raise typer.Exit(conclusion.exit_code)


@app.command()
def explain(
    directory: RunDirectory,
    verdict: Annotated[
        str, typer.Argument(help="The ID of a verdict, such as integrity/lost; without one, those that are no pass are told.")
    ] = "",
) -> None:
    """Tell the story behind a verdict in time order: who asked, who acknowledged, what failed over, what was missing."""
    from closeshave.conclusion import conclude
    from closeshave.report import story

    with _about(directory):
        said = conclude(directory)
        chosen = story.choose(said.assessment, verdict)
        if verdict and not chosen:
            known = ", ".join(one.id for one in said.assessment.verdicts)
            raise InvalidFile(Problem(str(directory), 0, verdict, f"there is no such verdict; there is: {known}"))
        story.explain(chosen, said.recorded, said.plan, said.target, Console())


@app.command()
def report(directory: RunDirectory) -> None:
    """Judge a run again and write its report anew."""
    from closeshave.conclusion import conclude, publish

    with _about(directory):
        conclusion = conclude(directory)
        typer.echo(publish(conclusion))
    raise typer.Exit(conclusion.exit_code)


@app.command()
def validate(
    plans: Annotated[list[str], typer.Argument(help="Plans to check, with the environments and targets that they name.")],
    environment: Annotated[str | None, typer.Option(help="Another environment than the plans'.")] = None,
    target: Annotated[str | None, typer.Option(help="Another target than the plans'.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the plans'.")] = None,
    rate_scale: RateScale = None,
) -> None:
    """Check plans without starting anything, and say what they put to the test and what not."""
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
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="For how long.")] = 2.0,
) -> None:
    """Make a token with which a production platform may be loaded from this machine, until it expires."""
    import time

    from closeshave.environments.definition import read_definition
    from closeshave.environments.remote.definition import Remote
    from closeshave.environments.remote.permission import VARIABLE, grant, own_key
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise InvalidFile(Problem(str(path), 0, "kind", f"an environment of kind {definition.kind} needs no token"))
    console.print(f"good for {hours:g} h; give it in the environment variable {VARIABLE}, never as an argument")
    typer.echo(grant(definition, own_key(), int(time.time() + hours * 3600)))


@app.command()
def stop(
    directory: Annotated[Path | None, typer.Argument(help="The run; needless when only one is running.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run directories are made.")] = Path("reports/runs"),
    timeout: Annotated[float, typer.Option(help="Seconds to wait until it has healed and ended.")] = 300.0,
) -> None:
    """Stop a running trial for safety: it heals, cleans up, judges what there is and ends with exit code 5."""
    from closeshave.trial import stopping

    found = (directory,) if directory else stopping.running(runs)
    if len(found) != 1:
        raise InvalidFile(Problem(str(runs), 0, "", f"name one of: {', '.join(map(str, found))}" if found else "no run is going on"))
    try:
        ended = stopping.ask(found[0], timeout)
    except LookupError as error:
        raise InvalidFile(Problem(str(found[0]), 0, "", str(error))) from None
    console.print(f"{found[0]} {'has ended' if ended else f'is still ending after {timeout:g} s'}")
    raise typer.Exit(0 if ended else FAILED)


@app.command()
def heal(root: Annotated[Path, typer.Argument(help="Root of the environment.", exists=True, file_okay=False)]) -> None:
    """Undo every fault that an earlier run left open in an environment, and prove it."""
    from closeshave.faults.heal import heal_environment

    unproven = heal_environment(root, console.print)
    for what in unproven:
        console.print(_coloured("not proven", "red").append(f": {what}", style="not red"))
    raise typer.Exit(FAILED if unproven else 0)


@app.command(name="list")
def list_() -> None:
    """What there is: plans, environments, targets, kinds of faults."""
    from closeshave.faults import catalogue
    from closeshave.files.shipped import available

    for title, folder in (("plans", "scenarios"), ("environments", "environments"), ("targets", "environments/targets")):
        console.print(_coloured(title, "bold").append(f"  {', '.join(available(folder))}", style="not bold"))
    console.print(_coloured("faults", "bold").append(f"  {', '.join(sorted(catalogue.KINDS))}", style="not bold"))


@app.command()
def doctor(
    environment: Annotated[str, typer.Option(help="A platform's environment file: ask that platform instead, gently.")] = "",
    write: Annotated[bool, typer.Option(help="Propose its file anew, beside it, as FILE.proposed.")] = False,
    url: Annotated[str, typer.Option(help="A platform that has no file yet: ask it, and write its first file.")] = "",
    stage: Annotated[str, typer.Option(help="With --url: development, staging or production; only production is not written to.")] = "",
) -> None:
    """Say which parts this machine has and what is missing; or what a platform answers, and what its file should say."""
    from closeshave.environments.doctor import Finding, findings
    from closeshave.loadgen import compiled

    if environment and url:
        raise InvalidFile(Problem("--url", 0, "", "either an address or a file; the file holds an address"))
    if environment:
        _examine(environment, write=write)
        return
    if url:
        _examine_url(url, stage)
        return
    table = Table("part", "", "detail")
    plain = compiled.why_plain()
    found = (*findings(), Finding("load engine", plain is None, f"plain Python: {plain}" if plain else "compiled", needed=False))
    for item in found:
        table.add_row(
            item.part, _coloured("ok", "green") if item.ok else _coloured("missing", "red" if item.needed else "yellow"), item.detail
        )
    console.print(table)
    raise typer.Exit(0 if all(item.ok for item in found if item.needed) else FAILED)


def _examine(name: str, *, write: bool) -> None:
    from closeshave.environments.definition import read_definition
    from closeshave.environments.remote import examination
    from closeshave.environments.remote.definition import Remote
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise InvalidFile(Problem(str(path), 0, "kind", "only a platform of kind remote is asked; without --environment this machine is"))
    examined = examination.examine(definition)
    _show(examined)
    if write:
        typer.echo(examination.propose(path, examined))
    raise typer.Exit(FAILED if examined.refused else 0)


def _examine_url(url: str, stage: str) -> None:
    from closeshave.environments.remote import examination
    from closeshave.environments.remote.proposal import STAGES

    if stage and stage not in STAGES:
        raise InvalidFile(Problem("--stage", 0, "", f"{stage!r} is no stage; there is: development, staging, production"))
    examined = examination.examine_url(url, STAGES.get(stage))
    _show(examined)
    shelf = Path("environments")
    typer.echo(examination.write_first(shelf if shelf.is_dir() else Path(), examined))
    raise typer.Exit(FAILED if examined.refused else 0)


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
            Problem(str(path), 0, "kind", "a platform elsewhere is not started; 'closeshave run' visits it, with the guard's leave")
        )
    deployment = drivers.of(definition.kind).up(definition, registry.new_root(definition.name), Display(console).say, True)
    for edge in deployment.edges:
        console.print(f"{edge.region:16} {edge.url}")
    typer.echo(deployment.root)


@environments.command()
def status(name: EnvironmentName = "embedded", root: Annotated[Path | None, typer.Option(help="Its root, if several run.")] = None) -> None:
    """Show every part of a running environment and the role that it plays now."""
    from closeshave.environments import drivers

    place = _root(name, root)
    parts = drivers.at(place).status(place)
    table = Table("part", "role", "region", "", "detail")
    for part in parts:
        table.add_row(
            part.name, part.role, part.region or "-", _coloured("up", "green") if part.running else _coloured("down", "red"), part.detail
        )
    console.print(table)
    raise typer.Exit(0 if all(part.running for part in parts) else FAILED)


@environments.command()
def down(
    name: EnvironmentName = "embedded",
    root: Annotated[Path | None, typer.Option(help="Its root, if several run.")] = None,
    logs_to: Annotated[Path | None, typer.Option(help="Keep the logs of its parts here.")] = None,
) -> None:
    """Stop an environment and remove all that it left."""
    from closeshave.environments import drivers, registry

    place = _root(name, root)
    if root is None and (run := registry.owner(place)):
        raise InvalidFile(
            Problem(str(place), 0, "", f"belongs to the trial {run.name}; stop that one, or give --root to take it away all the same")
        )
    left = drivers.at(place).down(place, logs_to)
    for what in left:
        console.print(_coloured("could not be removed", "red").append(f": {what}", style="not red"))
    raise typer.Exit(FAILED if left else 0)


@environments.command()
def images() -> None:
    """Make the container images that an environment of kind containers runs from, of what is installed here; those that are up to date stay."""
    from closeshave.environments.containers.images import build
    from closeshave.trial.display import Display

    made = build(Display(console).say)
    console.print(f"made {', '.join(made)}" if made else "nothing to do")


def _root(name: str, given: Path | None) -> Path:
    from closeshave.environments import registry

    found = given or registry.find(name)
    if found is None:
        console.print(f"no environment {name!r} is running")
        raise typer.Exit(INVALID)
    return found


def _coloured(word: str, style: str) -> Text:
    return Text(word, style=style)


@contextmanager
def _about(run: Path) -> Iterator[None]:
    """What goes wrong unforeseen in this block is told in the logs of this run."""
    _in_hand.append(run)
    yield
    _in_hand.clear()


def main() -> None:
    """Run the command. Its exit code is 1 only where the judges said so; every error is one clear message, never a traceback."""
    output.steady()
    code = _carried_out()
    if (lost := output.lost()) is not None and code == 0:
        _complain(f"the output could not be written: {lost.strerror}")
        code = FAILED
    sys.exit(code)


def _carried_out() -> int:
    try:
        # Only an Exit of one of the commands above comes back as a number.
        return app(standalone_mode=False) or 0
    except typer.TyperException as error:
        rich_format_error(error)  # type: ignore[arg-type]  # the class that it names is private to Typer
        return INVALID
    except InvalidFile as error:
        for problem in error.problems:
            _complain(str(problem))
        return INVALID
    except (Interrupted, KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - whatever it is: Python's own code for it is 1, which means that the platform failed
        _complain(_failure(error))
        return FAILED


def _failure(error: BaseException) -> str:
    """What a person can mend, in its own words; of what nobody foresaw, where the traceback is."""
    from closeshave.control.engine import EngineFailed
    from closeshave.environments.errors import EnvironmentFailed

    if isinstance(error, EnvironmentFailed | EngineFailed | rundir.NoRun | Damaged | OSError):
        return str(error)
    kept = unexpected.keep(error, _in_hand[0] if _in_hand else None)
    return f"closeshave itself failed ({unexpected.told(error)}); the traceback is in {kept}"


def _complain(sentence: str) -> None:
    console.print(clean(sentence), style="red", soft_wrap=True)
