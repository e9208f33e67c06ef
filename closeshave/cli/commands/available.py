"""What there is to choose from: plans, environments, targets, API profiles, kinds of faults and of drills, invariants."""

from __future__ import annotations

from typing import Annotated

import typer

from closeshave.cli import exits, inventory
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice


def _names(context: typer.Context, incomplete: str) -> list[str]:
    return [name for name in inventory.names(str(context.params.get("what") or "")) if name.startswith(incomplete)]


def _sorts(incomplete: str) -> list[str]:
    return [sort for sort in inventory.SORTS if sort.startswith(incomplete)]


@app.command(name="list", epilog=exits.told())
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="plans, environments, targets, apis, faults, drills or invariants; everything without it.", autocompletion=_sorts
        ),
    ] = "",
    name: Annotated[
        str,
        typer.Argument(
            help="One of them: what it is for and its file; of a target its promises and objectives, of a fault, drill or invariant all that is known.",
            autocompletion=_names,
        ),
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the plans, environments, targets, API profiles, kinds of faults, kinds of drills and invariants that are available; or show one of them."""
    found = inventory.find(what, name)
    Voice(json, quiet).result(found.told, found.brief, found.show)
