"""A long Parquet file as a frame whose columns lie in :class:`closeshave.history.room.Room`, read a batch of rows at a time.

Arrow's own way to a frame needs a column twice for a moment: decoded, and as the frame wants it. Here a batch is decoded, copied to its place and
forgotten, several columns at once. The frame is the same, down to the types.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
        if not _plain(file, field):
            return to_frame(pq.read_table(path, columns=[field.name], schema=pa.schema([field])))[field.name]
        count = file.metadata.num_rows
        if pa.types.is_dictionary(field.type):
            return _category(file, field.name, count, room)
        out = room.array(count, field.type.to_pandas_dtype())
        at = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=[field.name], use_threads=False):
            values: Any = batch.column(0)
            out[at : at + len(values)] = values.to_numpy(zero_copy_only=False)
            at += len(values)
        return out


def _plain(file: pq.ParquetFile, field: pa.Field[Any]) -> bool:
    """Whether the column can be copied as it is: text of few values, floats, or numbers of which none is missing, of the type that it should have."""
    at = file.schema_arrow.get_field_index(field.name)
    if at < 0 or file.schema_arrow.field(at).type != field.type:
        return False
    if pa.types.is_dictionary(field.type) or pa.types.is_floating(field.type):
        return True
    if field.name in OPTIONAL or not (pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)):
        return False
    return _without_nulls(file, field.name)


def _without_nulls(file: pq.ParquetFile, name: str) -> bool:
    """By the statistics that the file has of each row group."""
    footer = file.metadata
    place = next(at for at in range(footer.num_columns) if footer.schema.column(at).path == name)
    counts = [footer.row_group(group).column(place).statistics for group in range(footer.num_row_groups)]
    return all(one is not None and one.null_count == 0 for one in counts)


def _category(file: pq.ParquetFile, name: str, count: int, room: Room) -> Any:
    """A column of few texts, in the order in which the file has them; -1 where there is none."""
    import pandas as pd  # noqa: PLC0415 - see to_frame

    known: dict[str, int] = {}
    out: NDArray[Any] = room.array(count, np.int8)
    at = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
        values: Any = batch.column(0)
        place = _places(values.dictionary.to_pylist(), known)
        if len(known) > np.iinfo(out.dtype).max:
            wider = room.array(count, np.int16 if len(known) <= np.iinfo(np.int16).max else np.int32)
            wider[:at] = out[:at]
            out = wider
        codes = values.indices.fill_null(len(place) - 1).to_numpy(zero_copy_only=False)
        out[at : at + len(values)] = place[codes]
        at += len(values)
    names: Any = pd.Index(list(known), dtype="str") if known else pd.Index([], dtype=object)
    made: Any = pd.Categorical
    return made.from_codes(out, categories=names, validate=False)


def _places(texts: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    """For each text of a batch its number in the whole file; behind them, -1 for none."""
    return np.array([*(known.setdefault(text, len(known)) for text in texts), -1], dtype=np.int64)
