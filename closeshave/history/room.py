"""Room for long columns: files without a name, mapped into memory, whose pages the system can take back when memory is short.

A run of a hundred million operations has columns of 800 MB each. In memory they would have to be there all the time; in a mapped file only what is being
looked at is. The files have no name, so that nothing is left of them, whatever becomes of the process.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LONG_BYTES = 64 << 20
"""An array of at least so many bytes is put into a file."""


class NoRoom(OSError):
    """There is no room for a column; says how much is needed and where."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where long arrays are kept."""

    directory: Path | None = None
    """A directory on a real disk; ``None``: everything stays in memory."""
    long_bytes: int = LONG_BYTES

    @classmethod
    def beside(cls, run: Path) -> Room:
        """Room on the disk that holds the run, because the temporary directory of many systems is in memory; there if the run cannot be written."""
        return cls(run if os.access(run, os.W_OK) else Path(tempfile.gettempdir()))

    def array(self, count: int, dtype: DTypeLike) -> NDArray[Any]:
        """An array without contents. Raises :class:`NoRoom` if the disk is full."""
        kind = np.dtype(dtype)
        size = count * kind.itemsize
        if self.directory is None or size < max(1, self.long_bytes):
            return np.empty(count, kind)
        try:
            with tempfile.TemporaryFile(dir=self.directory, prefix=".columns-") as file:
                _reserve(file.fileno(), size)
                return np.frombuffer(mmap.mmap(file.fileno(), size), kind)
        except OSError as error:
            raise NoRoom(
                f"judging needs {size / 2**20:,.0f} MiB more for a column and cannot have them in {self.directory}, where "
                f"{_free(self.directory)} are free: {error.strerror}. A run needs about 70 bytes for each of its operations there while it is judged"
            ) from None


IN_MEMORY = Room()


def _reserve(file: int, size: int) -> None:
    """Take the room at once: if a page of a mapped file found no room later, the process would be killed by a signal."""
    os.truncate(file, size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)


def _free(directory: Path) -> str:
    try:
        return f"{shutil.disk_usage(directory).free / 2**20:,.0f} MiB"
    except OSError:
        return "unknown amounts"
