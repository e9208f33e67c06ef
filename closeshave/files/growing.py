"""Files that are still being written, read from where the last look ended: each whole line once."""

from __future__ import annotations

import os
from pathlib import Path


class GrowingLines:
    """The lines of one file to which whole lines are appended. If it becomes shorter, as a log that was emptied, it is read from its begin again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> list[bytes]:
        """The lines that were finished since the last call, without their ends; none where there is no file yet. Raises :class:`OSError`."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._at:
                    self._at = 0
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._at += whole
        return data[:whole].split(b"\n")[:-1]
