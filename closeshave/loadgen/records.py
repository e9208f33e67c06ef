"""Records a worker's rows: in memory with each request, and a few times a second to Locust's statistics and to the disk.

A killed worker loses its records since the last flush: at most :data:`FLUSH_INTERVAL_S` seconds, unless its hub is blocked or its disk is busy.
"""

from __future__ import annotations

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
from closeshave.loadgen.rows import DTYPE, ROW, operation_id
from closeshave.loadgen.writing import Batch, CountersTold, RecordWriter

FLUSH_INTERVAL_S = 0.25
FLUSH_INTERVAL_S_LEAST = 0.01
BATCH_ROWS = 2_000
"""Rows of a flush at a high rate. While a batch is copied and written nothing can be sent from the same processor."""

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


def flush_interval_s(rows: int, since_s: float) -> float:
    """Seconds until the next flush, after ``rows`` rows in ``since_s`` seconds: the usual interval, or less where many rows come."""
    if rows * FLUSH_INTERVAL_S <= BATCH_ROWS * since_s:
        return FLUSH_INTERVAL_S
    return max(FLUSH_INTERVAL_S_LEAST, BATCH_ROWS * since_s / rows)


class Records:
    """One worker's records. Not safe for threads, except :meth:`write`; the worker's greenlets share it. Without a directory nothing is written."""

    def __init__(self, directory: Path | None, source: Source, worker: str, number: int) -> None:
        """Create the worker's files. Raises :class:`FileExistsError` if they exist: two workers must never share a spool."""
        self.counters = WorkerCounters()
        self.told: CountersAtFlush = self.counters
        """The counters that are written at a flush; others than the engine's client may replace them."""
        self.texts = Texts()
        self.recorded = 0
        """Rows that were taken so far, whether written or not yet."""
        self._number = number
        self._rows, self._effects = bytearray(), bytearray()
        self.add: Callable[[bytes], None] = self._rows.extend
        """Add one packed row: ``add(ROW.pack(…))``."""
        self._texts_taken = 0
        self._writer = None if directory is None else RecordWriter(directory, source, worker, number)

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

    def take(self, *, overdue: int = 0, finished: bool = False, closed: bool = False) -> Batch:
        """Everything that was recorded since the last call, to be given to :meth:`write`.

        ``overdue`` counts arrivals that are due but not yet begun; ``finished``: the worker has done all its work.
        """
        rows, effects = bytes(self._rows), bytes(self._effects)
        # Cleared, not replaced: `add` is bound to this very buffer.
        self._rows.clear()
        self._effects.clear()
        texts = tuple(self.texts.texts[self._texts_taken :])
        self._texts_taken += len(texts)
        self.recorded += len(rows) // ROW.size
        told = CountersTold(self.told.intended + overdue, self.told.sent, self.told.requests, finished, closed)
        return Batch(texts, effects, rows, told)

    def write(self, batch: Batch) -> None:
        """Write it to the files if there are any. Batches in their order and one at a time, but in any thread; as :meth:`RecordWriter.write`."""
        if self._writer is not None:
            self._writer.write(batch)

    def flush(self, *, overdue: int = 0) -> Rows:
        """Take and write, in the calling thread; returns the new rows. Raises :class:`OSError` as :meth:`write` does."""
        batch = self.take(overdue=overdue)
        self.write(batch)
        return rows_of(batch)

    def close(self, *, overdue: int = 0, finished: bool = True) -> Rows:
        """Flush for the last time and close the files. Raises :class:`OSError`: then not everything is in the files."""
        batch = self.take(overdue=overdue, finished=finished, closed=True)
        self.write(batch)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        return rows_of(batch)


def rows_of(batch: Batch) -> Rows:
    """The rows of a batch as an array."""
    return np.frombuffer(batch.rows, DTYPE)


def _writable(value: object) -> object:
    """The value in a form that JSON can hold: text without lone surrogates, a number of 64 bits; everything else as Python's text for it."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()
