"""Where the environments of this user live: one directory each, below one base, so that any process finds them by looking."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from closeshave.files import write_atomically

FILE = "environment.json"
"""Written before the first process starts, so that what a crashed start left behind can be found and cleaned."""

OWNER = "owner"
"""Holds the run directory of the trial that an environment belongs to; absent where a person started it."""

MEMORY = Path("/dev/shm")  # noqa: S108  the platform's memory file system, not a guessable temporary file
MEMORY_BYTES_MIN = 4 << 30
"""Free space from which memory is preferred to a disk for the state of an environment."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who an environment is and which ports it holds, known before anything of it runs."""

    id: str
    name: str
    first_port: int = 0
    port_count: int = 0
    """0 until ports are claimed."""
    kind: str = "embedded"
    """The kind of environment, which knows how to take it away."""


def base() -> Path:
    """Where the next environment goes: what ``CLOSESHAVE_STATE_DIR`` says, else memory when it has room, else the temporary directory."""
    return next((place for place in _bases() if _has_room(place)), _bases()[-1])


def new_root(name: str) -> Path:
    """Make the directory of a new environment, with a name that no other has."""
    base_dir = base()
    # Others may pass through but not look: the database servers may run as a user of their own.
    base_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    root = base_dir / f"{name}-{secrets.token_hex(4)}"
    root.mkdir(mode=0o711)
    return root


def running() -> tuple[Path, ...]:
    """The roots of this user's environments, oldest first: running, starting, or left behind by a crash."""
    roots = [path.parent for place in _bases() for path in place.glob(f"*/{FILE}")]
    return tuple(sorted(roots, key=lambda root: (root / FILE).stat().st_mtime))


def find(name: str) -> Path | None:
    """The root of the newest environment called ``name``, or of the one whose ID or directory that is; ``None`` when there is none."""
    stem = Path(name).stem
    matching = [root for root in running() if name == root.name or stem == read_claim(root).name]
    return matching[-1] if matching else None


def own(root: Path, run: Path) -> None:
    """Note that the environment belongs to a trial and goes with it."""
    write_atomically(root / OWNER, str(run))


def owner(root: Path) -> Path | None:
    """The run directory of the trial that owns the environment, ``None`` when none does."""
    return Path((root / OWNER).read_text(encoding="utf-8")) if (root / OWNER).exists() else None


def write_claim(root: Path, claim: Claim) -> None:
    """Note durably whose directory this is."""
    write_atomically(root / FILE, json.dumps(asdict(claim)))


def read_claim(root: Path) -> Claim:
    """Whose directory this is. Raises :class:`FileNotFoundError`."""
    return Claim(**json.loads((root / FILE).read_text(encoding="utf-8")))


def _bases() -> tuple[Path, ...]:
    """Where environments may live, best first: all are searched, since the room that chose one changes."""
    if chosen := os.environ.get("CLOSESHAVE_STATE_DIR"):
        return (Path(chosen).absolute(),)
    folder = f"closeshave-{os.getuid()}"
    return (MEMORY / folder, Path(tempfile.gettempdir()) / folder)


def _has_room(place: Path) -> bool:
    if not place.is_relative_to(MEMORY):
        return True
    return MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
