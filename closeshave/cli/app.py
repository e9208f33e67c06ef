"""The command's root: what all commands have in common. The commands register themselves (:mod:`closeshave.cli.commands`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from closeshave import __version__
from closeshave.cli import exits
from closeshave.vocabulary import OPTION_PREFIX, Exit

HELP = """
Load and resilience testing for booking platforms: put load on a platform, inject faults, and judge with evidence whether its promises hold.

Results go to standard output, progress and errors to standard error. Every option can also be set by a variable (shown beside it), and for run and
validate in a file closeshave.toml beside the plan. The command line wins over the variable, the variable over closeshave.toml, that over the plan, and
the plan over the default.
"""

SETTINGS = {"help_option_names": ["--help", "-h"], "auto_envvar_prefix": OPTION_PREFIX}

# Help as plain text: in boxes the variables' names did not fit a terminal of 80 columns, and closeshave[otlp] was taken for markup.
PLAIN: Mapping[str, Any] = {"no_args_is_help": True, "rich_markup_mode": None}
app = typer.Typer(
    **PLAIN, pretty_exceptions_enable=False, help=HELP, epilog=exits.told(*Exit), context_settings=SETTINGS, name="closeshave"
)
ABOUT_ENVIRONMENTS = "Start, inspect and stop an environment without a trial."
environments = typer.Typer(**PLAIN, help=ABOUT_ENVIRONMENTS, short_help=ABOUT_ENVIRONMENTS, epilog=exits.told())
app.add_typer(environments, name="env")
ABOUT_IMPORTS = "Make a target from the files of another tool."
imports = typer.Typer(**PLAIN, help=ABOUT_IMPORTS, short_help=ABOUT_IMPORTS, epilog=exits.told())
app.add_typer(imports, name="import")
ABOUT_EXPORTS = "Write a target in the form of another tool."
exports = typer.Typer(**PLAIN, help=ABOUT_EXPORTS, short_help=ABOUT_EXPORTS, epilog=exits.told())
app.add_typer(exports, name="export")
ABOUT_GAME_DAYS = "Hold a game day: gameday PLAN. Press, look and check from other terminals."


class PlanOrCommand(TyperGroup):
    """``closeshave gameday PLAN`` is ``closeshave gameday begin PLAN``: what is no command below it is an argument of that one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Called by Typer."""
        parsed: list[str] = super().parse_args(ctx, self.meant(args))
        return parsed

    def meant(self, args: list[str]) -> list[str]:
        """The arguments, with the command that they are for."""
        return ["begin", *args] if args and args[0] not in {*self.commands, *SETTINGS["help_option_names"]} else args


gamedays = typer.Typer(**PLAIN, cls=PlanOrCommand, help=ABOUT_GAME_DAYS, short_help=ABOUT_GAME_DAYS, epilog=exits.told())
app.add_typer(gamedays, name="gameday")


@app.callback(invoke_without_command=True)
def _before(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.", allow_from_autoenv=False)] = False,
) -> None:
    if show:
        typer.echo(f"closeshave {__version__}")
        raise typer.Exit
    from closeshave import private

    # Passwords and tokens of a trial that was killed together with its janitor.
    private.sweep()
