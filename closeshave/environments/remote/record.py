"""Where the run itself booked: the franchise of a booking that is read back, if the platform does not return it. Pure except for reading."""

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
FranchisesBy = Mapping[Any, frozenset[int]]


@dataclass(frozen=True, slots=True)
class FranchiseRecord:
    """The franchises of the run's own requests."""

    by_booking: FranchisesBy = field(default_factory=dict)
    """Booking → the franchises in which it was booked; several if IDs repeat between shards."""
    by_slot: FranchisesBy = field(default_factory=dict)
    """``(client, barber, starts_at)`` → the franchises in which it was requested."""

    def franchise_of(self, row: Mapping[str, Any], asked: int | None, topology: Topology) -> int:
        """The franchise of a booking without one: as the run recorded it, else that of the list, else the first."""
        by_id = self.by_booking.get(row["booking"], frozenset())
        by_slot = self.by_slot.get((row["client"], row["barber"], row["starts_at"]), frozenset())
        shard = topology.shard_of(asked) if asked is not None else None
        there = frozenset(one for one in by_id if shard is not None and shard.first <= one <= shard.last)
        for found in (by_id & by_slot, there, by_slot, by_id):
            if found:
                return min(found)
        return asked or topology.shards[0].first


def read(run: Path) -> FranchiseRecord:
    """The record of a run; empty if it wrote none. Raises :class:`OSError` for a damaged file."""
    path = run / EFFECTS_FILE
    if not path.exists():
        return FranchiseRecord()
    try:
        return of(pq.read_table(path, columns=list(COLUMNS)).to_pylist())
    except (pa.ArrowException, ValueError) as error:
        raise OSError(f"{path.name} cannot be read: {type(error).__name__}: {error}".partition("\n")[0]) from None


def of(effects: Iterable[Mapping[str, Any]]) -> FranchiseRecord:
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
    return FranchiseRecord(*({key: frozenset(held) for key, held in table.items()} for table in (by_booking, by_slot)))
