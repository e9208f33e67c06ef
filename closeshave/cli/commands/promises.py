"""What a target promises: the arithmetic of it."""

from __future__ import annotations

from typing import Annotated

import typer

from closeshave.cli import exits, options
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.vocabulary import Exit


@app.command(name="lint-claims", epilog=exits.told(Exit.FAIL))
def lint_claims(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Targets whose promises are looked at, names or files; all that there are without one.", autocompletion=options.targets
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find promises that contradict each other, by the figures that their target files state (says). Nothing is started.

    It ends with code 1 if there is a contradiction. Remarks, which say what else follows from the figures, do not change the code.
    """
    from closeshave.claims import reading, rules, telling

    voice = Voice(json, quiet)
    several, left_out = reading.promises(targets or ())
    for problem in left_out:
        voice.note(f"left out: {problem}")
    found = telling.linted(several, rules.lint(several), left_out)
    voice.result(telling.told(found), telling.brief(found), lambda console: telling.show(found, console))
    raise typer.Exit(Exit.FAIL if found.contradictions else Exit.PASS)
