"""Records that workers are still writing: what each has added since the last look. No sender ever waits for a reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closeshave.files.growing import GrowingLines
from closeshave.loadgen.records import Rows
from closeshave.loadgen.rows import DTYPE, HEADER, ROW
from closeshave.loadgen.writing import RecordFiles


class Growing:
    """The records of one worker. Each reader has its own: what one has read, another still reads."""

    def __init__(self, files: RecordFiles, source: str) -> None:
        self.source = source
        """Who sends (:class:`closeshave.history.Source`)."""
        self.effects = GrowingLines(files.effects)
        """The worker's effects, a JSON object a line."""
        self.texts: list[str] = []
        """What the codes in the rows that were read stand for."""
        self._files = files
        self._texts = GrowingLines(files.texts)
        self._at = HEADER.size

    def new_rows(self, most: int | None = None) -> Rows:
        """The rows that were finished since the last call, at most so many of them. Raises :class:`OSError`."""
        with self._files.rows.open("rb") as file:
            file.seek(self._at)
            data = file.read(-1 if most is None else most * ROW.size)
        # What is not a whole row yet is left for the next look.
        whole = len(data) - len(data) % ROW.size
        self._at += whole
        # Only now: a row's texts are always written before it.
        self.texts += [line.decode("utf-8", "replace") for line in self._texts.new()]
        return np.frombuffer(data[:whole], DTYPE)

    def text(self, code: int) -> str:
        """What a code in a row stands for; empty for none."""
        return self.texts[code - 1] if 0 < code <= len(self.texts) else ""


class Spool:
    """The records of all workers below one directory, also of those that start later."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._workers: dict[Path, Growing] = {}

    def workers(self) -> list[Growing]:
        """Every worker that has begun to record. Raises :class:`OSError`."""
        for path in sorted(self._directory.glob("*.rows")):
            if path not in self._workers and path.stat().st_size >= HEADER.size:
                with path.open("rb") as file:
                    source = HEADER.unpack(file.read(HEADER.size))[3].rstrip(b"\0").decode()
                self._workers[path] = Growing(RecordFiles.of(path.parent, path.stem), source)
        return list(self._workers.values())
