"""The bookings of a restored database against what customers were told: what must be there at an instant, and what must not. Pure.

PostgreSQL stops a recovery to an instant before the first commit whose time is later. A write commits after its request was sent and before its answer
came. So a write that was answered before the instant must be there, one that was sent after it must not, and one that was under way decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from closeshave.clock import Anchor
from closeshave.history import Booking, Outcome
from closeshave.judge.evidence.columns import ints
from closeshave.judge.evidence.rows import Table
from closeshave.judge.evidence.witness import booking_at, effect_at, operation_at
from closeshave.judge.evidence.writes import CANCELLED
from closeshave.judge.witnesses import BookingWitness, LostWriteWitness, Witness

RESOLUTION_NS = 1_000
"""A database tells the time of a commit in microseconds."""
COMPARED = ("barber", "starts_at", "minutes", "price_cents")
"""What two rows of one booking at one version must agree on."""


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant of the database's clock on the clock of the senders."""

    at_ns: int
    unsure_ns: int
    """How far it may be off: both readings of the clocks, what they drifted apart during the run, and the resolution of a commit's time."""

    @classmethod
    def of(cls, wall_ns: int, then: Anchor, first: Anchor) -> Instant:
        """A wall-clock instant, by the clocks as they were read near it (``then``), and as they were read at the start of the run (``first``)."""
        drift = abs((then.wall_ns - first.wall_ns) - (then.monotonic_ns - first.monotonic_ns))
        at_ns = then.monotonic_ns + wall_ns - then.wall_ns
        return cls(at_ns, then.uncertainty_ns + first.uncertainty_ns + drift + RESOLUTION_NS)


@dataclass(frozen=True, slots=True)
class Restoration:
    """What the comparison of one restored database found."""

    before: int
    """Acknowledged writes that must be there."""
    after: int
    """Acknowledged writes that must not be there."""
    between: int
    """Writes that were under way at the instant, within its uncertainty."""
    compared: int
    """Restored rows that were compared with the same version in the final state."""
    missing: tuple[Witness, ...]
    """The oldest write that must be there and is not, and the newest one."""
    missing_count: int
    oldest_missing_ns: int | None
    """When the oldest of them was acknowledged."""
    beyond: tuple[Witness, ...]
    """The first write that must not be there and is, and the last one."""
    beyond_count: int
    different: tuple[Witness, ...]
    """Restored rows that differ from the same version in the final state."""
    different_count: int
    at_ns: int
    """The instant, on the clock of the senders."""
    unsure_ns: int
    """How far it may be off."""
    gap_ns: tuple[int | None, int | None]
    """How near to the instant the last write before it was acknowledged, and the first one after it sent: an error below these could not be seen."""

    @property
    def window_s(self) -> float:
        """How long before the instant the oldest missing write was acknowledged, in seconds; 0 if none is missing."""
        return 0.0 if self.oldest_missing_ns is None else max(0.0, (self.at_ns - self.oldest_missing_ns) / 1e9)


@dataclass(frozen=True, slots=True)
class _Row:
    position: int
    version: int
    status: str
    key: object


