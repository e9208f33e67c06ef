"""Directories of fuzzers in the directory of temporary files; what a killed one left is removed by the next."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "closeshave-fuzz-"


@contextmanager
def scratch() -> Iterator[tuple[Path, int]]:
    """A new directory, removed at the end, and the descriptor of its lock.

    A child that the descriptor is passed to keeps the directory too. The kernel releases the lock when all of these processes have ended, in whatever
    way.
    """
    made, lock = _locked()
    try:
        yield made, lock
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def swept() -> list[Path]:
    """Remove the directories whose processes have ended; returns which they were."""
    removed = []
    for left in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        try:
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # another fuzzer has removed it, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
            removed.append(left)
        except OSError:  # it is in use, or another user's
            continue
        finally:
            os.close(lock)
    return removed


def _locked() -> tuple[Path, int]:
    """A directory of our own: another fuzzer may remove it in the moment before it is locked."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):
            lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if made.exists():
                return made, lock
            os.close(lock)
