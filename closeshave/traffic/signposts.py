"""The files in which the trial and a generator meet before the load starts."""

from __future__ import annotations

from pathlib import Path

VARIABLE = "CLOSESHAVE_LOAD"
"""The environment variable that tells a Locust process where ``load.json`` is."""

KINDS = ("customers", "canary")


def ready_file(run: Path, kind: str) -> Path:
    """Written by the generator when it could start at once: everything imported and computed."""
    return run / "generators" / f"{kind}.ready"


def go_file(run: Path, kind: str) -> Path:
    """Written by the trial: the instant of the start, in nanoseconds of the monotonic clock."""
    return run / "generators" / f"{kind}.go"
