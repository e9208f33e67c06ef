"""The page of the command line: Typer's own description of the command, from the very object that is run, and the exit codes."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.cli import get_docs_for_click

from closeshave.cli.command import app
from closeshave.files.described import meanings
from closeshave.vocabulary import Exit

NAME = "closeshave"


def page(made: str) -> str:
    """The page as Markdown. ``made`` is the remark of how it is made."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name=NAME, resilient_parsing=True)
    told = get_docs_for_click(obj=command, ctx=context, name=NAME, title="The command line")
    # Usage is no command that anybody could type.
    heading, _, rest = told.replace("```console\n$ ", "```text\n").strip().partition("\n\n")
    return "\n".join((heading, "", made, "", rest, "", *_codes())) + "\n"


def _codes() -> Iterator[str]:
    meant = meanings(Exit)
    yield "## Exit codes"
    yield ""
    yield "When several apply, the first of these: 130, 5, 4, 1, 3."
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    yield from (f"| {code.value} | {meant[code.name]} |" for code in Exit)
