"""Where a run keeps what nobody else may read: its customers' passwords and tokens. Never in the run directory, which is passed around.

A directory of its own below the user's runtime directory, else below the temporary one; 0700, like all above it that is ours. The trial removes
it, or the janitor when the trial has died; what both left behind (a machine that was switched off) goes when the next one is made.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from closeshave.processes import identify, read_identity

HOLDER = "holder.json"
"""Whose it is: the harness's process. One that has ended needs it no more."""


def place(run: Path) -> Path:
    """The private directory of a run, whether it is there or not. The same in every process of a run."""
    told = str(run.resolve())
    return _base() / f"{run.name}-{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:12]}"


def make(run: Path) -> Path:
    """Make the private directory of a run, and remove those of runs that are dead.

    Raises :class:`OSError`, also when somebody else could look into it.
    """
    base = _base()
    base.mkdir(mode=0o700, exist_ok=True)
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{base} is not this user's alone (0700): passwords are not written there")
    _sweep(base)
    own = place(run)
    own.mkdir(mode=0o700, exist_ok=True)
    me = identify(os.getpid())
    assert me is not None
    (own / HOLDER).write_text(json.dumps({"pid": me.pid, "started": me.started}), encoding="utf-8")
    return own


def forget(run: Path) -> None:
    """Remove the private directory of a run; again does nothing. Raises :class:`OSError` when it stays."""
    with suppress(FileNotFoundError):
        shutil.rmtree(place(run))


def _base() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_absolute() and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime) / "closeshave-private"
    return Path(tempfile.gettempdir()) / f"closeshave-private-{os.getuid()}"


def _sweep(base: Path) -> None:
    for own in base.iterdir():
        holder = read_identity(own / HOLDER)
        # What is damaged or just being made says nothing of its holder: it stays.
        if holder is not None and not holder.alive:
            with suppress(OSError):
                shutil.rmtree(own)
