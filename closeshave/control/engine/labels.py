"""The labels of every container and network of an environment, so that they can be removed without a record."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = "closeshave.environment"
PROCESS = "closeshave.process"
ROOT = "closeshave.root"


def labels(environment_id: str, root: Path, process: str = "") -> dict[str, str]:
    """The labels of one container, or of a network."""
    return {ENVIRONMENT: environment_id, ROOT: str(root), **({PROCESS: process} if process else {})}
