"""The fate of every write: each effect joined with its operation and with its row of the final state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, ints, member
from closeshave.judge.evidence.joins import dense, first_equal, numbers, rows_in
from closeshave.judge.evidence.recorded import Recorded
from closeshave.judge.evidence.rows import Rows, Table
from closeshave.judge.evidence.texts import alike

MUTATING = ("create", "cancel", "reschedule")
"""Actions that change a booking."""
BOOKING = ("booking", "franchise")
"""What tells a booking from all others. The ID first: IDs ascend while a run goes on, so that what is near in time is found nearby."""
CANCELLED = "cancelled"
"""The status of a booking that no longer holds its slot."""
SLOT = ("starts_at", "franchise", "barber")
"""What tells a booking that has neither an ID nor a key from all others."""


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes of a run and their fate. The masks lie parallel to ``rows``."""

    rows: Rows
    """Effects that change a booking, with ``position`` (of the operation), ``outcome``, ``started_ns``, ``ended_ns`` and ``final`` (position of
    the booking's row in the final state, -1 for none), ordered by start."""
    absent: Flags
    """Acknowledged, but the final state does not show it."""
    excused: Flags
    """Absent creates whose booking was, or may have been, cancelled: the final state need not show it."""
    unread: Flags
    """Writes at a shard, or of a customer, whose bookings could not be read back: their fate is unknown."""
    same: Flags
    """Writes whose row of the final state was found by the booking's ID and has the key that was sent."""
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


def joined(evidence: Recorded, actions: tuple[str, ...]) -> Rows:
    """The effects of these actions joined with their operations, in an order that does not depend on the order in the files."""
    return with_operations(evidence, member(evidence.history.effects["action"], actions))


def with_operations(evidence: Recorded, chosen: Flags) -> Rows:
    """These effects joined with their operations, ordered by start."""
    order = evidence.order
    mine = chosen[order.effect]
    return evidence.joined_at(order.effect, order.position) if mine.all() else evidence.joined_at(order.effect[mine], order.position[mine])


def fate(evidence: Recorded) -> Writes:
    """Look up every write in the final state. Raises :class:`ValueError` when there is none."""
    final = evidence.final
    if final is None:
        raise ValueError("the final state of bookings is missing")
    rows = joined(evidence, MUTATING)
    unread = evidence.unread_of(rows)
    place, same = _found(rows, final)
    rows = rows.assign(final=place)
    ok = equal(rows["outcome"], Outcome.OK)
    created = ok & equal(rows["action"], "create")
    absent = ((created & (place < 0)) | (ok & _undone(rows, final))) & ~unread
    may_be_cancelled = rows[equal(rows["action"], "cancel") & ~equal(rows["outcome"], Outcome.FAIL)]
    excused = created & absent
    excused[excused] = among(rows[excused], may_be_cancelled) | _at_one_slot(rows[excused], may_be_cancelled)
    return Writes(rows, absent, excused, unread, same, keeps_cancelled=bool(equal(final["status"], CANCELLED).any()))


def among(rows: Table, others: Table) -> Flags:
    """Which ``rows`` are of a booking that is also in ``others``. A booking is identified by franchise and ID, because IDs may repeat between shards."""
    if not len(rows) or not len(others):
        return np.zeros(len(rows), dtype=np.bool_)
    return rows_in(numbers(rows, *BOOKING), numbers(others, *BOOKING)) & (ints(rows["booking"], -1) >= 0)


def _at_one_slot(rows: Table, others: Table) -> Flags:
    """Which ``rows`` without an ID are of the slot of one of ``others`` without an ID: a platform that tells no IDs is asked to cancel a slot."""
    if not len(rows) or not len(others):
        return np.zeros(len(rows), dtype=np.bool_)
    nameless, theirs = (filled(each, "starts_at", "barber") & ~filled(each, "booking") for each in (rows, others))
    found = np.zeros(len(rows), dtype=np.bool_)
    found[nameless] = rows_in(numbers(rows[nameless], *SLOT), numbers(others[theirs], *SLOT)) if nameless.any() and theirs.any() else False
    return found


def keyed(rows: Rows) -> Flags:
    """Which rows have a key. Block by block, because the keys of all writes need as much memory as everything else of them."""
    return blocks.mask(len(rows), lambda part: filled(rows.take(np.arange(part.start, part.stop)), "key"))


def retold(evidence: Recorded, rows: Rows) -> int:
    """How many of these rows, which all have a key, have that of an earlier one."""
    some = alike(evidence.hashes_of(rows))
    return len(some) - int(rows.take(some)["key"].nunique())


def _found(rows: Rows, final: pd.DataFrame) -> tuple[Ints, Flags]:
    """Position of each write's booking in the final state: found by the booking's ID where an answer gave it, else by the key that was sent. And which
    of those that were found by ID have the same key there."""
    last = np.iinfo(np.int64).max
    # Of several rows of one booking the one on the first shard counts.
    place = first_equal(numbers(rows, *BOOKING), numbers(final, *BOOKING), ints(final["found_on"], last))
    # After a fail-over that lost writes, a sequence may hand out the lost booking's ID again: the key tells whose row it is.
    create = equal(rows["action"], "create")
    same = np.zeros(len(rows), dtype=np.bool_)
    known = np.flatnonzero(create & (place >= 0))

    def compared(part: slice) -> tuple[Ints, Ints]:
        """Of these writes: those whose row has the same key, and those whose row has another one."""
        mine = known[part]
        kept, sent = final["key"].array.take(place[mine]), rows.take(mine)["key"].array
        both = ~np.asarray(kept.isna()) & ~np.asarray(sent.isna())
        other = np.zeros(len(mine), dtype=np.bool_)
        other[both] = np.asarray(kept[both] != sent[both], dtype=np.bool_)
        return mine[both & ~other], mine[other]

    for confirmed, another in blocks.each(len(known), compared):
        same[confirmed] = True
        place[another] = -1
    nameless = ints(rows["booking"], -1) < 0
    place[nameless] = -1
    same[nameless] = False
    unnamed = np.flatnonzero(nameless & create)
    with_key = filled(rows.take(unnamed), "key")
    if with_key.any():
        _by_key(rows, final, unnamed[with_key], place)
    # Last: which rows have another create of their own is known by then.
    _by_slot(rows, final, unnamed[~with_key], place)
    return place, same


