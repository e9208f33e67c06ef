"""What keeps a platform safe: the permission to load production, and the undo of faults that an earlier run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits
from closeshave.cli.app import app
from closeshave.cli.options import EnvironmentName
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit


@app.command(epilog=exits.told())
def allow(
    name: EnvironmentName,
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="How many hours the token is valid.")] = 2.0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Create a token that permits load on a production platform from this machine until it expires."""
    import time

    from closeshave.environments.definition import read_definition
    from closeshave.environments.remote.definition import Remote
    from closeshave.environments.remote.permission import VARIABLE, grant, own_key
    from closeshave.files.shipped import locate

    path = locate("environments", name)
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise InvalidFile(Problem(str(path), 0, "kind", f"an environment of kind {definition.kind} needs no token"))
    voice, expires_s = Voice(json, quiet), int(time.time() + hours * 3600)
    voice.note(f"valid for {hours:g} h; pass it in the environment variable {VARIABLE}, never as an argument")
    token = grant(definition, own_key(), expires_s)
    voice.result({"token": token, "variable": VARIABLE, "expires_s": expires_s}, (token,), lines([token]))


@app.command(epilog=exits.told())
def heal(
    root: Annotated[Path, typer.Argument(help="Root directory of the environment.", exists=True, file_okay=False)],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Undo every fault that an earlier run did not heal in an environment, and every rollout that was not finished, and verify it."""
    from closeshave.drills.catalogue import WAYS_BACK
    from closeshave.environments.rollout import rolling
    from closeshave.faults.heal import heal_environment

    voice = Voice(json, quiet)
    unproven = heal_environment(root, voice.note, WAYS_BACK)
    restored = rolling.go_back(root, voice.note)
    if restored:
        voice.note(restored)
    said = [f"not proven: {what}" for what in unproven] or ["every fault is healed"]
    voice.result(
        {"root": str(root), "unproven": unproven, "restored": restored or None},
        said if unproven else (),
        lines(said, "red" if unproven else "green"),
    )
    raise typer.Exit(Exit.BROKEN if unproven else 0)
