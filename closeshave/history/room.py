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
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LONG_BYTES = 16 << 20
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
            raise _no_room(size, self.directory, error) from None

    def letters(self) -> Letters:
        """Room for bytes of which it is not known before how many there will be."""
        return Letters(self)


class Letters:
    """Bytes that are added piece by piece: in memory while they are few, then in a file without a name."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._pieces = bytearray()
        self._file: IO[bytes] | None = None
        self._size = 0

    def add(self, piece: memoryview) -> None:
        """Raises :class:`NoRoom` if the disk is full."""
        self._pieces += piece
        self._size += len(piece)
        if self._room.directory is not None and len(self._pieces) >= max(1, self._room.long_bytes):
            self._write(self._room.directory)

    def _write(self, directory: Path) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=directory, prefix=".columns-")  # noqa: SIM115 - closed when all of it is mapped
            self._file.write(self._pieces)
            self._file.flush()
        except OSError as error:
            raise _no_room(len(self._pieces), directory, error) from None
        self._pieces.clear()

    def whole(self) -> NDArray[np.uint8]:
        """All of them. Raises :class:`NoRoom` if the disk is full."""
        if self._file is None or self._room.directory is None:
            return np.frombuffer(self._pieces, np.uint8) if self._pieces else np.empty(0, np.uint8)
        self._write(self._room.directory)
        with self._file as file:
            return np.frombuffer(mmap.mmap(file.fileno(), self._size), np.uint8)


IN_MEMORY = Room()


def _no_room(size: int, directory: Path, error: OSError) -> NoRoom:
    return NoRoom(
        f"judging needs {size / 2**20:,.0f} MiB more for a column and cannot have them in {directory}, where "
        f"{_free(directory)} are free: {error.strerror}. A run needs about 70 bytes for each of its operations there while it is judged"
    )


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
