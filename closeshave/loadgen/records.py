"""Records a worker's rows: in memory with each request, and a few times a second to Locust's statistics and to the disk.

The order matters if the worker is killed: texts are written before the rows that use them, effects before their operations, counters last, so that
they never count a missing row. A killed worker loses its records since the last flush: at most :data:`FLUSH_INTERVAL_S` seconds, unless its hub is
blocked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from closeshave.history import RATE_LIMITED, Effect, Source
from closeshave.loadgen.errors import Reason
from closeshave.loadgen.rows import DTYPE, HEADER, MAGIC, ROW, operation_id

FLUSH_INTERVAL_S = 0.25

MOST_TEXTS = 60_000
"""The most different texts of a worker's records; a code has two bytes."""
OTHER = "other"
"""The text that replaces all further ones."""
_OWN_WORD = re.compile(rf"status_\d{{3}}|wrong_body|{RATE_LIMITED}|{'|'.join(Reason)}")
"""Errors of requests: there is always room for these texts."""

Rows: TypeAlias = npt.NDArray[np.void]
"""Rows with the fields of :data:`closeshave.loadgen.rows.DTYPE`."""


Observer = Callable[[Rows, "Texts"], None]
"""Gets every row once, with the texts of its codes."""


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


@dataclass(slots=True)
class WorkerCounters:
    """The worker's own counts; compared with the records and with the server's counts."""

    intended: int = 0
    """Arrivals that were due, whether begun or not."""
    sent: int = 0
    """Requests given to the client; each attempt counts."""
    unsent: int = 0
    """Those of them of which no byte was sent, because there was no connection."""

    @property
    def requests(self) -> int:
        """The number of requests that may have reached the server."""
        return self.sent - self.unsent


class CountersAtFlush(Protocol):
    """The counters of a worker at a flush."""

    @property
    def intended(self) -> int:
        """The number of due arrivals, whether begun or not."""
        ...

    @property
    def sent(self) -> int:
        """The number of requests given to the client."""
        ...

    @property
    def requests(self) -> int:
        """The number of requests that may have reached the server."""
        ...


class Texts:
    """Codes for repeated texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str | None, int] = {None: 0}
        self.known: Callable[[str | None], int | None] = self._codes.get
        """The code of a known text, for the hot path instead of :meth:`code`."""

    def code(self, text: str | None) -> int:
        """The code of ``text``, 0 for none. After :data:`MOST_TEXTS` different texts all others are :data:`OTHER`, except the engine's own words."""
        code = self._codes.get(text)
        if code is None and text is not None:
            # A row is never lost because it has no name: is an ID part of an operation's name?
            most = MOST_TEXTS if _OWN_WORD.fullmatch(text) is None else 0xFFFE
            if len(self.texts) >= most and text != OTHER:
                return self.code(OTHER)
            self.texts.append(text)
            code = self._codes[text] = len(self.texts)
        return code or 0

    def text(self, code: int) -> str | None:
        """The text of a code."""
        return self.texts[code - 1] if code else None


class Records:
    """One worker's records. Not safe for threads; the worker's greenlets share it.

    Without a directory nothing is written, and :meth:`flush` only returns the rows.
    """

    def __init__(self, directory: Path | None, source: Source, worker: str, number: int) -> None:
        """Create the worker's files. Raises :class:`FileExistsError` if they exist: two workers must never share a spool."""
        self.counters = WorkerCounters()
        self.told: CountersAtFlush = self.counters
        """The counters that are written at a flush; others than the engine's client may replace them."""
        self.texts = Texts()
        self.recorded = 0
        self._source, self._worker, self._number = source, worker, number
        self._rows, self._effects = bytearray(), bytearray()
        self.add: Callable[[bytes], None] = self._rows.extend
        """Add one packed row: ``add(ROW.pack(…))``."""
        self._texts_written = 0
        self._files: RecordFiles | None = None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._files = RecordFiles.of(directory, worker)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._rows_fd, self._texts_fd, self._effects_fd = (
                os.open(path, flags, 0o644) for path in (self._files.rows, self._files.texts, self._files.effects)
            )
            os.write(self._rows_fd, HEADER.pack(MAGIC, number, ROW.size, source.value.encode()))

    @property
    def next_id(self) -> int:
        """The ID of the next recorded operation."""
        return operation_id(self._number, self.recorded + len(self._rows) // ROW.size)

    def add_effect(self, effect: Effect) -> None:
        """Add the effect of an operation, before the operation's own row. Values of a platform are recorded whatever they are."""
        try:
            line = orjson.dumps(effect)
        except TypeError:
            line = orjson.dumps({name: _writable(value) for name, value in asdict(effect).items()})
        self._effects += line + b"\n"

    def flush(self, *, overdue: int = 0, finished: bool = False, closed: bool = False) -> Rows:
        """Write everything to the operating system, so that it survives a kill of this process; returns the new rows.

        ``overdue`` counts arrivals that are due but not yet begun. No fsync: it may take as long as a request, and is only needed for a power cut.
        Raises :class:`OSError` when the disk is full: the rest is kept for the next flush, and no file ends in half a row.
        """
        rows = bytes(self._rows)
        if self._files is not None:
            texts = self.texts.texts[self._texts_written :]
            _append(self._texts_fd, _lines(texts))
            self._texts_written += len(texts)
            _append(self._effects_fd, bytes(self._effects))
            self._effects.clear()
            _append(self._rows_fd, rows)
        # Cleared, not replaced: `add` is bound to this very buffer.
        self._rows.clear()
        self._effects.clear()
        self.recorded += len(rows) // ROW.size
        if self._files is not None:
            self._write_counters(self._files.counters, overdue=overdue, finished=finished, closed=closed)
        return np.frombuffer(rows, DTYPE)

    def close(self, *, overdue: int = 0, finished: bool = True) -> Rows:
        """Flush for the last time. ``finished``: the worker has done all its work."""
        rows = self.flush(overdue=overdue, finished=finished, closed=True)
        if self._files is not None:
            for descriptor in (self._texts_fd, self._effects_fd, self._rows_fd):
                os.close(descriptor)
            self._files = None
        return rows

    def _write_counters(self, path: Path, *, overdue: int, finished: bool, closed: bool) -> None:
        counters = {
            "source": self._source.value, "worker": self._worker, "intended": self.told.intended + overdue, "sent": self.told.sent,
            "recorded": self.recorded, "finished": finished, "closed": closed,
            "requests": self.told.requests,
        }  # fmt: skip
        scratch = path.with_suffix(".writing")
        scratch.write_bytes(orjson.dumps(counters))
        scratch.replace(path)


def _lines(texts: list[str]) -> bytes:
    """One line for each text. A text that UTF-8 cannot encode (a lone surrogate) must not stop the writing of the others."""
    return "".join(text.replace("\n", " ") + "\n" for text in texts).encode("utf-8", "backslashreplace")


def _writable(value: object) -> object:
    """The value in a form that JSON can hold: text without lone surrogates, a number of 64 bits; everything else as Python's text for it."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()


def _append(descriptor: int, data: bytes) -> None:
    """Write all of it or nothing: after half a row all further ones would be read wrongly."""
    before, view = os.fstat(descriptor).st_size, memoryview(data)
    try:
        while view:
            written = os.write(descriptor, view)
            view = view[written:]
    except OSError:
        os.ftruncate(descriptor, before)
        raise
