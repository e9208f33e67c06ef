"""Where the run itself booked: gives the franchise of a booking that is read back when the platform does not. Pure except for reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from closeshave.history import EFFECTS_FILE
from closeshave.topology import Topology

COLUMNS = ("action", "franchise", "booking", "barber", "starts_at", "client")
BOOKING = frozenset({"create", "reschedule", "cancel", "read"})
Franchises = Mapping[Any, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Record:
    """The franchises of the run's own requests."""

    by_booking: Franchises = field(default_factory=dict)
    """Booking → where it was booked; several where IDs repeat between shards."""
    by_slot: Franchises = field(default_factory=dict)
    """``(client, barber, starts_at)`` → where it was asked for."""

    def franchise_of(self, row: Mapping[str, Any], asked: int | None, topology: Topology) -> int:
        """Where a booking that does not tell it lies: as the run remembers, else where the list was asked for, else the first."""
        by_id = self.by_booking.get(row["booking"], frozenset())
        by_slot = self.by_slot.get((row["client"], row["barber"], row["starts_at"]), frozenset())
        shard = topology.shard_of(asked) if asked is not None else None
        there = frozenset(one for one in by_id if shard is not None and shard.first <= one <= shard.last)
        for found in (by_id & by_slot, there, by_slot, by_id):
            if found:
                return min(found)
        return asked or topology.shards[0].first


def read(run: Path) -> Record:
    """The record of a run; empty where it wrote none. Raises :class:`OSError` for a file that is none."""
    path = run / EFFECTS_FILE
    if not path.exists():
        return Record()
    try:
        return of(pq.read_table(path, columns=list(COLUMNS)).to_pylist())
    except (pa.ArrowException, ValueError) as error:
        raise OSError(f"{path.name} cannot be read: {type(error).__name__}: {error}".partition("\n")[0]) from None


def of(effects: Iterable[Mapping[str, Any]]) -> Record:
    """The record of these effects."""
    by_booking: dict[Any, set[int]] = defaultdict(set)
    by_slot: dict[Any, set[int]] = defaultdict(set)
    for effect in effects:
        if effect["action"] not in BOOKING or effect["franchise"] is None:
            continue
        if effect["booking"] is not None:
            by_booking[effect["booking"]].add(effect["franchise"])
        if effect["action"] in {"create", "reschedule"}:
            by_slot[effect["client"], effect["barber"], effect["starts_at"]].add(effect["franchise"])
    return Record(*({key: frozenset(held) for key, held in table.items()} for table in (by_booking, by_slot)))
