"""What was read on the lost sides of partitions before these were rewound."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from closeshave.deployment import DIVERGED as FILE
from closeshave.environments.evidence.reading import FinalStateUnreadable
from closeshave.files import record_of
from closeshave.history import DIVERGED


def read(root: Path, since_wall_s: float) -> pa.Table | None:
    """Rows of bookings made since ``since_wall_s`` (seconds since the epoch); ``None`` where no two sides were ever read.

    Raises :class:`FinalStateUnreadable` for a file that is torn.
    """
    path = root / FILE
    if not path.exists():
        return None
    try:
        rows = [record_of(line) for line in path.read_bytes().splitlines()]
        return pa.Table.from_pylist([row for row in rows if row["created_at"] >= since_wall_s], schema=DIVERGED)
    except (ValueError, KeyError, TypeError, OverflowError, pa.ArrowException) as error:
        raise FinalStateUnreadable(f"{FILE}: {type(error).__name__}: {error}") from None
