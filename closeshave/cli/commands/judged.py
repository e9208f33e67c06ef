"""A run that is over: its verdicts, what led to them, and its report, from its files alone."""

from __future__ import annotations

from typing import Annotated

import typer

from closeshave.cli import exits, hosted
from closeshave.cli.app import app
from closeshave.cli.at_hand import at_hand
from closeshave.cli.options import Against, History, RunDirectory
from closeshave.cli.saying import Json, Quiet, Voice, complain_of_judges, lines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import MARKDOWN, PAGE, Exit

EPILOG = exits.told(Exit.FAIL, Exit.INCONCLUSIVE, Exit.SAFETY)


@app.command(epilog=EPILOG)
def judge(directory: RunDirectory, json: Json = False, quiet: Quiet = False) -> None:
    """Judge a run again from its files alone; changes nothing in it but the log of errors."""
    from closeshave.conclusion import annotated, conclude, summary
    from closeshave.report import terminal

    with at_hand(directory):
        voice, conclusion = Voice(json, quiet), conclude(directory)
        voice.result(
            summary(conclusion),
            (terminal.sentence(conclusion.assessment, directory).plain,),
            lambda console: terminal.render(conclusion.assessment, directory, console),
        )
        complain_of_judges(conclusion.tracebacks)
        voice.last("report", directory / PAGE)
        hosted.tell(directory / MARKDOWN, lambda: annotated(conclusion))
    raise typer.Exit(conclusion.exit_code)


@app.command(epilog=exits.told())
def explain(
    directory: RunDirectory,
    verdict: Annotated[
        str, typer.Argument(help="The ID of a verdict, such as integrity/lost. Without one, every verdict that is not a pass is explained.")
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what led to a verdict, in time order: who sent each request, who acknowledged it, what failed over, what is missing."""
    from closeshave.conclusion import conclude
    from closeshave.report import story

    with at_hand(directory):
        said = conclude(directory)
        complain_of_judges(said.tracebacks)
        try:
            chosen = story.of(story.choose(said.assessment, verdict), said.recorded, said.plan, said.target)
        except story.NoVerdict as error:
            raise InvalidFile(Problem(str(directory), 0, "", str(error))) from None
        Voice(json, quiet).result(
            story.told(chosen),
            (f"{one.verdict.status.value} {one.verdict.id}" for one in chosen.explained),
            lambda console: story.show(chosen, console),
        )


@app.command(epilog=EPILOG)
def report(directory: RunDirectory, against: Against = None, history: History = None, json: Json = False, quiet: Quiet = False) -> None:
    """Judge a run again and write its report again."""
    from closeshave.conclusion import annotated, beside, conclude, publish, summary

    with at_hand(directory):
        conclusion = conclude(directory)
        complain_of_judges(conclusion.tracebacks)
        page = publish(conclusion, beside(conclusion, against, history))
        Voice(json, quiet).result(summary(conclusion), (str(page),), lines([str(page)]))
        hosted.tell(directory / MARKDOWN, lambda: annotated(conclusion))
    raise typer.Exit(conclusion.exit_code)
