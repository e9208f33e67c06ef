"""The command from its first instruction to its exit code, which is 1 only where the judges said so. Every error is one sentence, never a traceback."""

from __future__ import annotations

import sys
from functools import cache

import typer
from typer.core import TyperGroup

from closeshave.cli import commands, output, settings
from closeshave.cli.app import app
from closeshave.cli.at_hand import current
from closeshave.cli.saying import complain
from closeshave.files import rundir, unexpected
from closeshave.files.jsonfile import Damaged
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial.interrupts import Interrupted
from closeshave.vocabulary import Exit

NAME = "closeshave"

assert commands.ALL  # they have registered themselves


@cache
def command() -> TyperGroup:
    """The command with all that is below it. It is made once, because reading every function's options takes a twentieth of a second."""
    made = typer.main.get_command(app)
    assert isinstance(made, TyperGroup)
    return made


def main() -> None:
    """Run the command that ``sys.argv`` holds."""
    output.steady()
    code = _carried_out()
    if (lost := output.lost()) is not None and code == 0:
        complain(f"the output could not be written: {lost.strerror}")
        code = Exit.BROKEN
    sys.exit(code)


def _carried_out() -> int:
    try:
        # Only an Exit of one of the commands, or of Ctrl-C, comes back as a number.
        return _ended(command()(standalone_mode=False, prog_name=NAME) or 0)
    except typer.TyperException as error:
        if said := _misused(error):
            complain(said)
        return Exit.USAGE
    except (InvalidFile, rundir.NotARun) as error:
        for problem in error.problems if isinstance(error, InvalidFile) else (error,):
            complain(str(problem))
        return Exit.USAGE
    except (Interrupted, KeyboardInterrupt, typer.Abort):
        return _ended(Exit.INTERRUPTED)
    except BaseException as error:  # noqa: BLE001 - whatever it is: Python's own code for it is 1, which means that the platform failed
        return _failed(error)


def _failed(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        if error.__context__ is None:
            # Typer's own, which answers for a shell: --show-completion. Its code for a shell that it does not know is 1.
            return Exit.USAGE if error.code else Exit.PASS
        # Typer makes the end of a process out of a broken pipe.
        error = error.__context__
    complain(_failure(error))
    return Exit.BROKEN


def _ended(code: int) -> int:
    """An operator who interrupts the judging of a run is told that nothing is lost."""
    if code == Exit.INTERRUPTED and (run := current()) is not None:
        complain(f"interrupted while the run was judged; 'closeshave report {run}' judges it again")
    return code


def _misused(error: typer.TyperException) -> str:
    """What is wrong with the arguments, in one sentence; empty where the help was shown instead."""
    possible = getattr(error, "possibilities", None)
    said = " ".join((error.message if possible else error.format_message()).split()).rstrip(".")
    if not said:
        return ""
    near = f" (did you mean {' or '.join(sorted(possible))}?)" if possible else ""
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    path = context.command_path if context is not None else NAME
    variable = settings.variable_of(context, parameter) if context is not None and parameter is not None else None
    place = f" (from the variable {variable})" if variable else ""
    return f"{path}: {said}{near}{place}{' See' if said.endswith('?') else '; see'} {path} --help"


def _failure(error: BaseException) -> str:
    """The message of an error that a person can fix; for an unforeseen one, where its traceback is."""
    from closeshave.control.engine import EngineFailed
    from closeshave.environments.errors import EnvironmentFailed

    if isinstance(error, EnvironmentFailed | EngineFailed | rundir.NoRun | Damaged | OSError):
        return str(error)
    kept = unexpected.keep(error, current())
    return f"closeshave itself failed ({unexpected.told(error)}); the traceback is in {kept}"
