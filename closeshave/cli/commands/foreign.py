"""Targets from and for other tools."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closeshave.cli import exits, options
from closeshave.cli.app import exports, imports
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem

if TYPE_CHECKING:
    from closeshave.openslo.importing import Unit
    from closeshave.openslo.vocabulary import LeftOut

Out = Annotated[
    Path | None,
    typer.Option(help="Write into this file, which must not exist yet; to standard output without it.", dir_okay=False),
]


@imports.command(name="openslo", epilog=exits.told())
def import_openslo(
    files: Annotated[list[Path], typer.Argument(help="Files with OpenSLO v1 documents, one or several in each.", dir_okay=False)],
    name: Annotated[
        str, typer.Option(help="Name of the target; by default that of an exported target, else of the file that is written or read.")
    ] = "",
    out: Out = None,
    unit: Annotated[
        str, typer.Option(help="Unit of thresholds whose queries do not say it: s or ms. Without it such objectives are left out.")
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a target from SLO documents of OpenSLO v1. It says what it could not take over, and why, also in comments of the file."""
    from closeshave.openslo import importing, writing
    from closeshave.openslo.vocabulary import target_keys

    voice, fallback = Voice(json, quiet), re.sub(r"[^A-Za-z0-9._-]+", "-", (out or files[0]).stem).strip("-._")[:64]
    made = importing.imported(writing.nodes(files), _name(name), fallback or "imported", _unit(unit))
    _say(voice, out, writing.target_text(made.target, made.left_out), made.left_out, {"target": target_keys(made.target)})


@exports.command(name="openslo", epilog=exits.told())
def export_openslo(
    target: Annotated[str, typer.Argument(help="A target, a name or a file.", autocompletion=options.targets)],
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a target's objectives as SLO documents of OpenSLO v1. It says which of them OpenSLO cannot express, also in comments of the file."""
    from closeshave.files.shipped import locate
    from closeshave.openslo import exporting, writing
    from closeshave.target import read_target

    made = exporting.exported(read_target(locate("environments/targets", target)))
    _say(Voice(json, quiet), out, writing.openslo_text(made.documents, made.left_out), made.left_out, {"documents": list(made.documents)})


def _say(voice: Voice, out: Path | None, text: str, left_out: Iterable[LeftOut], told: dict[str, Any]) -> None:
    """Write the text, and say what is not in it."""
    from closeshave.openslo import writing

    left_out = tuple(left_out)
    if out is not None:
        writing.write_new(out, text)
    for each in left_out:
        voice.note(str(each))
    rows = [{"where": each.where, "what": each.what, "why": each.why} for each in left_out]
    whole = text.splitlines()
    voice.result(
        {"file": str(out) if out is not None else None, **told, "left_out": rows},
        whole if out is None else [str(out)],
        lines(whole if out is None else [f"written: {out}"]),
    )


def _name(name: str) -> str:
    from closeshave.files import yamlfile

    try:
        return yamlfile.name(name) if name else ""
    except ValueError as error:
        raise InvalidFile(Problem("--name", 0, "", str(error))) from None


def _unit(unit: str) -> Unit | None:
    if unit not in {"", "s", "ms"}:
        raise InvalidFile(Problem("--unit", 0, "", f"{unit!r} is no unit{meant(unit, ('s', 'ms'))}; use s or ms"))
    return "s" if unit == "s" else "ms" if unit == "ms" else None
