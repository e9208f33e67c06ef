"""Starts an embedded environment again in its own root, from its definition and restored databases: ``python -m closeshave.environments.rebuild ROOT``.

What an operator does after the loss of everything. Backups lie where they were; below ``data`` there is a clean directory ``restored-shardN`` of each
shard, and nothing else of the platform runs or is stored. Edges and the payment provider may run, and are left alone. At the end it writes
``rebuild-result.json``: when each milestone was reached, in seconds, or why it failed.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment, Process, load
from closeshave.environments import kept, registry
from closeshave.environments.construction import write_files
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.layout import Layout, lay_out
from closeshave.environments.parts import Parts, resolve
from closeshave.environments.stack import Embedded
from closeshave.environments.startup import Startup
from closeshave.environments.warm import WarmStarter
from closeshave.files import write_atomically

RESULT, KEPT = "rebuild-result.json", "files-backup"


class AroundWhatRuns(WarmStarter):
    """Starts what does not run yet."""

    def __init__(self, root: Path, deployment: Deployment, parts: Parts, layout: Layout) -> None:
        """As for a first start."""
        super().__init__(root, deployment.id, parts.nobody, layout.preload)
        self._place = root

    def start(self, process: Process) -> None:
        """Start it unless it runs. Raises :class:`EnvironmentFailed` or :class:`OSError`."""
        if processes.find(self._place, process) is None:
            super().start(process)


def rebuild(root: Path) -> dict[str, float]:
    """Start everything; returns when each milestone was reached. Raises :class:`EnvironmentFailed` and :class:`OSError`."""
    claim, definition, deployment = registry.read_claim(root), kept.load(root), load(root)
    if not isinstance(definition, Embedded):
        raise EnvironmentFailed(f"an environment of kind {claim.kind} cannot be built anew in its place")
    pooled = definition.pooler is not None
    proxied, alerts = bool(definition.links or definition.entrances), definition.alerts is not None
    parts = resolve(definition.database.binaries, _say, toxiproxy=proxied, etcd_killed=False, pooler=pooled, alerts=alerts)
    # Its processes are those that the deployment describes: the release that ran, and the etcd that was found then. Certificates are the edges' own.
    layout = replace(lay_out(claim.id, root, definition, parts, claim.first_port), deployment=deployment, certificates=None)
    write_files(layout, parts.nobody)
    for kept_files in (root / KEPT).iterdir() if (root / KEPT).exists() else ():
        # What cannot be made again, over what was just made. Not the root itself: it would get the mode of the copy.
        shutil.copytree(kept_files, root / kept_files.name, symlinks=True, dirs_exist_ok=True)
    templates = {shard.id: root / "data" / f"restored-shard{shard.id}" for shard in definition.shards}
    return dict(Startup(layout, templates, parts.nobody, AroundWhatRuns(root, deployment, parts, layout)).run())


def main(root: Path) -> int:
    """Rebuild, and say how it ended; returns the exit code."""
    try:
        told: dict[str, object] = {"reached": rebuild(root)}
    except (EnvironmentFailed, OSError, ValueError) as error:
        told = {"failed": str(error)}
    write_atomically(root / RESULT, json.dumps(told, indent=1))
    return 0 if "reached" in told else 1


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  its output is its log


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
