"""A cache for each user, for files that are expensive to make and always the same: built servers and database templates."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def directory() -> Path:
    """``$XDG_CACHE_HOME/closeshave``, else ``~/.cache/closeshave``, else (no home that can be written) one below the temporary directory."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return _made(Path(chosen) / "closeshave")
    try:
        return _made(Path.home() / ".cache" / "closeshave")
    except (RuntimeError, OSError):
        return _made(Path(tempfile.gettempdir()) / f"closeshave-cache-{os.getuid()}")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time make ``name``; the lock is released when its holder ends, in whatever way."""
    path = directory() / f"{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
