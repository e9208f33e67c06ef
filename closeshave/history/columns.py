"""Rows as columns: the Parquet schemas, and frames in which missing integers stay integers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

_TEXT: Any = pa.dictionary(pa.int32(), pa.string())  # its stub knows less than the library: as a field type it is refused
OPERATIONS = pa.schema(
    [
        ("id", pa.int64()), ("source", _TEXT), ("kind", _TEXT), ("journey", _TEXT), ("region", _TEXT), ("shard", pa.int16()),
        ("franchise", pa.int32()), ("intended_ns", pa.int64()), ("started_ns", pa.int64()), ("ended_ns", pa.int64()), ("outcome", _TEXT),
        ("good", pa.bool_()), ("status", pa.int16()), ("error", _TEXT), ("attempt", pa.int8()), ("bytes", pa.int32()), ("served_by", _TEXT),
        ("cache", _TEXT), ("db_ms", pa.float32()), ("cache_ms", pa.float32()),
    ]
)  # fmt: skip
EFFECTS = pa.schema(
    [
        ("operation", pa.int64()), ("action", _TEXT), ("franchise", pa.int32()), ("shard", pa.int16()), ("key", pa.string()),
        ("booking", pa.int64()), ("barber", pa.int64()), ("starts_at", pa.int64()), ("minutes", pa.int32()), ("version", pa.int64()),
        ("amount", pa.int64()), ("session", pa.string()), ("client", pa.string()), ("read_values", pa.string()),
    ]
)  # fmt: skip
BOOKINGS = pa.schema(
    [
        ("booking", pa.int64()), ("franchise", pa.int32()), ("found_on", pa.int16()), ("barber", pa.int64()), ("client", pa.string()),
        ("starts_at", pa.int64()), ("minutes", pa.int32()), ("status", _TEXT), ("version", pa.int64()), ("key", pa.string()),
        ("created_at", pa.float64()), ("price_cents", pa.int64()),
    ]
)  # fmt: skip
DIVERGED = pa.schema(
    [
        ("member", _TEXT), ("shard", pa.int16()), ("franchise", pa.int32()), ("booking", pa.int64()), ("key", pa.string()), ("status", _TEXT),
        ("version", pa.int64()), ("created_at", pa.float64()),
    ]
)  # fmt: skip
JOBS = pa.schema(
    [
        ("job", pa.int64()), ("booking", pa.int64()), ("franchise", pa.int32()), ("found_on", pa.int16()), ("kind", _TEXT),
        ("due_at", pa.float64()), ("late_at", pa.float64()), ("done_at", pa.float64()), ("worker", _TEXT), ("read_at", pa.float64()),
    ]
)  # fmt: skip
UPDATES = pa.schema(
    [
        ("what", _TEXT), ("client", pa.string()), ("region", _TEXT), ("at_ns", pa.int64()), ("booking", pa.int64()), ("version", pa.int64()),
    ]
)  # fmt: skip
_CAPTURE: dict[str, Any] = {
    "capture": pa.string(), "booking": pa.int64(), "franchise": pa.int32(), "amount": pa.int64(), "key": pa.string(), "at": pa.float64(),
}  # fmt: skip
CAPTURES = pa.schema(_CAPTURE)
CACHE_ENTRIES = pa.schema(
    [
        ("store", _TEXT), ("region", _TEXT), ("key", pa.string()), ("franchise", pa.int32()), ("cached", pa.string()), ("stored", pa.string()),
        ("cached_version", pa.int64()), ("stored_version", pa.int64()),
    ]
)  # fmt: skip
_PLACEMENT: dict[str, Any] = {
    "member": pa.string(), "shard": pa.int16(), "region": pa.string(), "resident": pa.string(), "franchises": pa.int64(),
}  # fmt: skip
PLACEMENTS = pa.schema(_PLACEMENT)


OPTIONAL = frozenset({"booking", "barber", "starts_at", "minutes", "version", "amount"})
"""Integers that may be missing: nullable in every frame, so that a frame's types do not depend on its rows."""


def frame(rows: Iterable[Any], schema: pa.Schema) -> pd.DataFrame:
    """Rows (instances of a row dataclass) as a frame with the same dtypes as after reading the Parquet file.

    Integers that may be missing are nullable.
    """
    return to_frame(pa.Table.from_pylist([asdict(row) for row in rows], schema=schema))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A frame in which missing integers stay integers (nullable ``Int64``) and repeated text is categorical."""
    # Imported only here: it takes two seconds of processor time, which recording processes would spend in the middle of a trial.
    import pandas as pd  # noqa: PLC0415

    nullable = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    optional = {field.name for field in table.schema if field.type in nullable and table.column(field.name).null_count}
    optional |= OPTIONAL & {*table.schema.names}
    plain = table.select([name for name in table.schema.names if name not in optional]).to_pandas()
    if not optional:
        return plain
    columns = {
        name: nullable[table.schema.field(name).type].__from_arrow__(table.column(name))  # type: ignore[attr-defined]  # pandas' stubs lack it
        if name in optional
        else plain[name].array
        for name in table.schema.names
    }
    return pd.DataFrame(columns, copy=False)
