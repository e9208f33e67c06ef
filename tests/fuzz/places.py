"""Where targets write the files that their readers read: below one directory of this process, written again for each input."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def place() -> Path:
    """The directory of this process, removed at its end; a fuzzer ends without Python's normal exit, so its starter removes the ``TMPDIR`` that it
    gave it.
    """
    made = Path(tempfile.mkdtemp(prefix="closeshave-fuzzed-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def written(name: str, data: bytes) -> Path:
    """A file that holds these bytes."""
    path = place() / name
    path.write_bytes(data)
    return path


def emptied(name: str) -> Path:
    """A directory with nothing in it."""
    path = place() / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path
