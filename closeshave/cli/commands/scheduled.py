"""What is to be carried out again and again, and what is overdue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closeshave.cli import exits, options
from closeshave.cli.app import app
from closeshave.cli.options import RUNS
from closeshave.cli.saying import Json, Quiet, Voice
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.comparison.due import Scheduled


@app.command(epilog=exits.told(Exit.FAIL, Exit.INCONCLUSIVE))
def schedule(
    plans: Annotated[
        list[str] | None,
        typer.Argument(
            help="Plans, by file or name; by default all in scenarios/ that say how often (every).", autocompletion=options.plans
        ),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="A directory of runs, or a file of nights (closeshave trend --add).", autocompletion=options.runs_below)
    ] = RUNS,
    environment: Annotated[
        str, typer.Option(help="Only runs on this environment count; by default all.", autocompletion=options.environments)
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show when each plan with a schedule was last carried out, its result, and what is overdue (3), or failed at the last time (1)."""
    from datetime import UTC, datetime

    from closeshave.comparison import due, nights, retests, scheduling
    from closeshave.gameday import deficiencies

    chosen = _scheduled(plans)
    # Nothing was ever carried out where there is no directory yet; a file or directory that somebody names must exist.
    past = nights.read(runs, early=True) if runs != RUNS or runs.exists() else ()
    now, counted = datetime.now(UTC), [one for one in past if environment in ("", one.environment)]
    found = due.rows(chosen, counted, now)
    # They are about any plan, so a schedule of chosen plans leaves them out.
    again = retests.rows(deficiencies.below(runs) if not plans and runs.is_dir() else (), counted, now)
    Voice(json, quiet).result(
        scheduling.told(found, again), scheduling.brief(found, again), lambda console: scheduling.show(found, console, again)
    )
    raise typer.Exit(due.exit_code(found) or retests.exit_code(again))


def _scheduled(names: list[str] | None) -> list[Scheduled]:
    from closeshave.comparison.due import Scheduled
    from closeshave.files.shipped import available, locate
    from closeshave.files.yamlfile import InvalidFile, Problem
    from closeshave.plan import read_plan

    found = []
    for name in names or available("scenarios"):
        path = locate("scenarios", name)
        plan = read_plan(path)
        if plan.every is not None:
            found.append(Scheduled(plan.name, plan.every))
        elif names:
            raise InvalidFile(Problem(str(path), 0, "every", "this plan does not say how often it is to be carried out, such as every: 7d"))
    return found
