"""After the load: converts the workers' records to ``operations.parquet`` and ``effects.parquet``, and compares them with each worker's own counts.

It works in blocks, so that memory does not grow with the run, and by columns, never by rows. A second conversion replaces the files.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from closeshave.files import foreign, seal, write_atomically
from closeshave.history import EFFECTS, ODD_EFFECTS, OPERATIONS, WRITING, Blind, Sent, Source, ids
from closeshave.loadgen.records import Rows
from closeshave.loadgen.rows import DTYPE, HEADER, MAGIC, OUTCOMES, ROW, TEXT_FIELDS, WORKERS_MAX, operation_id
from closeshave.loadgen.writing import RecordFiles

BLOCK_ROWS = 500_000
PIECE_BYTES = 32 << 20
"""Of a file of effects that are read at once."""

_NUMBERS = ("shard", "franchise", "intended_ns", "started_ns", "ended_ns", "status", "attempt", "bytes")

_WHOLE = ("id", *_NUMBERS)
"""Columns of whole numbers: the differences of neighbours need less room than the numbers, and much less time than compression. Most are all alike (a
status, an attempt) or near each other (times)."""
_FEW = ("source", "outcome", *TEXT_FIELDS)
"""Columns of few different texts: numbers of a few bits each, of which compression would save a fifth and take as long as writing them."""
_MEASURED = ("db_ms", "cache_ms")
_PIECE_ROWS = 1 << 15
"""Rows of which all columns are taken while they are in the processor's cache."""