def _by_key(rows: Rows, final: pd.DataFrame, unnamed: Ints, place: Ints) -> None:
    """Find creates that have no ID by the key that was sent. Of several rows of one key the one on the first shard counts."""
    last, shard = np.iinfo(np.int64).max, final["found_on"]
    wanted = rows.take(unnamed)["key"]
    by_shard = np.flatnonzero(final["key"].isin(wanted).to_numpy(dtype=np.bool_))
    by_shard = by_shard[np.argsort(ints(shard.iloc[by_shard], last), kind="stable")[::-1]]
    codes, keys = pd.factorize(pd.concat([wanted, final["key"].iloc[by_shard]]))
    places = np.full(len(keys), -1, dtype=np.int64)
    places[codes[len(unnamed) :]] = by_shard
    place[unnamed] = places[codes[: len(unnamed)]]


def _by_slot(rows: Rows, final: pd.DataFrame, some: Ints, place: Ints) -> None:
    """Find acknowledged creates that have neither ID nor key by their slot: nothing else tells whose row it is."""
    some = some[filled(rows.take(some), "starts_at", "barber") & equal(rows.take(some)["outcome"], Outcome.OK)] if len(some) else some
    if not len(some):
        return
    # Of several rows of one slot that of a booking that stands counts.
    cancelled = equal(final["status"], CANCELLED).astype(np.int64)
    place[some] = first_equal(numbers(rows.take(some), *SLOT), numbers(final, *SLOT), cancelled)
    place[_too_many(rows, final, some, place)] = -1


def _too_many(rows: Rows, final: pd.DataFrame, some: Ints, place: Ints) -> Ints:
    """Of these creates, which were found by their slots: those that have no row of their own, because a slot has fewer rows than bookings. The last ones
    keep theirs: a booking that was lost was made before the one that took its slot.

    Where bookings without an ID were moved it is not known which, so none is too many.
    """
    some = some[place[some] >= 0]
    moved = np.flatnonzero(equal(rows["action"], "reschedule") & ~equal(rows["outcome"], Outcome.FAIL) & ~filled(rows, "booking"))
    if len(moved) and len(some):
        barber = ("franchise", "barber")
        some = some[~rows_in(numbers(rows.take(some), *barber), numbers(rows.take(moved), *barber))]
    if not len(some):
        return some
    both = [np.concatenate(pair) for pair in zip(numbers(rows.take(some), *SLOT), numbers(final, *SLOT), strict=True)]
    slot = dense(*both)
    # Rows that another create of this run has by its ID or its key are not free.
    named = np.unique(place[np.setdiff1d(np.flatnonzero(place >= 0), some)])
    free = np.ones(len(final), dtype=np.bool_)
    free[named] = False
    there = np.bincount(slot[len(some) :][free], minlength=int(slot.max()) + 1)
    mine, ended_ns = slot[: len(some)], rows.take(some)["ended_ns"].to_numpy()
    order = np.lexsort((-ended_ns, mine))
    first = np.concatenate(([True], mine[order][1:] != mine[order][:-1]))
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    without: Ints = some[order[rank >= there[mine[order]]]]
    return without


def _undone(rows: Rows, final: pd.DataFrame) -> Flags:
    """Cancels and reschedules that the final state contradicts. Where the booking itself is missing, only its create counts as lost."""
    undone = np.zeros(len(rows), dtype=np.bool_)
    changing = np.flatnonzero(~equal(rows["action"], "create"))
    if not len(changing):
        return undone
    # Few of all writes change a booking that there is.
    changes = rows.take(changing)
    found = changes["final"].to_numpy() >= 0
    place, action = changes["final"].to_numpy()[found], changes["action"][found]
    cancel = equal(action, "cancel") & ~equal(final["status"].iloc[place], CANCELLED)
    acknowledged, kept = ints(changes["version"], -1)[found], ints(final["version"].iloc[place], -1)
    versioned = (acknowledged >= 0) & (kept >= 0)
    # Without versions only a booking that was moved once can be judged: of two moves it is unknown which came last.
    moving = equal(changes["action"], "reschedule") & ~equal(changes["outcome"], Outcome.FAIL)
    booking = dense(*numbers(changes, *BOOKING))
    moves = np.bincount(booking[moving], minlength=len(changes))[booking[found]] * moving[found]
    elsewhere = ints(changes["starts_at"], -1)[found] != ints(final["starts_at"].iloc[place], -1)
    moved = equal(action, "reschedule")
    undone[changing[found]] = cancel | (moved & versioned & (kept < acknowledged)) | (moved & ~versioned & (moves == 1) & elsewhere)
    return undone
