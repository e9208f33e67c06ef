"""From when until when each acknowledged slot was certainly held, and which operation released it."""

from __future__ import annotations

import numpy as np

from closeshave.history import Outcome
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled
from closeshave.judge.evidence.joins import numbers, pairs
from closeshave.judge.evidence.rows import Rows, Table
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.evidence.writes import BOOKING, Writes


def holdings(writes: Writes, forgiven: Flags) -> Rows:
    """When each acknowledged slot was certainly held: rows of writes with ``from_ns`` and ``until_ns``."""
    rows = writes.rows
    certain = (writes.ok("create") | writes.ok("reschedule")) & ~forgiven
    held = np.flatnonzero(certain & filled(rows, "booking", "barber", "starts_at", "minutes"))
    from_ns = rows["ended_ns"].to_numpy()[held]
    releasing = np.flatnonzero(~equal(rows["action"], "create") & ~equal(rows["outcome"], Outcome.FAIL) & filled(rows, "booking"))
    one, by = of_same_booking(rows, held, releasing)
    # A move or cancel that was over before this write began released an older slot, not this one. One in flight at the same time may be either.
    later = rows["ended_ns"].to_numpy()[releasing[by]] > rows["started_ns"].to_numpy()[held[one]]
    until_ns = earliest(len(held), one[later], rows["started_ns"].to_numpy()[releasing[by[later]]], NEVER_NS)
    lasting = until_ns > from_ns
    return rows.take(held[lasting]).assign(from_ns=from_ns[lasting], until_ns=until_ns[lasting])


def of_same_booking(rows: Table, own: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Pairs of different writes of one booking, one of ``own`` and one of ``others`` (positions of rows): indices into the two, as parallel arrays."""
    if not len(own) or not len(others):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    names = numbers(rows, *BOOKING)
    one, other = pairs([column[own] for column in names], [column[others] for column in names])
    operation = rows["operation"].to_numpy()
    apart = operation[own[one]] != operation[others[other]]
    return one[apart], other[apart]


def earliest(count: int, places: Ints, instants: Ints, otherwise: int) -> Ints:
    """For each of ``count`` places the earliest of its instants, and ``otherwise`` where there is none."""
    found = np.full(count, otherwise, dtype=np.int64)
    np.minimum.at(found, places, instants)
    return found
