"""Runs a program of an image to its end, on this machine's network."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from closeshave.control.engine.client import EngineFailed, asking, client
from closeshave.control.engine.labels import labels

LOOK_EVERY_S = 0.2
LINES = 20


@dataclass(frozen=True, slots=True)
class EndedContainer:
    """A container that has ended, or was ended."""

    code: int | None
    """Its exit code; ``None`` if it did not end in time."""
    said: str
    """The last lines that it printed."""


def run_to_end(
    image: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    shared: Path,
    directory: str,
    within_s: float,
    environment: tuple[str, Path],
) -> EndedContainer:
    """Run it with the directory ``shared`` under the same path inside; the container is removed. ``environment``: the ID and the root of the environment
    that it belongs to.

    Raises :class:`EngineFailed`.
    """
    from docker.types import LogConfig, Mount  # noqa: PLC0415 - see client.py

    with asking(f"run {argv[0]} of {image}"):
        handle = client().client.containers.run(
            image,
            entrypoint=list(argv),
            command=[],
            environment=dict(environ),
            network_mode="host",
            working_dir=directory or None,
            mounts=[Mount(str(shared), str(shared), type="bind")],
            labels=labels(*environment),
            # It may never stop printing.
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "4m", "max-file": "1"}),
            detach=True,
        )
    try:
        until = time.monotonic() + within_s
        while True:
            with asking(f"watch {argv[0]} of {image}"):
                handle.reload()
                said = handle.logs(tail=LINES).decode(errors="replace")
            if handle.status in {"exited", "dead"}:
                return EndedContainer(int(handle.attrs["State"]["ExitCode"]), said)
            if time.monotonic() > until:
                return EndedContainer(None, said)
            time.sleep(LOOK_EVERY_S)
    finally:
        with suppress(EngineFailed), asking(f"remove the container of {argv[0]}"):
            handle.remove(v=True, force=True)
