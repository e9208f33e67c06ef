"""Keeps a worker's rows: into memory with each request, to Locust's statistics and to the disk a few times a second.

Order matters for what a kill leaves behind: texts before the rows that use them, effects before their operations, counters last, so that they
never claim a row that is not there. A killed worker loses what it did since the last flush: :data:`FLUSH_INTERVAL_S` at most, as long as its
hub is not stuck.
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
"""Different texts of a worker's records; a code has two bytes."""
OTHER = "other"
"""What every further text is kept as."""
_OWN_WORD = re.compile(rf"status_\d{{3}}|wrong_body|{RATE_LIMITED}|{'|'.join(Reason)}")
"""Why a request was not answered well: there is always room for these."""

Rows: TypeAlias = npt.NDArray[np.void]
"""Rows with the fields of :data:`closeshave.loadgen.rows.DTYPE`."""


Observer = Callable[[Rows, "Texts"], None]
"""Sees every row once, with the texts that its codes stand for."""


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """The files of one worker."""

    rows: Path
    texts: Path
    effects: Path
    counters: Path

    @classmethod
    def of(cls, directory: Path, worker: str) -> RecordFiles:
        """Where ``worker`` keeps its records below ``directory``."""
        return cls(*(directory / f"{worker}.{suffix}" for suffix in ("rows", "texts", "effects.jsonl", "counters.json")))


@dataclass(slots=True)
class Counters:
    """What the worker says of itself; compared with what was recorded and with what the server counted."""

    intended: int = 0
    """Arrivals that were due, whether begun or not."""
    sent: int = 0
    """Requests handed to the client, each attempt by itself."""
    unsent: int = 0
    """Of these, the ones of which no byte left: no connection was to be had."""

    @property
    def requests(self) -> int:
        """How many may have reached the server."""
        return self.sent - self.unsent


class Counted(Protocol):
    """What a worker's counters tell at a flush."""

    @property
    def intended(self) -> int:
        """What was due, whether begun or not."""
        ...

    @property
    def sent(self) -> int:
        """Requests handed over for sending."""
        ...

    @property
    def requests(self) -> int:
        """How many may have reached the server."""
        ...


class Texts:
    """Codes for repeated text."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str | None, int] = {None: 0}
        self.known: Callable[[str | None], int | None] = self._codes.get
        """The code of a text that has one: the hot path's way around :meth:`code`."""

    def code(self, text: str | None) -> int:
        """The code of ``text``, 0 for none. After :data:`MOST_TEXTS` different ones the rest is :data:`OTHER`, save the engine's own words."""
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

    Without a directory nothing is written, and rows are only handed to whoever flushes.
    """

    def __init__(self, directory: Path | None, source: Source, worker: str, number: int) -> None:
        """Create the worker's files. Raises :class:`FileExistsError` when it has been there before: two must never share a spool."""
        self.counters = Counters()
        self.told: Counted = self.counters
        """What is written at a flush; another's counters where another than the engine's client counts."""
        self.texts = Texts()
        self.recorded = 0
        self._source, self._worker, self._number = source, worker, number
        self._rows, self._effects = bytearray(), bytearray()
        self.add: Callable[[bytes], None] = self._rows.extend
        """Take over one packed row: ``add(ROW.pack(…))``."""
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
        """The ID of the operation that is recorded next."""
        return operation_id(self._number, self.recorded + len(self._rows) // ROW.size)

    def add_effect(self, effect: Effect) -> None:
        """Take over what an operation did; before the operation's own row. What a platform told is kept whatever it looks like."""
        try:
            line = orjson.dumps(effect)
        except TypeError:
            line = orjson.dumps({name: _writable(value) for name, value in asdict(effect).items()})
        self._effects += line + b"\n"

    def flush(self, *, overdue: int = 0, finished: bool = False, closed: bool = False) -> Rows:
        """Hand everything to the operating system, where a kill of this process cannot reach it; returns the new rows.

        ``overdue`` counts what is due but was not yet taken up. No fsync: it may take as long as a request, and only a power cut needs it.
        Raises :class:`OSError` when the disk takes no more: what it did not take is kept for the next time, and no file ends in half a row.
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
        """Flush for the last time: nothing of what the worker did is missing. ``finished``: it did all that it was to do."""
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
    """A line a text. A text that is none in UTF-8 (a lone surrogate) must not end the writing of all the others."""
    return "".join(text.replace("\n", " ") + "\n" for text in texts).encode("utf-8", "backslashreplace")


def _writable(value: object) -> object:
    """As JSON can hold it: a text without lone surrogates, a number of 64 bits; everything else as the text that Python shows."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()


def _append(descriptor: int, data: bytes) -> None:
    """All of it or nothing: behind half a row every further one would be read wrongly."""
    before, view = os.fstat(descriptor).st_size, memoryview(data)
    try:
        while view:
            written = os.write(descriptor, view)
            view = view[written:]
    except OSError:
        os.ftruncate(descriptor, before)
        raise
