"""What became of every write: each effect beside its operation and beside the row that the final state holds of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from closeshave.history import EFFECTS, Outcome
from closeshave.judge.columns import Flags, Ints, equal, ints, member
from closeshave.judge.witness import plain

if TYPE_CHECKING:
    from closeshave.judge.case import Case

MUTATING = ("create", "cancel", "reschedule")
"""Actions that change a booking."""
CANCELLED = "cancelled"
"""The status of a booking that holds its slot no more."""


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes of a run and their fate. The masks lie parallel to ``rows``."""

    rows: pd.DataFrame
    """Effects that change a booking, with ``position`` (of the operation), ``outcome``, ``started_ns``, ``ended_ns`` and ``final`` (position of
    the booking's row in the final state, -1 for none), ordered by start."""
    absent: Flags
    """Acknowledged, but the final state does not show it."""
    excused: Flags
    """Absent creates whose booking was, or may have been, cancelled: nobody misses it."""
    unread: Flags
    """Of a shard or a customer whose bookings could not be read back: nobody knows what became of it."""
    keeps_cancelled: bool
    """The final state holds cancelled bookings too, so that their absence is evidence."""

    def ok(self, action: str) -> Flags:
        """Acknowledged writes of one action."""
        return equal(self.rows["action"], action) & equal(self.rows["outcome"], Outcome.OK)

    @property
    def lost(self) -> Flags:
        """Acknowledged, missing, and not because it was cancelled."""
        return self.absent & ~self.excused

    @property
    def vanished(self) -> Flags:
        """Acknowledged and missing, as a fail-over loses it: a cancelled booking's row too, where cancelled rows are otherwise kept.

        A canary cancels its bookings soon. Were they all excused, a primary that takes its last second with it would seem to lose nothing.
        """
        return self.absent if self.keeps_cancelled else self.lost


def joined(case: Case, actions: tuple[str, ...]) -> pd.DataFrame:
    """The effects of these actions beside their operations, in an order that does not depend on the files'."""
    effects = case.history.effects
    return beside(case, effects[member(effects["action"], actions)])


def beside(case: Case, effects: pd.DataFrame) -> pd.DataFrame:
    """These effects beside their operations, ordered by start."""
    ids = case.ids
    order = None if case.in_order else np.argsort(ids, kind="stable")
    at = np.searchsorted(ids, effects["operation"].to_numpy(), sorter=order).clip(max=max(0, len(ids) - 1))
    position = at if order is None or not len(ids) else order[at]
    known = ids[position] == effects["operation"].to_numpy() if len(ids) else np.zeros(len(effects), dtype=np.bool_)
    rows, position = effects[known].copy(), position[known]
    rows["position"] = position
    rows["outcome"] = case.operations["outcome"].iloc[position].to_numpy()
    rows["started_ns"] = case.started_ns[position]
    rows["ended_ns"] = case.ended_ns[position]
    return rows.sort_values(["started_ns", "operation", "action"], kind="stable").reset_index(drop=True)


def effect(rows: pd.DataFrame, index: int) -> dict[str, Any]:
    """The effect at ``index`` of joined rows as its recorder wrote it, for a witness: positions in files prove nothing."""
    return plain(rows[EFFECTS.names], index)


def fate(case: Case) -> Writes:
    """Look up every write in the final state. Raises :class:`ValueError` when there is none."""
    final = case.final
    if final is None:
        raise ValueError("the final state of bookings is missing")
    rows = joined(case, MUTATING)
    unread = case.unread_of(rows)
    rows["final"] = _found(rows, final)
    ok = equal(rows["outcome"], Outcome.OK)
    created = ok & equal(rows["action"], "create")
    absent = ((created & (rows["final"].to_numpy() < 0)) | (ok & _undone(rows, final))) & ~unread
    may_be_cancelled = rows[equal(rows["action"], "cancel") & ~equal(rows["outcome"], Outcome.FAIL)]
    excused = created & absent & among(rows, may_be_cancelled)
    return Writes(rows, absent, excused, unread, keeps_cancelled=bool(equal(final["status"], CANCELLED).any()))


def among(rows: pd.DataFrame, others: pd.DataFrame) -> Flags:
    """Which ``rows`` are of a booking that ``others`` know. A booking is its franchise and its ID: IDs may repeat between shards."""
    if not len(others):
        return np.zeros(len(rows), dtype=np.bool_)
    own = pd.MultiIndex.from_arrays([ints(rows["franchise"], -1), ints(rows["booking"], -1)])
    theirs = pd.MultiIndex.from_arrays([ints(others["franchise"], -1), ints(others["booking"], -1)])
    return np.asarray(own.isin(theirs)) & (ints(rows["booking"], -1) >= 0)


def _found(rows: pd.DataFrame, final: pd.DataFrame) -> Ints:
    """Position of each write's booking in the final state; by the booking's ID where an answer told it, else by the key that was sent."""
    final = final.assign(place=np.arange(len(final)))
    by_id = final.sort_values(["franchise", "booking", "found_on", "place"]).drop_duplicates(["franchise", "booking"])
    named = rows[["franchise", "booking"]].merge(by_id[["franchise", "booking", "place", "key"]], how="left", on=["franchise", "booking"])
    place = ints(named["place"].astype("Int64"), -1)
    # After a fail-over that lost writes, a sequence may hand out the lost booking's ID again: the key tells whose row it is.
    other = (named["key"].notna() & rows["key"].notna() & (named["key"] != rows["key"])).to_numpy(dtype=np.bool_)
    place[other & equal(rows["action"], "create")] = -1
    unnamed = (ints(rows["booking"], -1) < 0) & equal(rows["action"], "create")
    wanted = rows["key"][unnamed].dropna()
    if len(wanted):
        keyed = final[final["key"].isin(wanted)].sort_values(["key", "found_on", "place"]).drop_duplicates("key").set_index("key")["place"]
        place[unnamed] = ints(rows["key"][unnamed].map(keyed).astype("Int64"), -1)
    else:
        place[unnamed] = -1
    return place


def _undone(rows: pd.DataFrame, final: pd.DataFrame) -> Flags:
    """Cancels and reschedules that the final state contradicts. Where the booking itself is gone its create says so, and not these."""
    place = rows["final"].to_numpy()
    there = place >= 0
    if not len(final):
        return np.zeros(len(rows), dtype=np.bool_)
    row = final.iloc[np.maximum(place, 0)]
    alive = ~equal(row["status"], CANCELLED)
    cancel = equal(rows["action"], "cancel") & there & alive
    told, kept = ints(rows["version"], -1), ints(row["version"], -1)
    versioned = (told >= 0) & (kept >= 0)
    # Without versions only a booking that was moved once can be judged: of two moves nobody knows which came last.
    moving = equal(rows["action"], "reschedule") & ~equal(rows["outcome"], Outcome.FAIL)
    moves = rows[moving].groupby(["franchise", "booking"], observed=True)["operation"].transform("size").reindex(rows.index).to_numpy()
    elsewhere = ints(rows["starts_at"], -1) != ints(row["starts_at"], -1)
    moved = equal(rows["action"], "reschedule") & there
    undone: Flags = cancel | (moved & versioned & (kept < told)) | (moved & ~versioned & (moves == 1) & elsewhere)
    return undone
