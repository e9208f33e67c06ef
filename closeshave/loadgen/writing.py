"""Writes the records of one worker to its files.

The order matters if the worker is killed: texts are written before the rows that use them, effects before their operations, counters last, so that
they never count a missing row.

Writing may take long: a file system that is busy makes even a short write or a rename wait for hundreds of milliseconds. So nothing here uses
anything of the thread that sends, and :class:`closeshave.loadgen.engine.Engine` calls it in another one.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from closeshave.history import Source
from closeshave.loadgen.rows import HEADER, MAGIC, ROW


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """The files of one worker."""

    rows: Path
    texts: Path
    effects: Path
    counters: Path

    @classmethod
    def of(cls, directory: Path, worker: str) -> RecordFiles:
        """The files of ``worker`` below ``directory``."""
        return cls(*(directory / f"{worker}.{suffix}" for suffix in ("rows", "texts", "effects.jsonl", "counters.json")))


@dataclass(frozen=True, slots=True)
class CountersTold:
    """The worker's own counts when a batch was taken."""

    intended: int
    """Arrivals that were due, whether begun or not."""
    sent: int
    requests: int
    """Requests that may have reached the server."""
    finished: bool
    """The worker has done all its work."""
    closed: bool
    """The worker has closed its records, whether it has done all its work or not."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker recorded between two flushes."""

    texts: tuple[str, ...]
    """The texts that are new, in the order of their codes."""
    effects: bytes
    """JSON objects, one a line."""
    rows: bytes
    """Whole rows (:data:`closeshave.loadgen.rows.ROW`)."""
    counters: CountersTold


class RecordWriter:
    """The open files of one worker. Used by one thread at a time."""

    def __init__(self, directory: Path, source: Source, worker: str, number: int) -> None:
        """Create the files. Raises :class:`FileExistsError` if they exist: two workers must never share a spool; otherwise :class:`OSError`."""
        directory.mkdir(parents=True, exist_ok=True)
        self._source, self._worker = source, worker
        self._files = RecordFiles.of(directory, worker)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._rows_fd, self._texts_fd, self._effects_fd = (
            os.open(path, flags, 0o644) for path in (self._files.rows, self._files.texts, self._files.effects)
        )
        # What could not be written yet. Bytes and not a bytearray: to add a batch to nothing copies nothing, and sending waits for every copy.
        self._rows = self._texts = self._effects = b""
        self._written = 0
        os.write(self._rows_fd, HEADER.pack(MAGIC, number, ROW.size, source.value.encode()))

    def write(self, batch: Batch) -> None:
        """Give everything to the operating system, so that it survives a kill of this process. No fsync: that is only needed for a power cut.

        Raises :class:`OSError` when the disk is full: the rest is kept for the next batch, and no file ends in half a row.
        """
        self._texts += _lines(batch.texts)
        self._effects += batch.effects
        self._rows += batch.rows
        _append(self._texts_fd, self._texts)
        self._texts = b""
        _append(self._effects_fd, self._effects)
        self._effects = b""
        _append(self._rows_fd, self._rows)
        self._written += len(self._rows) // ROW.size
        self._rows = b""
        self._write_counters(batch.counters)

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._texts_fd, self._effects_fd, self._rows_fd):
            os.close(descriptor)

    def _write_counters(self, told: CountersTold) -> None:
        counters = {"source": self._source.value, "worker": self._worker, "recorded": self._written, **asdict(told)}
        scratch = self._files.counters.with_suffix(".writing")
        scratch.write_bytes(orjson.dumps(counters))
        scratch.replace(self._files.counters)


def _lines(texts: tuple[str, ...]) -> bytes:
    """One line for each text. A text that UTF-8 cannot encode (a lone surrogate) must not stop the writing of the others."""
    return "".join(text.replace("\n", " ") + "\n" for text in texts).encode("utf-8", "backslashreplace")


def _append(descriptor: int, data: bytes) -> None:
    """Write all of it, or nothing: after half a row all further ones would be read wrongly."""
    before, at = os.fstat(descriptor).st_size, 0
    try:
        while at < len(data):
            at += os.write(descriptor, data[at:])
    except OSError:
        os.ftruncate(descriptor, before)
        raise
