"""Writes what a generator does as it happens: into memory with each operation, to the spool at least twice a second.

Order matters for what a kill leaves behind: texts before the rows that use them, effects before their operations, so that no operation of
the spool misses its effect; counters last, so that they never claim a row that is not there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import orjson

from closeshave.history import Effect, Operation, Outcome, Source
from closeshave.traffic.spool import HEADER, MAGIC, MOST_TEXTS, OTHER, OUTCOMES, ROW, SpoolFiles, operation_id

FLUSH_INTERVAL_S = 0.25

_OUTCOME_CODES = {Outcome(name): code for code, name in enumerate(OUTCOMES)}


@dataclass(slots=True)
class Counters:
    """What the sender says of itself; compared with what was recorded and with what the edges counted."""

    intended: int = 0
    sent: int = 0
    requests: int = 0
    """HTTP requests put on the wire: less than ``sent`` where no connection could be had."""


class Recorder:
    """One worker's spool. Not safe for threads; a generator's greenlets share one."""

    def __init__(self, run: Path, source: Source, worker: str, number: int) -> None:
        """Create the worker's files. Raises :class:`FileExistsError` when it has been there before: two must never share a spool."""
        self.counters = Counters()
        self.recorded = 0
        self._source, self._worker, self._number = source, worker, number
        self._files = SpoolFiles.of(run, worker)
        self._files.rows.parent.mkdir(parents=True, exist_ok=True)
        self._rows, self._texts, self._effects = (
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            for path in (self._files.rows, self._files.texts, self._files.effects)
        )
        os.write(self._rows, HEADER.pack(MAGIC, number))
        self._codes: dict[str, int] = {}
        self._new_texts, self._new_effects, self._new_rows = bytearray(), bytearray(), bytearray()

    def next_id(self) -> int:
        """The ID that the next recorded operation will have."""
        return operation_id(self._number, self.recorded)

    def record(self, operation: Operation, effect: Effect | None = None) -> None:
        """Take over one finished operation, whose ID must be :meth:`next_id`, and what it did to the platform's state."""
        assert operation.id == self.next_id()
        code = self._code
        self._new_rows += ROW.pack(
            operation.intended_ns, operation.started_ns, operation.ended_ns, operation.franchise, operation.bytes,
            _NAN if operation.db_ms is None else operation.db_ms, _NAN if operation.cache_ms is None else operation.cache_ms,
            code(operation.source), code(operation.kind), code(operation.journey), code(operation.region), code(operation.error),
            code(operation.served_by), code(operation.cache), operation.shard, operation.status,
            _OUTCOME_CODES[Outcome(operation.outcome)], operation.good, operation.attempt,
        )  # fmt: skip
        self.recorded += 1
        if effect is not None:
            self._new_effects += orjson.dumps(effect) + b"\n"

    def flush(self, *, overdue: int = 0, finished: bool = False) -> None:
        """Hand everything to the operating system, where a kill of this process cannot reach it.

        ``overdue`` counts what is due but was not yet taken up. No fsync: it may take as long as a request, and only a power cut needs it.
        """
        for descriptor, buffer in ((self._texts, self._new_texts), (self._effects, self._new_effects), (self._rows, self._new_rows)):
            _write_all(descriptor, buffer)
            buffer.clear()
        counters = {
            "source": self._source.value, "worker": self._worker, "intended": self.counters.intended + overdue, "sent": self.counters.sent,
            "recorded": self.recorded, "finished": finished, "requests": self.counters.requests,
        }  # fmt: skip
        scratch = self._files.counters.with_suffix(".writing")
        scratch.write_bytes(orjson.dumps(counters))
        scratch.replace(self._files.counters)

    def close(self, *, finished: bool) -> None:
        """Flush for the last time. ``finished``: the worker ended by itself and did all that it was to do."""
        self.flush(finished=finished)
        for descriptor in (self._texts, self._effects, self._rows):
            os.close(descriptor)

    def _code(self, text: str | None) -> int:
        if text is None:
            return 0
        code = self._codes.get(text)
        if code is None and len(self._codes) >= MOST_TEXTS:
            text = OTHER
            code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self._codes) + 1
            self._new_texts += text.replace("\n", " ").encode() + b"\n"
        return code


_NAN = float("nan")


def _write_all(descriptor: int, data: bytearray) -> None:
    view = memoryview(data)
    while view:
        written = os.write(descriptor, view)
        view = view[written:]
    view.release()
