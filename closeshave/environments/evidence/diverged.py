"""Rows that were read on the old primaries of partitions before these were rewound."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from closeshave.deployment import DIVERGED as FILE
from closeshave.environments.evidence.reading import FinalStateUnreadable
from closeshave.files import record_of
from closeshave.history import DIVERGED


def read(root: Path, since_wall_s: float) -> pa.Table | None:
    """Rows of bookings made since ``since_wall_s`` (seconds since the epoch); ``None`` if there was nothing to read.

    Raises :class:`FinalStateUnreadable` for a damaged file.
    """
    path = root / FILE
    if not path.exists():
        return None
    try:
        rows = [record_of(line) for line in path.read_bytes().splitlines()]
        return pa.Table.from_pylist([row for row in rows if row["created_at"] >= since_wall_s], schema=DIVERGED)
    except (ValueError, KeyError, TypeError, OverflowError, pa.ArrowException) as error:
        raise FinalStateUnreadable(f"{FILE}: {type(error).__name__}: {error}") from None