def compare(writes: Table, operations: pd.DataFrame, restored: pd.DataFrame, final: pd.DataFrame | None, instant: Instant) -> Restoration:
    """Compare the writes of a shard (effects beside their operations: ``position``, ``outcome``, ``started_ns``, ``ended_ns``) with restored rows."""
    rows = _by_booking(restored)
    keys = {str(key) for key in restored["key"].dropna()}
    keeps_cancelled = bool((restored["status"].astype(str) == CANCELLED).any()) or (
        final is not None and bool((final["status"].astype(str) == CANCELLED).any())
    )
    low, high = instant.at_ns - instant.unsure_ns, instant.at_ns + instant.unsure_ns
    told = _Told(writes, high)
    missing: list[_Wrong] = []
    beyond: list[_Wrong] = []
    for index, write in enumerate(told.writes):
        if not write.ok and not (write.action == "create" and write.started_ns > high):
            continue
        row = rows.get((write.franchise, write.booking))
        if write.ok and write.ended_ns <= low and (why := _absent(write, row, told, keeps_cancelled=keeps_cancelled)):
            missing.append(_Wrong(write.ended_ns, index, why, row))
        elif write.started_ns > high and (why := _too_new(write, row, told, keys)):
            beyond.append(_Wrong(write.started_ns, index, why, row))
    pairs = _pairs(restored, final)
    different = _different(restored, final, pairs)
    ok = [write for write in told.writes if write.ok]
    before = [write.ended_ns for write in ok if write.ended_ns <= low]
    after = [write.started_ns for write in ok if write.started_ns > high]
    return Restoration(
        before=len(before),
        after=len(after),
        between=sum(write.ended_ns > low and write.started_ns <= high for write in told.writes),
        compared=len(pairs),
        missing=tuple(_witness(operations, writes, restored, each) for each in _first_and_last(missing)),
        missing_count=len(missing),
        oldest_missing_ns=min((each.at_ns for each in missing), default=None),
        beyond=tuple(_witness(operations, writes, restored, each) for each in _first_and_last(beyond)),
        beyond_count=len(beyond),
        different=tuple(different[place] for place in sorted({0, len(different) - 1}) if different),
        different_count=len(different),
        at_ns=instant.at_ns,
        unsure_ns=instant.unsure_ns,
        gap_ns=(instant.at_ns - max(before) if before else None, min(after) - instant.at_ns if after else None),
    )


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A write that the restored rows contradict. Of thousands two are shown, so that only these become witnesses."""

    at_ns: int
    index: int
    why: str
    row: _Row | None


@dataclass(frozen=True, slots=True)
class _Write:
    action: str
    ok: bool
    possible: bool
    """Whether it may have happened."""
    franchise: int
    booking: int
    version: int
    key: object
    started_ns: int
    ended_ns: int


class _Told:
    """The writes as plain values, and of each booking when its cancels were possible."""

    def __init__(self, writes: Table, high: int) -> None:
        columns = zip(
            writes["action"].astype(str),
            writes["outcome"].astype(str),
            ints(writes["franchise"], -1).tolist(),
            ints(writes["booking"], -1).tolist(),
            ints(writes["version"], -1).tolist(),
            writes["key"],
            ints(writes["started_ns"], 0).tolist(),
            ints(writes["ended_ns"], np.iinfo(np.int64).max).tolist(),
            strict=True,
        )
        self.writes = [
            _Write(action, outcome == Outcome.OK, outcome != Outcome.FAIL, franchise, booking, version, key, started, ended)
            for action, outcome, franchise, booking, version, key, started, ended in columns
        ]
        cancels = [write for write in self.writes if write.action == "cancel" and write.possible]
        self.cancelled_by_then = {(write.franchise, write.booking) for write in cancels if write.started_ns <= high}
        """Bookings of which a cancel may have been carried out before the instant."""


def _absent(write: _Write, row: _Row | None, told: _Told, *, keeps_cancelled: bool) -> str:
    """Why a write that must be there is not; empty if it is."""
    gone = not keeps_cancelled and (write.franchise, write.booking) in told.cancelled_by_then
    match write.action:
        case "create":
            if row is None:
                return "" if gone else "acknowledged before the target, but not in the restored database"
            if _other(row.key, write.key):
                return "acknowledged before the target, but the restored row of this ID is another booking's"
        case "cancel":
            if row is not None and row.status != CANCELLED:
                return "cancelled before the target, but not cancelled in the restored database"
        case "reschedule":
            if row is not None and 0 <= row.version < write.version:
                return "moved before the target, but not moved in the restored database"
    return ""


def _too_new(write: _Write, row: _Row | None, told: _Told, keys: set[str]) -> str:
    """Why a write that must not be there is there; empty if it is not."""
    match write.action:
        case "create":
            if isinstance(write.key, str) and write.key in keys:
                return "requested only after the target, but in the restored database"
            if write.ok and row is not None and not _other(row.key, write.key):
                return "requested only after the target, but in the restored database"
        case "cancel":
            if row is not None and row.status == CANCELLED and (write.franchise, write.booking) not in told.cancelled_by_then:
                return "cancelled only after the target, but cancelled in the restored database"
        case "reschedule":
            if row is not None and write.version >= 0 and row.version >= write.version:
                return "moved only after the target, but moved in the restored database"
    return ""


def _other(kept: object, sent: object) -> bool:
    return isinstance(kept, str) and isinstance(sent, str) and kept != sent


def _by_booking(bookings: pd.DataFrame) -> dict[tuple[int, int], _Row]:
    columns = zip(
        ints(bookings["franchise"], -1).tolist(),
        ints(bookings["booking"], -1).tolist(),
        ints(bookings["version"], -1).tolist(),
        bookings["status"].astype(str),
        bookings["key"],
        strict=True,
    )
    return {
        (franchise, booking): _Row(position, version, status, key)
        for position, (franchise, booking, version, status, key) in enumerate(columns)
    }


def _pairs(restored: pd.DataFrame, final: pd.DataFrame | None) -> list[tuple[int, int]]:
    """Positions of a restored row and of the same booking in the final state, where both are of one version."""
    if final is None:
        return []
    there = _by_booking(final)
    return [
        (row.position, other.position)
        for name, row in _by_booking(restored).items()
        if (other := there.get(name)) is not None and row.version >= 0 and other.version == row.version
    ]


def _different(restored: pd.DataFrame, final: pd.DataFrame | None, pairs: list[tuple[int, int]]) -> list[Witness]:
    if final is None:
        return []
    found: list[Witness] = []
    names = (*COMPARED, "status")
    columns = [(_plain(restored, name), _plain(final, name)) for name in names]
    for mine, theirs in pairs:
        wrong = [name for name, (here, there) in zip(names, columns, strict=True) if here[mine] != there[theirs]]
        if wrong:
            one, other = booking_at(restored, mine), booking_at(final, theirs)
            found.append(
                BookingWitness(
                    f"the restored row differs from the same version in the final state: {', '.join(_told(one, other, wrong))}", one
                )
            )
    return found


def _plain(rows: pd.DataFrame, name: str) -> list[object]:
    """A column as plain values; ``None`` where one is missing."""
    values = rows[name].astype(object)
    return values.where(values.notna(), None).tolist()


def _told(one: Booking, other: Booking, names: list[str]) -> list[str]:
    return [f"{name} is {getattr(one, name)!r}, not {getattr(other, name)!r}" for name in names]


def _witness(operations: pd.DataFrame, writes: Table, restored: pd.DataFrame, wrong: _Wrong) -> Witness:
    position: Any = writes["position"].iloc[wrong.index]
    shown = None if wrong.row is None else booking_at(restored, wrong.row.position)
    return LostWriteWitness(wrong.why, operation_at(operations, int(position)), effect_at(writes, wrong.index), shown)


def _first_and_last(found: list[_Wrong]) -> list[_Wrong]:
    ordered = sorted(found, key=lambda each: each.at_ns)
    return [ordered[0], ordered[-1]] if len(ordered) > 1 else ordered
