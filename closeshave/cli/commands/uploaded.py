"""Copy a finished run to an object store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits, uploading
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import MANIFEST, Exit


@app.command(epilog=exits.told())
def upload(
    run: Annotated[Path, typer.Argument(help="The run directory.", exists=True, file_okay=False)],
    address: Annotated[str, typer.Argument(help="Where to, s3://BUCKET/PREFIX; the directory's name is added.")],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Copy a run directory to an S3-compatible object store, each file with its checksum. Needs closeshave[s3]."""
    from closeshave.clients.objectstore import NoStore

    if not (run / MANIFEST).is_file():
        raise InvalidFile(Problem(str(run), 0, "", f"it is no run directory: there is no {MANIFEST} in it"))
    found = uploading.store(address, "ADDRESS")
    if found is None:
        raise InvalidFile(Problem("ADDRESS", 0, "", "it is empty; name s3://BUCKET/PREFIX"))
    try:
        there = found.copy(run.resolve())
    except NoStore as error:
        Voice(json, quiet).note(f"the run directory could not be copied to {found.place.address}: {error}")
        raise typer.Exit(Exit.BROKEN) from None
    Voice(json, quiet).result({"run": str(run), "address": there}, (), lines([f"copied to {there}"]))
