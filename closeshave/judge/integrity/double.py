"""Double bookings: two bookings of one barber that overlap in time, in the final state or, for a while, in what the platform acknowledged.

Intervals are half-open: a service that ends at 10:30 and one that starts at 10:30 do not overlap. Two services need not start at the same time: a
45-minute service overlaps a 20-minute one that starts half an hour later.

In the history a booking is *held* from the arrival of its acknowledgement to the sending of the first cancel or move that was not refused. Both ends are
on the safe side: before the first, the customer had no promise; after the second, the platform may correctly have given the slot to another customer.
Two customers who held overlapping slots at the same instant were both promised the same barber, even if one of the bookings was cancelled later and the
final state is correct.

Barbers are identified by franchise and ID, since shards may use the same IDs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from closeshave.history import Booking, Effect, Outcome
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, ints, one_of
from closeshave.judge.evidence.holding import earliest, of_same_booking
from closeshave.judge.evidence.joins import ascending, dense
from closeshave.judge.evidence.rows import Rows, Table
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.evidence.witness import booking_at, effect_at
from closeshave.judge.evidence.writes import CANCELLED
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import OverlapWitness
from closeshave.plurals import counted, plural

CONFLICTS = (400, 409)
"""HTTP statuses of refusals whose reason may be the slot."""
Pair = tuple[int, int]
"""Positions of two bookings that overlap, the earlier slot first."""


def double_booked(analysis: Analysis) -> Finding:
    """Pairs of overlapping bookings, each counted once even if it is both in the final state and in the history.

    Writes that a fault's loss objective judges are left out: their slots were free to be booked again.
    """
    final = analysis.evidence.final
    if final is None:
        raise ValueError("the final state of bookings is missing")
    standing = ~equal(final["status"], CANCELLED)
    # What does not say whose slot it takes, and which, overlaps nothing and is no evidence either.
    told = filled(final, "barber", "starts_at", "minutes")
    alive = Rows([(final, np.flatnonzero(standing & told))], analysis.evidence.history.room)
    untold = int(np.count_nonzero(standing & ~told))
    held = analysis.holdings
    found = {_names(alive, pair): _witness(alive, pair, booking_at, "both are in the final state") for pair in overlapping(alive)}
    # Two rows of the final state need no history to fail; of two bookings in the history a cancel may be unrecorded.
    doubt = "" if found else analysis.incomplete
    for pair in overlapping(held, held_ns=True):
        found.setdefault(_names(held, pair), _witness(held, pair, effect_at, "both were acknowledged and held at the same time"))
    ordered = [found[names] for names in sorted(found)]
    shown = []
    if ordered:
        first = min(ordered, key=_starts_at)
        worst = max(ordered, key=lambda witness: (witness.overlap_minutes, -_starts_at(witness)))
        shown = [first] if first is worst else [first, worst]
    chances = int(np.count_nonzero(contests(analysis)))
    exposure = Exposure(chances, f"{plural(chances, 'contest', 'contests')} for a slot{_habit(analysis)}")
    what = plural(len(found), "pair of bookings of one barber overlaps", "pairs of bookings of one barber overlap")
    whose = counted(
        untold,
        "booking read back does not say its barber, its time or its length",
        "bookings read back do not say their barber, time or length",
    )
    gap = f"{whose}, so it is unknown whether {plural(untold, 'it overlaps', 'they overlap')} another one" if untold else ""
    return Finding("double_booked", len(found), len(alive) + len(held), what, tuple(shown), doubt=doubt, exposure=exposure, gap=gap)


def contests(analysis: Analysis) -> Flags:
    """Over ``writes.rows``: answered requests for a slot that another session held, or had already requested.

    Of two requests at the same time the later one counts: only granting it too would be a double booking. A request that was refused for another
    reason than the slot (a rate limit, no connection) does not count, nor does a retry with the same key.
    """
    writes = analysis.writes
    rows = writes.rows
    status = analysis.evidence.status[rows["position"].to_numpy()]
    failed = equal(rows["outcome"], Outcome.FAIL)
    asks = (equal(rows["action"], "create") | equal(rows["action"], "reschedule")) & ~(failed & ~one_of(status, CONFLICTS))
    asks &= filled(rows, "barber", "starts_at", "minutes")
    found = np.zeros(len(rows), dtype=np.bool_)
    places = np.flatnonzero(asks)
    group = dense(ints(rows["franchise"], -1)[places], ints(rows["barber"], -1)[places])
    start = ints(rows["starts_at"], 0)[places]
    end = start + 60 * ints(rows["minutes"], 0)[places]
    order = ascending(group, start, end)
    order = order[_touching(group[order], start[order], end[order])]
    if not len(order):
        return found
    places, group, start, end = places[order], group[order], start[order], end[order]
    asking = rows.take(places)
    begun = asking["started_ns"].to_numpy()
    over = np.where(failed[places], asking["ended_ns"].to_numpy(), _released(rows, places))
    answered = ~equal(asking["outcome"], Outcome.INFO)
    session = pd.factorize(asking["session"])[0].astype(np.int64)
    key = pd.factorize(asking["key"])[0].astype(np.int64)
    name = ints(asking["operation"], -1)
    bounds = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1], [True])))
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        here = slice(low, high)
        for index in range(low, high):
            if not answered[index]:
                continue
            other = (start[here] < end[index]) & (start[index] < end[here])
            other &= (begun[here] < begun[index]) | ((begun[here] == begun[index]) & (name[here] < name[index]))
            other &= over[here] > begun[index]
            other &= (session[here] != session[index]) | (session[here] < 0)
            other &= (key[here] != key[index]) | (key[here] < 0)
            found[places[index]] = bool(other.any())
    return found


def _released(rows: Rows, asking: Ints) -> Ints:
    """When the first cancel or move of each booking was sent that was not refused: until then the booking existed, if it was made."""
    releasing = np.flatnonzero(~equal(rows["action"], "create") & ~equal(rows["outcome"], Outcome.FAIL) & filled(rows, "booking"))
    one, by = of_same_booking(rows, asking, releasing)
    started_ns = rows["started_ns"].to_numpy()
    sent_ns = started_ns[releasing[by]]
    later = sent_ns >= started_ns[asking[one]]
    return earliest(len(asking), one[later], sent_ns[later], NEVER_NS)


def _habit(analysis: Analysis) -> str:
    """Why no customer requested a slot, if it can be known: all lists of free times were empty."""
    evidence = analysis.evidence
    writes = analysis.writes.rows
    if bool(evidence.customers[writes["position"].to_numpy()][equal(writes["action"], "create")].any()):
        return ""
    effects = evidence.history.effects
    lists = effects["read_values"][equal(effects["action"], "offer")].dropna()
    empty = len(lists) and not (lists != "[]").any()
    every = "the only list of free times was empty" if len(lists) == 1 else f"all {counted(len(lists), 'list')} of free times were empty"
    return f": customers booked nothing, and {every}" if empty else ": customers booked nothing"


def overlapping(rows: Table, *, held_ns: bool = False) -> list[Pair]:
    """Pairs of rows (positions) of different bookings of one barber whose slots overlap; with ``held_ns`` only those held at one instant."""
    group = dense(ints(rows["franchise"], -1), ints(rows["barber"], -1))
    start = ints(rows["starts_at"], 0)
    end = start + 60 * ints(rows["minutes"], 0)
    booking = ints(rows["booking"], -1)
    # The same instant for all, where only the slot matters.
    begun, over = (
        (ints(rows["from_ns"], 0), ints(rows["until_ns"], 0))
        if held_ns
        else (np.broadcast_to(np.int64(0), len(rows)), np.broadcast_to(np.int64(NEVER_NS), len(rows)))
    )
    order = ascending(group, start, end, begun, booking)
    order = order[_touching(group[order], start[order], end[order])]
    return _sweep(order, group, start, end, booking, begun, over)


def _touching(group: Ints, start: Ints, end: Ints) -> Flags:
    """Of slots ordered by barber and start: those that overlap another one, which are none if all is well."""
    touching = np.zeros(len(group), dtype=np.bool_)
    if len(group) < 2:
        return touching
    # Shifted by barber, so that one running maximum serves all of them.
    lowest = int(start.min())
    span = int(end.max()) - lowest + 1
    reach = np.maximum.accumulate(end - lowest + group * span)
    later = reach[:-1] > (start - lowest + group * span)[1:]
    touching[1:] |= later
    touching[:-1] |= (group[:-1] == group[1:]) & (start[1:] < end[:-1])
    return touching


def _sweep(order: Ints, group: Ints, start: Ints, end: Ints, booking: Ints, begun: Ints, over: Ints) -> list[Pair]:
    """Go through the few candidates by start of slot, and compare each with the slots that have not ended by then."""
    found: list[Pair] = []
    open_: list[int] = []
    barber = -1
    for index in order.tolist():
        if group[index] != barber:
            barber, open_ = int(group[index]), []
        open_ = [other for other in open_ if end[other] > start[index]]
        found += [
            (other, index)
            for other in open_
            if booking[other] != booking[index] and begun[other] < over[index] and begun[index] < over[other]
        ]
        open_.append(index)
    return found


def _names(rows: Table, pair: Pair) -> tuple[tuple[int, int], tuple[int, int]]:
    first, second = sorted((int(rows["franchise"].iloc[place]), int(rows["booking"].iloc[place])) for place in pair)
    return first, second


def _witness(rows: Table, pair: Pair, row: Callable[[Table, int], Booking | Effect], why: str) -> OverlapWitness:
    one, two = (row(rows, place) for place in pair)
    starts_at, ends_at = _slot(two)
    overlap_s = min(_slot(one)[1], ends_at) - starts_at
    slot = datetime.fromtimestamp(starts_at, UTC).isoformat()
    return OverlapWitness(f"{why}: barber {two.barber} at {slot}", two, slot, overlap_s / 60, one)


def _starts_at(witness: OverlapWitness) -> int:
    return _slot(witness.booking)[0]


def _slot(row: Booking | Effect) -> tuple[int, int]:
    """Start and end, in seconds since the epoch. Rows without them overlap nothing."""
    assert row.starts_at is not None
    assert row.minutes is not None
    return row.starts_at, row.starts_at + 60 * row.minutes
