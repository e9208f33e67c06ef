"""A game day: hold one, press from a terminal, see how it stands, and check its chain of events."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits, options, output, trying
from closeshave.cli.app import gamedays
from closeshave.cli.at_hand import at_hand
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.gameday.presses import Press
    from closeshave.gameday.state import Answered

LOOK_EVERY_S = 0.1
NOBODY = "nobody has answered; is the game day still running? If it goes on, a mark, a note or a stop still counts; nothing else that was pressed does"


@gamedays.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE, Exit.SAFETY))
def begin(  # noqa: PLR0917 - an option each
    context: typer.Context,
    plan: Annotated[str, typer.Argument(help="A plan file with injects, or the name of one in scenarios/.", autocompletion=options.plans)],
    environment: options.Environment = None,
    target: options.Target = None,
    seed: options.Seed = None,
    rate_scale: options.RateScale = None,
    rehearse: Annotated[
        bool, typer.Option(help="A dress rehearsal: everything but the breaking, at ten times the speed. It proves nothing.")
    ] = False,
    runs: options.Runs = options.RUNS,
    attach: options.Attach = None,
    accounts: options.Accounts = None,
    confirm: options.Confirm = "",
    live_port: options.LivePort = 0,
    live_address: options.LiveAddress = "127.0.0.1",
    live_certificate: options.LiveCertificate = None,
    live_key: options.LiveKey = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hold a game day: a trial whose injects begin when people say so. 'closeshave gameday PLAN' means the same; Ctrl-C stops and heals."""
    from closeshave.conclusion import beside, conclude, publish
    from closeshave.environments.driver import Permission
    from closeshave.environments.remote.permission import VARIABLE as TOKEN
    from closeshave.gameday import tokens
    from closeshave.gameday.writing import PAGE as AFTER
    from closeshave.live import launching
    from closeshave.live import settings as viewing
    from closeshave.trial import running
    from closeshave.trial.display import Display
    from closeshave.trial.holding import held
    from closeshave.trial.interrupts import hangup
    from closeshave.trial.outlook import warn

    output.hurry()
    voice = Voice(json, quiet)
    trying.noted(context, voice)
    place = viewing.read(live_address, live_port, live_certificate, live_key)
    prepared = trying.prepared(
        context, plan, attach, environment=environment, target=target, seed=seed, rate_scale=rate_scale, accounts=accounts
    )
    prepared = held(prepared, rehearse=rehearse)
    warn(prepared, voice.progress)
    permission = Permission(os.environ.pop(TOKEN, ""), confirm)
    display = Display(voice.progress)
    if rehearse:
        display.say("nothing will be broken, so it proves nothing", "dress rehearsal", "bold yellow")
    # The page is open until the run is judged: it shows how the game day ended.
    with hangup() as gone, launching.opened(place) as view:
        assert view is not None
        show = partial(launching.told, view, say=display.say, withheld=prepared.definition.secrets.all, issue=tokens.issue)
        directory = running.run(prepared, runs, display, attach=attach, permission=permission, on_directory=show, on_end=gone.trial_is_over)
        with at_hand(directory):
            display.say("judging what was recorded")
            conclusion = conclude(directory)
            trying.told(conclusion, directory, voice)
            voice.last("report", publish(conclusion, beside(conclusion, None)))
            voice.last("after-action report", directory / AFTER)
    raise typer.Exit(conclusion.exit_code)


