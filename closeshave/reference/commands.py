"""The page of the command line: Typer's own description of the command, from the very object that is run, and the exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import typer
from typer.cli import get_docs_for_click

from closeshave.cli.app import app
from closeshave.cli.exits import AS_IT_STANDS
from closeshave.cli.settings import named
from closeshave.files.described import meanings
from closeshave.vocabulary import OPTION_PREFIX, Exit

NAME = "closeshave"
_EPILOG = re.compile(rf"^(?:{AS_IT_STANDS}\n)?Exit codes:\n((?: +.*\n)+)", re.MULTILINE)


def page(made: str) -> str:
    """The page as Markdown. ``made`` is the remark of how it is made."""
    command = typer.main.get_command(app)
    # Typer describes every command as if it were the root, whose variables have shorter names.
    for variable, option in named(command, OPTION_PREFIX):
        option.envvar = variable if option.allow_from_autoenv else None
    context = typer.Context(command, info_name=NAME, resilient_parsing=True, help_option_names=["--help", "-h"])
    told = get_docs_for_click(obj=command, ctx=context, name=NAME, title="The command line")
    told = _EPILOG.sub(_listed, told)
    # Usage is no command that anybody could type.
    heading, _, rest = told.replace("```console\n$ ", "```text\n").strip().partition("\n\n")
    return "\n".join((heading, "", made, "", rest, "", *_codes())) + "\n"


def _listed(epilog: re.Match[str]) -> str:
    """The codes of one command on one line: what they mean stands at the end of the page."""
    codes = ", ".join(re.findall(r"^ +(\d+)  ", epilog[1], re.MULTILINE))
    return f"Exit codes: {codes} ([what they mean](#exit-codes)).\n"


def _codes() -> Iterator[str]:
    meant = meanings(Exit)
    yield "## Exit codes"
    yield ""
    yield "When several apply, the first of these: 130, 5, 4, 1, 3."
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    yield from (f"| {code.value} | {meant[code.name]} |" for code in Exit)
