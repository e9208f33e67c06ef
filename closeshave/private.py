"""A directory for a run's secrets: its customers' passwords and tokens. They are never in the run directory, which is shared with others.

It is below the user's runtime directory, or else below the temporary one, with mode 0700, as have the directories above it that the harness creates.
The trial removes it, or the janitor when the trial has died. If both were killed, the next command removes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from closeshave.control.processes import Identity, identify
from closeshave.files import write_atomically

HOLDER = "holder.json"
"""A file that names the harness's process that owns the directory. When that process has ended, the directory can be removed."""
STRANGE_S = 86_400.0
"""Seconds for which a directory without a known owner is kept: it may be just being created, or belong to another container."""


def place(run: Path) -> Path:
    """The private directory of a run, whether it exists or not. The same in every process of a run."""
    told = str(run.resolve())
    return _bases()[0] / f"{run.name}-{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:12]}"


def make(run: Path) -> Path:
    """Create the private directory of a run, and remove those of runs whose harness has ended.

    Raises :class:`OSError`, also if other users could read it.
    """
    base = _bases()[0]
    base.mkdir(mode=0o700, exist_ok=True)
    if not _own(base):
        raise PermissionError(f"{base} can be read by other users (it must be this user's, mode 0700): passwords are not written there")
    sweep()
    own = place(run)
    own.mkdir(mode=0o700, exist_ok=True)
    me = identify(os.getpid())
    assert me is not None
    write_atomically(own / HOLDER, json.dumps({"pid": me.pid, "started": me.started, "processes": _processes()}))
    return own


def forget(run: Path) -> None:
    """Remove the private directory of a run; does nothing if it does not exist. Raises :class:`OSError` when it cannot be removed."""
    with suppress(FileNotFoundError):
        shutil.rmtree(place(run))


def sweep() -> None:
    """Remove all private directories of this user's runs whose harness has ended. Never raises; the next call tries again."""
    for base in _bases():
        with suppress(OSError):
            for own in base.iterdir() if _own(base) else ():
                with suppress(OSError):
                    if _dead(own):
                        shutil.rmtree(own)


def _bases() -> tuple[Path, ...]:
    """The possible base directories; new ones are created in the first. A command that cron starts may have no runtime directory."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    temporary = Path(tempfile.gettempdir()) / f"closeshave-private-{os.getuid()}"
    if runtime and Path(runtime).is_absolute() and os.access(runtime, os.W_OK | os.X_OK):
        return (Path(runtime) / "closeshave-private", temporary)
    return (temporary,)


def _own(base: Path) -> bool:
    """Whether it is a directory that only this user can read. Raises :class:`OSError` if it does not exist."""
    found = base.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _dead(own: Path) -> bool:
    """Whether no process needs the directory any more. Raises :class:`OSError`."""
    with suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        told = json.loads((own / HOLDER).read_bytes())
        if told["processes"] == _processes():
            return not Identity(int(told["pid"]), float(told["started"])).alive
    return time.time() - own.lstat().st_mtime > STRANGE_S


def _processes() -> str:
    """The process namespace in which an ID is valid: containers that share a directory do not share their processes."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