@gamedays.command(epilog=exits.told())
def press(  # noqa: PLR0917 - an option each
    run: options.RunDirectory,
    action: Annotated[str, typer.Argument(help="go, hold, resume, skip, now, stop-and-heal, mark, correct, note, tick or reveal.")],
    inject: Annotated[str | None, typer.Argument(help="ID of the inject, where the action concerns one.")] = None,
    by: Annotated[str, typer.Option("--by", help="Your name, for the timeline.")] = "",
    role: Annotated[str, typer.Option("--as", help="facilitator, responder or scribe.")] = "facilitator",
    text: Annotated[
        str, typer.Option(help="Of a note its text; of a mark noticed, acknowledged, cause-found, mitigated or resolved.")
    ] = "",
    step: Annotated[int | None, typer.Option(min=1, help="Of a tick: the number of the runbook's step, from 1.")] = None,
    mark: Annotated[
        int | None, typer.Option(min=1, help="Of a correction: the number of the mark, from 1, as 'gameday state' shows.")
    ] = None,
    at: Annotated[float | None, typer.Option(help="Of a correction: seconds after the exercise began.")] = None,
    photo: Annotated[str | None, typer.Option(help="Of a note: the name of a photo's file.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Press from a terminal what the pages have as buttons, and say what became of it (4: it was refused, or nobody answers)."""
    from closeshave.clock import now_ns
    from closeshave.gameday import presses
    from closeshave.gameday.presses import WrongPress

    voice = Voice(json, quiet)
    values: dict[str, object] = {
        "mark": text,
        "note": {"text": text, "photo": photo},
        "tick": None if step is None else step - 1,
        "correct": {"index": -1 if mark is None else mark - 1, "at_s": at, "mark": text or None},
    }
    try:
        made = presses.made(now_ns(), role, by or os.environ.get("USER", "") or "terminal", action, inject, values.get(action))
    except WrongPress as error:
        raise InvalidFile(Problem("press", 0, action, str(error))) from None
    if not presses.directory(run).is_dir():
        raise InvalidFile(Problem(str(run), 0, "", "this run is no game day"))
    presses.write(run, made)
    answer = _answer(run, made)
    told = NOBODY if answer is None else answer.why or "done"
    taken = answer is not None and answer.taken
    plain = {"press": made.id, "taken": answer.taken if answer else None, "why": answer.why if answer else told}
    voice.result(plain, () if taken else (told,), lines([told], "" if taken else "red"))
    raise typer.Exit(0 if taken else Exit.BROKEN)


def _answer(run: Path, made: Press) -> Answered | None:
    from closeshave.files.jsonfile import Damaged
    from closeshave.gameday import presses, state

    # A little longer than a trial takes a press: its answer must not be missed.
    deadline = time.monotonic() + presses.LATE_S + 2
    while time.monotonic() < deadline:
        try:
            found = next((each for each in state.load(run).answers if each.id == made.id), None)
        except (Damaged, FileNotFoundError):
            found = None
        if found is not None:
            return found
        time.sleep(LOOK_EVERY_S)
    return None


@gamedays.command(name="state", epilog=exits.told())
def show(run: options.RunDirectory, json: Json = False, quiet: Quiet = False) -> None:
    """Show how a game day stands: the clock, every inject, marks and notes. Everything, hidden injects too: it is for facilitators."""
    from closeshave.gameday import state, terminal

    try:
        found = state.load(run)
    except FileNotFoundError:
        raise InvalidFile(Problem(str(run), 0, "", "this run is no game day, or its load has not begun yet")) from None
    told = terminal.told(found)
    Voice(json, quiet).result(state.CODEC.dump_python(found, mode="json"), told, lines(told))


@gamedays.command(epilog=exits.told())
def check(run: options.RunDirectory, json: Json = False, quiet: Quiet = False) -> None:
    """Check the chain of a game day's events: whether an entry was changed, removed or moved later (4)."""
    from closeshave.gameday import chain

    try:
        found = chain.check(run)
    except FileNotFoundError:
        raise InvalidFile(Problem(str(run), 0, "", "this run is no game day")) from None
    end = "" if found.ended else "; its end is missing: the game day still runs, or was killed"
    said = found.wrong or f"{len(found.links)} entries, each follows the one before{end}; the last is {found.last}"
    plain = {"entries": len(found.links), "wrong": found.wrong or None, "ended": found.ended, "last": found.last}
    Voice(json, quiet).result(plain, (said,), lines([said], "red" if found.wrong else ""))
    raise typer.Exit(Exit.BROKEN if found.wrong else 0)


@gamedays.command(epilog=exits.told())
def deficiency(
    run: options.RunDirectory,
    what: Annotated[str, typer.Argument(help="What is wrong, in a sentence.")],
    owner: Annotated[str, typer.Option(help="Who sees to it that it is corrected.")],
    due: Annotated[str, typer.Option(help="The day by which it is corrected, as in 2026-12-24.")],
    retest: Annotated[
        str, typer.Option(help="Name of the plan that must pass to show that it is corrected.", autocompletion=options.plans)
    ],
    finding: Annotated[str, typer.Option(help="ID of the verdict that showed it, as in the report.")] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write down a deficiency of a game day, and its report again; 'closeshave schedule' shows whether it has been re-tested."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from closeshave.conclusion import conclude, publish
    from closeshave.files.shipped import locate
    from closeshave.files.yamlfile import day
    from closeshave.gameday import deficiencies
    from closeshave.plan import read_plan

    conclusion = conclude(run)
    if not conclusion.recorded.manifest.game_day:
        raise InvalidFile(Problem(str(run), 0, "", "this run is no game day"))
    known = {verdict.id for verdict in conclusion.assessment.verdicts}
    if finding and finding not in known:
        raise InvalidFile(Problem("--finding", 0, "", f"{finding!r} is no verdict of this run"))
    named = read_plan(locate("scenarios", retest)).name
    try:
        made = deficiencies.add(run, what, owner, day(due), named, datetime.now(UTC), finding)
    except ValueError as error:
        raise InvalidFile(Problem("deficiency", 0, "", str(error))) from None
    publish(conclusion)
    told = f"{made.id}: {made.what}; {made.owner}, until {made.due.isoformat()}, re-tested by {made.retest}"
    Voice(json, quiet).result({**asdict(made), "due": made.due.isoformat()}, (made.id,), lines([told]))
