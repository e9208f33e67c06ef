"""A trial that is running, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closeshave.cli import exits, options, trying
from closeshave.cli.app import app
from closeshave.cli.saying import Json, Quiet, Voice, lines
from closeshave.files.yamlfile import InvalidFile, Problem


@app.command(epilog=exits.told())
def live(
    directory: Annotated[Path | None, typer.Argument(help="The run directory; may be left out when only one run is active.")] = None,
    runs: options.Runs = options.RUNS,
    live_port: options.LivePort = 0,
    live_address: options.LiveAddress = "127.0.0.1",
    live_certificate: options.LiveCertificate = None,
    live_key: options.LiveKey = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a trial that is running already as a page, until it ends: also one whose page has been lost."""
    from closeshave.live import again, settings

    place = settings.read(live_address, live_port, live_certificate, live_key)
    run = trying.active(directory, runs)
    try:
        shown = again.of(run, place)
    except LookupError as error:
        raise InvalidFile(Problem(str(run), 0, "", str(error))) from None
    told = [f"{role}: {link}" if len(shown.links) > 1 else link for role, link in shown.links.items()]
    Voice(json, quiet).result({"run": str(run), "links": dict(shown.links)}, told, lines(told))
    shown.serve()
