"""The fate of every write: each effect joined with its operation and with its row of the final state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence.columns import Flags, Ints, dense, equal, filled, ints, member
from closeshave.judge.evidence.recorded import Recorded

MUTATING = ("create", "cancel", "reschedule")
"""Actions that change a booking."""
CANCELLED = "cancelled"
"""The status of a booking that no longer holds its slot."""


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes of a run and their fate. The masks lie parallel to ``rows``."""

    rows: pd.DataFrame
    """Effects that change a booking, with ``position`` (of the operation), ``outcome``, ``started_ns``, ``ended_ns`` and ``final`` (position of
    the booking's row in the final state, -1 for none), ordered by start."""
    absent: Flags
    """Acknowledged, but the final state does not show it."""
    excused: Flags
    """Absent creates whose booking was, or may have been, cancelled: the final state need not show it."""
    unread: Flags
    """Writes at a shard, or of a customer, whose bookings could not be read back: their fate is unknown."""
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
        """Acknowledged and missing, as a fail-over loses writes: a cancelled booking's row too, where the platform otherwise keeps cancelled rows.

        A canary cancels its bookings soon. If all of them were excused, a primary that loses its last second of writes would seem to lose nothing.
        """
        return self.absent if self.keeps_cancelled else self.lost


def joined(evidence: Recorded, actions: tuple[str, ...]) -> pd.DataFrame:
    """The effects of these actions joined with their operations, in an order that does not depend on the order in the files."""
    return with_operations(evidence, member(evidence.history.effects["action"], actions))


def with_operations(evidence: Recorded, chosen: Flags) -> pd.DataFrame:
    """These effects joined with their operations, ordered by start."""
    order = evidence.order
    mine = np.flatnonzero(chosen[order.effect])
    # Many a run has no effect of some action, and an empty frame takes as long as a small one.
    return evidence.joined_at(order.effect[mine], order.position[mine]) if len(mine) else evidence.no_effects.copy(deep=False)


def fate(evidence: Recorded) -> Writes:
    """Look up every write in the final state. Raises :class:`ValueError` when there is none."""
    final = evidence.final
    if final is None:
        raise ValueError("the final state of bookings is missing")
    rows = joined(evidence, MUTATING)
    unread = evidence.unread_of(rows)
    rows["final"] = _found(rows, final)
    ok = equal(rows["outcome"], Outcome.OK)
    created = ok & equal(rows["action"], "create")
    absent = ((created & (rows["final"].to_numpy() < 0)) | (ok & _undone(rows, final))) & ~unread
    may_be_cancelled = rows[equal(rows["action"], "cancel") & ~equal(rows["outcome"], Outcome.FAIL)]
    excused = created & absent & among(rows, may_be_cancelled)
    return Writes(rows, absent, excused, unread, keeps_cancelled=bool(equal(final["status"], CANCELLED).any()))


def among(rows: pd.DataFrame, others: pd.DataFrame) -> Flags:
    """Which ``rows`` are of a booking that is also in ``others``. A booking is identified by franchise and ID, because IDs may repeat between shards."""
    if not len(others):
        return np.zeros(len(rows), dtype=np.bool_)
    booking = ints(rows["booking"], -1)
    codes = dense(*(np.concatenate([ints(rows[name], -1), ints(others[name], -1)]) for name in ("franchise", "booking")))
    theirs = np.zeros(len(codes), dtype=np.bool_)
    theirs[codes[len(rows) :]] = True
    return theirs[codes[: len(rows)]] & (booking >= 0)


def _found(rows: pd.DataFrame, final: pd.DataFrame) -> Ints:
    """Position of each write's booking in the final state: found by the booking's ID where an answer gave it, else by the key that was sent."""
    count, last = len(rows), np.iinfo(np.int64).max
    codes = dense(*(np.concatenate([ints(rows[name], -1), ints(final[name], -1)]) for name in ("franchise", "booking")))
    # Of several rows of one booking the one on the first shard counts, so it is written last.
    by_shard = np.argsort(ints(final["found_on"], last), kind="stable")[::-1]
    places = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int64)
    places[codes[count:][by_shard]] = by_shard
    place = places[codes[:count]]
    # After a fail-over that lost writes, a sequence may hand out the lost booking's ID again: the key tells whose row it is.
    create = equal(rows["action"], "create")
    known = np.flatnonzero(create & (place >= 0))
    kept, sent = final["key"].array.take(place[known]), rows["key"].array.take(known)
    both = np.flatnonzero(~np.asarray(kept.isna()) & ~np.asarray(sent.isna()))
    place[known[both[np.asarray(kept[both] != sent[both], dtype=np.bool_)]]] = -1
    unnamed = np.flatnonzero((ints(rows["booking"], -1) < 0) & create)
    place[unnamed] = -1
    unnamed = unnamed[filled(rows, "key")[unnamed]]
    if not len(unnamed):
        return place
    wanted = rows["key"].iloc[unnamed]
    by_shard = by_shard[final["key"].isin(wanted).to_numpy(dtype=np.bool_)[by_shard]]
    codes, keys = pd.factorize(pd.concat([wanted, final["key"].iloc[by_shard]]))
    places = np.full(len(keys), -1, dtype=np.int64)
    places[codes[len(unnamed) :]] = by_shard
    place[unnamed] = places[codes[: len(unnamed)]]
    return place


def _undone(rows: pd.DataFrame, final: pd.DataFrame) -> Flags:
    """Cancels and reschedules that the final state contradicts. Where the booking itself is missing, only its create counts as lost."""
    undone = np.zeros(len(rows), dtype=np.bool_)
    place = rows["final"].to_numpy()
    mine = np.flatnonzero(~equal(rows["action"], "create") & (place >= 0))
    if not len(mine):
        return undone
    place, action = place[mine], rows["action"].iloc[mine]
    cancel = equal(action, "cancel") & ~equal(final["status"].iloc[place], CANCELLED)
    acknowledged, kept = ints(rows["version"].iloc[mine], -1), ints(final["version"].iloc[place], -1)
    versioned = (acknowledged >= 0) & (kept >= 0)
    # Without versions only a booking that was moved once can be judged: of two moves it is unknown which came last.
    moving = equal(rows["action"], "reschedule") & ~equal(rows["outcome"], Outcome.FAIL)
    booking = dense(ints(rows["franchise"], -1), ints(rows["booking"], -1))
    moves = np.bincount(booking[moving], minlength=len(rows))[booking[mine]] * moving[mine]
    elsewhere = ints(rows["starts_at"].iloc[mine], -1) != ints(final["starts_at"].iloc[place], -1)
    moved = equal(action, "reschedule")
    undone[mine] = cancel | (moved & versioned & (kept < acknowledged)) | (moved & ~versioned & (moves == 1) & elsewhere)
    return undone
