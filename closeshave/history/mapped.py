"""A long Parquet file as a frame whose columns lie in :class:`closeshave.history.room.Room`, read a batch of rows at a time.

Arrow's own way to a frame needs a column twice for a moment: decoded, and as the frame wants it. Here a batch is decoded, copied to its place and
forgotten, several columns at once. The frame is the same, down to the types.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closeshave.history.columns import OPTIONAL, to_frame
from closeshave.history.room import Room

if TYPE_CHECKING:
    import pandas as pd

BATCH_ROWS = 1 << 18
_NULLABLE_BITS = 32
"""Whole numbers of so many bits may be missing in a frame."""


def mapped(path: Path, schema: pa.Schema, room: Room) -> pd.DataFrame:
    """The file as a frame. Raises :class:`OSError` (:class:`closeshave.history.room.NoRoom` too), :class:`ValueError`, :class:`pyarrow.ArrowException`."""
    import pandas as pd  # noqa: PLC0415 - see to_frame

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        columns = dict(zip(schema.names, pool.map(lambda field: _column(path, field, room), schema), strict=True))
    return pd.DataFrame(columns, copy=False)


def _column(path: Path, field: pa.Field[Any], room: Room) -> Any:
    """One column as a frame holds it."""
    with pq.ParquetFile(path) as file:
        at = file.schema_arrow.get_field_index(field.name)
        if at < 0 or file.schema_arrow.field(at).type != field.type:
            return to_frame(pq.read_table(path, columns=[field.name], schema=pa.schema([field])))[field.name]
        count = file.metadata.num_rows
        if pa.types.is_dictionary(field.type):
            return _category(file, field.name, count, room)
        if pa.types.is_string(field.type):
            return _texts(file, field.name, count, room)
        if field.name in OPTIONAL or not (pa.types.is_floating(field.type) or _without_nulls(file, field.name)):
            return _optional(file, field, count, room)
        out = room.array(count, field.type.to_pandas_dtype())
        for rows, values in _batches(file, field.name):
            out[rows] = values.to_numpy(zero_copy_only=False)
        return out


def _batches(file: pq.ParquetFile, name: str) -> Iterator[tuple[slice, Any]]:
    """The column a batch at a time, and which rows each batch is."""
    at = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
        values = batch.column(0)
        yield slice(at, at + len(values)), values
        at += len(values)


def _without_nulls(file: pq.ParquetFile, name: str) -> bool:
    """By the statistics that the file has of each row group."""
    footer = file.metadata
    place = next(at for at in range(footer.num_columns) if footer.schema.column(at).path == name)
    counts = [footer.row_group(group).column(place).statistics for group in range(footer.num_row_groups)]
    return all(one is not None and one.null_count == 0 for one in counts)


def _optional(file: pq.ParquetFile, field: pa.Field[Any], count: int, room: Room) -> Any:
    """A column of whole numbers, some of which may be missing, as :func:`closeshave.history.columns.to_frame` has it."""
    import pandas as pd  # noqa: PLC0415 - see to_frame

    out, missing = room.array(count, field.type.to_pandas_dtype()), room.array(count, np.bool_)
    for rows, values in _batches(file, field.name):
        missing[rows] = values.is_null().to_numpy(zero_copy_only=False)
        out[rows] = values.fill_null(0).to_numpy(zero_copy_only=False)
    if field.name not in OPTIONAL and not (pa.types.is_integer(field.type) and field.type.bit_width >= _NULLABLE_BITS):
        # A type for which no frame has missing values, in a file that should have none.
        return to_frame(pa.table([pa.array(out, field.type, mask=missing)], [field.name]))[field.name]
    return pd.arrays.IntegerArray(out, missing) if field.name in OPTIONAL or missing.any() else out


def _texts(file: pq.ParquetFile, name: str, count: int, room: Room) -> Any:
    """A column of texts that are all different: their letters, one after the other, and where each ends."""
    import pandas as pd  # noqa: PLC0415 - see to_frame

    ends, letters, at = room.array(count + 1, np.int64), room.letters(), 0
    filled = np.zeros(-(-count // 8) * 8, dtype=np.bool_)
    ends[0] = 0
    for rows, values in _batches(file, name):
        texts = values.fill_null("").cast(pa.large_string())
        filled[rows] = values.is_valid().to_numpy(zero_copy_only=False)
        _, own, data = texts.buffers()
        offsets = np.frombuffer(own, np.int64, len(texts) + 1, 8 * texts.offset)
        ends[rows.start + 1 : rows.stop + 1] = offsets[1:] - offsets[0] + at
        if data is not None:
            letters.add(memoryview(data)[offsets[0] : offsets[-1]])
        at += int(offsets[-1] - offsets[0])
    valid = None if filled[:count].all() else _buffer(np.packbits(filled, bitorder="little"))
    made = pa.Array.from_buffers(pa.large_string(), count, [valid, _buffer(ends), _buffer(letters.whole())])
    kind: Any = pd.StringDtype(na_value=np.nan)
    return kind.__from_arrow__(made)


def _buffer(values: NDArray[Any]) -> pa.Buffer:
    plain: Any = memoryview(values)  # type: ignore[arg-type]  # numpy's stub does not say so before Python 3.12
    return pa.py_buffer(plain)


def _category(file: pq.ParquetFile, name: str, count: int, room: Room) -> Any:
    """A column of few texts, in the order in which the file has them; -1 where there is none."""
    import pandas as pd  # noqa: PLC0415 - see to_frame

    known: dict[str, int] = {}
    out: NDArray[Any] = room.array(count, np.int8)
    for rows, values in _batches(file, name):
        place = _places(values.dictionary.to_pylist(), known)
        if len(known) > np.iinfo(out.dtype).max:
            wider = room.array(count, np.int16 if len(known) <= np.iinfo(np.int16).max else np.int32)
            wider[: rows.start] = out[: rows.start]
            out = wider
        codes = values.indices.fill_null(len(place) - 1) if values.null_count else values.indices
        out[rows] = place.astype(out.dtype)[codes.to_numpy(zero_copy_only=False)]
    names: Any = pd.Index(list(known), dtype="str") if known else pd.Index([], dtype=object)
    made: Any = pd.Categorical
    return made.from_codes(out, categories=names, validate=False)


def _places(texts: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    """For each text of a batch its number in the whole file; behind them, -1 for none."""
    return np.array([*(known.setdefault(text, len(known)) for text in texts), -1], dtype=np.int64)