_PLAIN_EFFECTS = pa.schema([(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in EFFECTS])
"""The schema of effects with plain text columns, because JSON has no dictionary encoding."""
_IDS = ("booking", "barber")
_NEEDED = ("operation", "action", "franchise", "shard")


@dataclass(frozen=True, slots=True)
class Converted:
    """The counts of a conversion."""

    operations: int
    sent: tuple[Sent, ...]
    blind: tuple[Blind, ...]
    """For each killed worker: the time from its last record to the last one of the run."""
    torn: int
    """The number of incomplete records, which a killed worker was writing."""

    @property
    def reconciled(self) -> bool:
        """Whether every worker ended by itself and all its sent requests are recorded."""
        return all(one.finished and one.sent == one.recorded for one in self.sent) and self.torn == 0


@dataclass(frozen=True, slots=True)
class WorkerRecords:
    """One worker's files, opened; rows are mapped, not read."""

    files: RecordFiles
    number: int
    source: Source
    rows: Rows
    texts: tuple[str, ...]
    torn: bool

    @classmethod
    def open(cls, path: Path) -> WorkerRecords:
        """Open the files beside a ``.rows`` file. Raises :class:`OSError`, or :class:`ValueError` for a file of another version."""
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(HEADER.size)
        magic, number, row_bytes, source = HEADER.unpack(header) if len(header) == HEADER.size else (b"", 0, 0, b"")
        if magic != MAGIC or row_bytes != ROW.size or number > WORKERS_MAX:
            raise ValueError(f"{path} holds no records of this version")
        count, rest = divmod(size - HEADER.size, ROW.size)
        rows = np.memmap(path, DTYPE, "r", HEADER.size, (count,)) if count else np.empty(0, DTYPE)
        files = RecordFiles.of(path.parent, path.stem)
        # What follows the last line end is torn, or empty.
        texts = tuple(line.decode("utf-8", "replace") for line in files.texts.read_bytes().split(b"\n")[:-1])
        return cls(files, number, Source(source.rstrip(b"\0").decode()), rows, texts, rest > 0)

    @property
    def said(self) -> Mapping[str, Any]:
        """The worker's last own counts; empty if it was killed before the first ones, or if they are damaged."""
        try:
            said = foreign.loads(self.files.counters.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        whole = isinstance(said, dict) and all(type(said.get(name)) is int and said[name] >= 0 for name in ("intended", "sent", "requests"))
        return said if whole and isinstance(said.get("finished"), bool) else {}

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """The rows in blocks, with the position of each block's first row."""
        for start in range(0, len(self.rows), BLOCK_ROWS):
            yield start, np.asarray(self.rows[start : start + BLOCK_ROWS])


def open_all(directory: Path) -> list[WorkerRecords]:
    """Every worker's records below ``directory``, in the order of their names. Raises as :meth:`WorkerRecords.open` does."""
    return [WorkerRecords.open(path) for path in sorted(directory.glob("*.rows"))]


def convert(directory: Path, target: Path) -> Converted:
    """Write all records below ``directory`` to the Parquet file ``target``, completely or not at all. Raises as :func:`open_all` does."""
    workers = open_all(directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(".writing")
    options: dict[str, Any] = {
        "compression": dict.fromkeys(OPERATIONS.names, "none") | dict.fromkeys(_MEASURED, WRITING["compression"]),
        "compression_level": dict.fromkeys(_MEASURED, WRITING["compression_level"]),
        "use_dictionary": [*_FEW],
        "column_encoding": dict.fromkeys(_WHOLE, "DELTA_BINARY_PACKED"),
        # Readers ask which columns lack values. Of texts nobody asks, and their least and greatest take longer than writing them.
        "write_statistics": [name for name in OPERATIONS.names if name not in _FEW],
    }
    blocks = ((worker, start, rows) for worker in workers for start, rows in worker.blocks())
    with pq.ParquetWriter(scratch, OPERATIONS, **options) as writer:
        for table in _ahead(partial(_whole_table, *each) for each in blocks):
            writer.write_table(table)
    seal.finish(scratch, target)
    return Converted(
        operations=sum(len(worker.rows) for worker in workers),
        sent=tuple(_sent(worker) for worker in workers),
        blind=_blind(workers),
        torn=sum(worker.torn for worker in workers),
    )


def convert_effects(directory: Path, target: Path) -> int:
    """Write the effects below ``directory`` to the Parquet file ``target``; returns how many.

    The last line of a killed worker may be incomplete, and effects are written before their operations: an effect without an operation is left out. A
    value that does not fit (a version of more than 64 bits) is unknown in the table, and its line is copied to ``effects-odd.jsonl``; text IDs are
    numbers by ``ids.jsonl``. Other effects are not affected.
    """
    odd, texts = list[bytes](), dict[int, str]()
    chunks = ((worker, chunk) for worker in open_all(directory) for chunk in _whole_lines(worker.files.effects))
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch, count = target.with_suffix(".writing"), 0
    # Keys hardly ever repeat, as times above.
    options: dict[str, Any] = {**WRITING, "use_dictionary": ["action", "shard", "minutes", "version", "amount"]}
    with pq.ParquetWriter(scratch, EFFECTS, **options) as writer:
        for table in _ahead(partial(_effects, *each, odd, texts) for each in chunks):
            writer.write_table(table)
            count += table.num_rows
    seal.finish(scratch, target)
    _save_or_remove(target.parent / ODD_EFFECTS, b"".join(line + b"\n" for line in odd))
    told = (orjson.dumps({"number": number, "text": text}) + b"\n" for number, text in sorted(texts.items()))
    _save_or_remove(target.parent / ids.FILE, b"".join(told))
    return count


def _ahead(tasks: Iterable[Callable[[], pa.Table]]) -> Iterator[pa.Table]:
    """The results of the tasks, in order: each is made while the one before it is being used, and never more than two are kept."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[pa.Table] | None = None
        for task in tasks:
            made, waiting = waiting, pool.submit(task)
            if made is not None:
                yield made.result()
        if waiting is not None:
            yield waiting.result()


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines. What follows the last line end is torn, and is left out."""
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            end = piece.rfind(b"\n") + 1
            if end:
                yield rest + piece[:end]
                rest = piece[end:]
            else:
                rest += piece


def _effects(worker: WorkerRecords, lines: bytes, odd: list[bytes], texts: dict[int, str]) -> pa.Table:
    """The effects that belong to one of the worker's operations."""
    table = _read_effects(lines, odd, texts)
    end = pa.scalar(operation_id(worker.number, len(worker.rows)))
    return table.filter(pc.less(table["operation"], end)).select(EFFECTS.names).cast(EFFECTS)


def _save_or_remove(path: Path, content: bytes) -> None:
    if content:
        write_atomically(path, content)
    else:
        path.unlink(missing_ok=True)


def _read_effects(whole: bytes, odd: list[bytes], texts: dict[int, str]) -> pa.Table:
    try:
        return pj.read_json(
            io.BytesIO(whole), parse_options=pj.ParseOptions(explicit_schema=_PLAIN_EFFECTS, unexpected_field_behavior="ignore")
        )
    except pa.ArrowException:
        # One line is not as expected, which happens once in many runs: each by itself.
        fitted = [row for line in whole.split(b"\n")[:-1] if (row := _fitted(line, odd, texts)) is not None]
        return pa.Table.from_pylist(fitted, schema=_PLAIN_EFFECTS)


def _fitted(line: bytes, odd: list[bytes], texts: dict[int, str]) -> dict[str, Any] | None:
    """The row of a line in the form of the table; ``None`` for one without an operation.

    Lines that do not fit are added to ``odd``, text IDs to ``texts``.
    """
    try:
        told = foreign.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        odd.append(line)
        return None
    row: dict[str, Any] = {}
    fits = True
    for field in _PLAIN_EFFECTS:
        value = told.get(field.name)
        kept = _id(value, texts) if field.name in _IDS else _value(value, field.type)
        fits = fits and (kept is not None or value is None)
        row[field.name] = kept
    if not fits:
        odd.append(line)
    return row if all(row[name] is not None for name in _NEEDED) else None


def _id(value: object, texts: dict[int, str]) -> int | None:
    number = ids.number(value)
    # Two texts of one number: the second one gets no number, rather than the first one's.
    if number is not None and str(number) != str(value) and texts.setdefault(number, str(value)) != value:
        return None
    return number


def _value(value: object, type_: pa.DataType) -> Any:
    if pa.types.is_string(type_):
        return value if isinstance(value, str) else None
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and -(2 ** (type_.bit_width - 1)) <= value < 2 ** (type_.bit_width - 1) else None


def _whole_table(worker: WorkerRecords, start: int, rows: Rows) -> pa.Table:
    """Raises :class:`ValueError` if a row has the code of a text or an outcome that does not exist, which no sender writes."""
    try:
        return _table(worker, start, rows)
    except pa.ArrowException as error:
        raise ValueError(f"{worker.files.rows.name} is damaged: {error}") from None


def _table(worker: WorkerRecords, start: int, rows: Rows) -> pa.Table:
    count = len(rows)
    kinds = dict.fromkeys(("outcome", *TEXT_FIELDS), np.int32) | dict.fromkeys(("db_ms", "cache_ms"), np.float32) | {"good": np.bool_}
    kinds |= {name: OPERATIONS.field(name).type.to_pandas_dtype() for name in _NUMBERS}
    taken: dict[str, npt.NDArray[Any]] = {name: np.empty(count, kind) for name, kind in kinds.items()}
    for low in range(0, count, _PIECE_ROWS):
        piece = rows[low : low + _PIECE_ROWS]
        for name, out in taken.items():
            out[low : low + _PIECE_ROWS] = piece[name]
        for name in TEXT_FIELDS:
            # Codes count from 1, places in a dictionary from 0.
            taken[name][low : low + _PIECE_ROWS] -= 1
    columns: dict[str, Any] = {
        **taken,
        "id": operation_id(worker.number, start) + np.arange(count, dtype=np.int64),
        "source": _dictionary(np.zeros(count, np.int32), (worker.source.value,)),
        "outcome": _dictionary(taken["outcome"], tuple(outcome.value for outcome in OUTCOMES)),
    }
    columns |= {name: _dictionary(taken[name], worker.texts) for name in TEXT_FIELDS}
    columns |= {name: pa.array(taken[name], from_pandas=True) for name in ("db_ms", "cache_ms")}
    return pa.table({name: columns[name] for name in OPERATIONS.names}, schema=OPERATIONS)


def _dictionary(codes: npt.NDArray[np.int32], texts: tuple[str, ...]) -> pa.Array[Any]:
    absent = codes < 0 if len(codes) and codes.min() < 0 else None
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=absent), pa.array(texts, pa.string()))


def _blind(workers: list[WorkerRecords]) -> tuple[Blind, ...]:
    ends = [int(worker.rows["ended_ns"][-1]) if len(worker.rows) else 0 for worker in workers]
    return tuple(
        Blind(worker.source.value, worker.files.rows.stem, end, max(ends))
        for worker, end in zip(workers, ends, strict=True)
        if not worker.said.get("closed")
    )


def _sent(worker: WorkerRecords) -> Sent:
    """The worker's own counters, and the number of recorded rows. A worker that was killed before its first flush has no counters."""
    name, recorded, said = worker.files.rows.stem, len(worker.rows), worker.said
    if not said:
        return Sent(worker.source.value, name, intended=recorded, sent=recorded, recorded=recorded, finished=False)
    # Rows are flushed before counters, so a killed worker may have left more rows than it says.
    return Sent(
        worker.source.value,
        name,
        intended=max(said["intended"], recorded if not said["finished"] else 0),
        sent=max(said["sent"], recorded),
        recorded=recorded,
        finished=said["finished"],
        requests=said["requests"],
    )
