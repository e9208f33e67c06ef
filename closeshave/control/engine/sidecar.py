"""Runs a program in the network namespace of a container, to see the same connections as the container."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closeshave.control.engine.client import asking, client
from closeshave.control.engine.labels import labels


def run_sidecar(container: str, image: str, argv: Sequence[str]) -> str:
    """Run a program of ``image`` in the network namespace of ``container``, in another container that is removed afterwards.

    Returns what it printed. Raises :class:`~closeshave.control.engine.client.EngineFailed`, also when it fails.
    """
    with asking(f"run {argv[0]} beside {container}"):
        engine = client().client
        of = engine.containers.get(container).labels
        # With the same labels, so that a sweep finds it if the harness is killed before it has ended.
        own = labels(of.get("closeshave.environment", ""), Path(of.get("closeshave.root", "/")))
        printed: bytes = engine.containers.run(
            image, list(argv[1:]), entrypoint=argv[0], network_mode=f"container:{container}", labels=own, remove=True, stderr=True
        )
    return printed.decode(errors="replace")
