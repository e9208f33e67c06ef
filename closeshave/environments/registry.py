"""The directories of this user's environments, below a few base directories, so that any process can find them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from closeshave import deployment
from closeshave.files import jsonfile, write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.vocabulary import STATE_VARIABLE

FILE = "environment.json"
"""Written before the first process starts, so that the rest of a crashed start can be found and removed."""

OWNER = "owner"
"""Holds the run directory of the trial that owns the environment; absent if a person started it."""

MEMORY = Path("/dev/shm")  # noqa: S108  the platform's memory file system, not a guessable temporary file
MEMORY_BYTES_MIN = 4 << 30
"""With this much free space, a file system in memory is preferred to a disk for an environment's state."""


@dataclass(frozen=True, slots=True)
class EnvironmentClaim:
    """The environment's identity and its ports, known before any of its processes run."""

    id: str
    name: str
    first_port: Annotated[int, Field(ge=0, le=65535)] = 0
    port_count: Annotated[int, Field(ge=0, le=65535)] = 0
    """0 until ports are claimed."""
    kind: Annotated[str, Field(pattern="^(embedded|containers|remote|kubernetes)$")] = "embedded"
    """The kind of environment, which says how to remove it."""


_CODEC = TypeAdapter(EnvironmentClaim)


def base() -> Path:
    """The base directory of the next environment: ``CLOSESHAVE_STATE_DIR``, else a file system in memory with room, else the temporary directory."""
    return next((place for place in _bases() if _has_room(place)), _bases()[-1])


def new_root(name: str) -> Path:
    """Create the directory of a new environment, with a unique name."""
    base_dir = base()
    # Others may enter but not list: the database servers may run as a user of their own.
    base_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    root = base_dir / f"{name}-{secrets.token_hex(4)}"
    root.mkdir(mode=0o711)
    return root


def running() -> tuple[Path, ...]:
    """The roots of this user's environments, oldest first: running, starting, or left behind by a crash."""
    found = []
    for path in (path for place in _bases() for path in place.glob(f"*/{FILE}")):
        with suppress(FileNotFoundError):  # it was removed meanwhile
            found.append((path.stat().st_mtime, path.parent))
    return tuple(root for _, root in sorted(found))


def find(name: str) -> Path | None:
    """The root of the newest environment called ``name``, or of the one whose directory that is; ``None`` when there is none."""
    stem = Path(name).stem
    matching = [root for root in running() if name == root.name or stem == _called(root)]
    return matching[-1] if matching else None


def _called(root: Path) -> str | None:
    """The name of an environment; ``None`` if its claim is damaged or gone, so that it does not hide the others."""
    try:
        return read_claim(root).name
    except (OSError, Damaged):
        return None


def own(root: Path, run: Path) -> None:
    """Note that the environment belongs to a trial and is removed with it."""
    write_atomically(root / OWNER, str(run))


def owner(root: Path) -> Path | None:
    """The run directory of the trial that owns the environment, ``None`` when none does."""
    return Path((root / OWNER).read_text(encoding="utf-8", errors="replace")) if (root / OWNER).exists() else None


def write_claim(root: Path, claim: EnvironmentClaim) -> None:
    """Record durably to which environment this directory belongs."""
    write_atomically(root / FILE, json.dumps(asdict(claim)))


def read_claim(root: Path) -> EnvironmentClaim:
    """The owner of this directory; if the claim is damaged, the one in the deployment, so that it can still be taken down.

    Raises :class:`FileNotFoundError`, or :class:`Damaged` if both are unreadable.
    """
    try:
        return jsonfile.read(root / FILE, _CODEC)
    except Damaged:
        with suppress(OSError, Damaged):
            running = deployment.load(root)
            return _CODEC.validate_python({"id": running.id, "name": running.name, "kind": running.kind})
        raise


def _bases() -> tuple[Path, ...]:
    """The possible base directories, best first. All are searched, because the free space that decides between them changes."""
    if chosen := os.environ.get(STATE_VARIABLE):
        return (Path(chosen).absolute(),)
    folder = f"closeshave-{os.getuid()}"
    return (MEMORY / folder, Path(tempfile.gettempdir()) / folder)


def _has_room(place: Path) -> bool:
    if not place.is_relative_to(MEMORY):
        return True
    return MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
