"""The application's files are lost, and come back from the newest of the copies that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closeshave.deployment import Deployment
from closeshave.drills.kind import DrillKind
from closeshave.drills.restore.trees import Restorable, interval, stands_for
from closeshave.faults.kind import Proof


def places(deployment: Deployment) -> Sequence[str]:
    """The application's own directory, which all its instances share."""
    return (str(Path(deployment.files).relative_to(deployment.root)),) if deployment.files else ()


def accepted(_deployment: Deployment) -> tuple[Proof, ...]:
    """Only the application knows what its files mean: bytes, permissions and owner must do."""
    return ()


TREE = Restorable("files", places, accepted)
KIND = DrillKind(
    name="restore.files",
    does="Writes files into the application's directory while a copy of it is made once in an interval; then the directory is lost, and restored from the "
    "newest copy.",
    proven_by="The checksums that were noted when each file was written, and the lost directory itself, which was only moved aside: all that is older "
    "than the copy is there, with the same bytes, permissions and owner.",
    put_back_by="Moves the lost directory back, with what the application wrote since, and removes the copies and the drill's own files; proven by both "
    "being gone, ready applications, and every edge leading to its own region.",
    scope=(),
    steps=TREE.steps(),
    unfit=TREE.unfit,
    prove=TREE.proven,
    undo=TREE.undo,
    safe=TREE.safe,
    parameters=(interval(5), stands_for(300)),
)
