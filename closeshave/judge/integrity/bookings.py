"""Bookings that are lost, that no customer requested, or that are on the wrong shard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.joins import dense, numbers, rows_in
from closeshave.judge.evidence.rows import Rows
from closeshave.judge.evidence.texts import alike, hashes
from closeshave.judge.evidence.witness import booking_at, effect_at, first_and_worst, operation_at
from closeshave.judge.evidence.writes import SLOT, keyed, retold
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import BookingWitness, KeyWitness, LostWriteWitness, Witness
from closeshave.plurals import plural

RATE_LIMITED_STATUS = 429


def lost(analysis: Analysis) -> Finding:
    """Acknowledged writes that the final state does not show, except those that a fault's own loss objective judges."""
    writes = analysis.writes
    guilty = writes.lost & ~analysis.forgiven
    ended = writes.rows["ended_ns"].to_numpy()
    final = _final(analysis)
    witnesses: list[Witness] = []
    for index in first_and_worst(guilty, ended, ended, ints(writes.rows["operation"], -1)):
        place = int(writes.rows["final"].iloc[index])
        request = operation_at(analysis.evidence.operations, int(writes.rows["position"].iloc[index]))
        shown = booking_at(final, place) if place >= 0 else None
        witnesses.append(LostWriteWitness("acknowledged, but not in the final state", request, effect_at(writes.rows, index), shown))
    acknowledged = int(np.count_nonzero(equal(writes.rows["outcome"], Outcome.OK) & ~writes.unread))
    count = int(np.count_nonzero(guilty))
    what = plural(count, "acknowledged write is not in the final state", "acknowledged writes are not in the final state")
    # A cancel that the harness did not record explains a missing row, except where cancelled rows are kept, and it explains no write that was undone.
    doubt = analysis.incomplete if not writes.keeps_cancelled and not (guilty & ~writes.ok("create")).any() else ""
    exposure = Exposure(
        acknowledged, plural(acknowledged, "acknowledged write that was read back", "acknowledged writes that were read back")
    )
    return Finding("lost", count, acknowledged, what, tuple(witnesses), doubt=doubt, exposure=exposure)


def phantom(analysis: Analysis) -> Finding:
    """Bookings of the final state that no customer requested in this run, or whose every request was refused.

    A row belongs to a create if it has the acknowledged ID, the key that was sent, or, where a create got no answer and had no key, the slot. A key
    counts as refused only if all attempts with it were refused: the first may have been carried out although its answer was lost, and the second
    refused for that reason.
    """
    final, rows = _final(analysis), analysis.writes.rows
    possible = np.flatnonzero(equal(rows["action"], "create") & ~equal(rows["outcome"], Outcome.FAIL))
    place = rows["final"].to_numpy()[possible]
    asked = np.zeros(len(final), dtype=np.bool_)
    asked[place[place >= 0]] = True
    # Bookings found by ID need no other proof: to compare keys and slots of a million bookings takes seconds.
    rest = np.flatnonzero(~asked)
    if len(rest):
        keys = final["key"].iloc[rest]
        asked[rest] = keys.isin(_among_keys(rows, possible, keys.dropna())).to_numpy(dtype=np.bool_)
    # A final state that was read through an API may have no keys: then a create without an answer is found by its slot only.
    untold = not final["key"].notna().any()
    nameless = possible[~filled(rows, "booking")[possible]]
    keyless = nameless if untold else nameless[~filled(rows.take(nameless), "key")]
    if len(keyless):
        asked |= rows_in(numbers(final, *SLOT), numbers(rows.take(keyless), *SLOT))
    # Rows without a known birth count as this run's.
    older = (final["created_at"] < analysis.evidence.started_s).to_numpy(dtype=np.bool_)
    guilty = np.asarray(~asked & ~older)
    found = _of_final(
        analysis,
        "phantom",
        guilty,
        "booking in the final state was never requested, or was refused",
        "bookings in the final state were never requested, or were refused",
    )
    return replace(found, doubt=analysis.incomplete, exposure=Exposure(len(final), _read_back(len(final))))


def one_shard(evidence: Evidence) -> str:
    """Why nothing can be misplaced; empty where there are several shards."""
    return "" if len(evidence.history.manifest.topology.shards) > 1 else "there is only one shard, so nothing can be misplaced"


def misplaced(analysis: Analysis) -> Finding:
    """Bookings on a shard that did not hold their franchise when the final state was read."""
    final = _final(analysis)
    right = np.full(len(final), -1, dtype=np.int64)
    for shard in analysis.evidence.history.manifest.topology.shards:
        right[final["franchise"].between(shard.first, shard.last).to_numpy(dtype=np.bool_)] = shard.id
    # The last routing on the timeline was in force when the final state was read; before it, other shards were right.
    for routed in analysis.evidence.history.routings[-1:]:
        for move in routed.moves:
            right[final["franchise"].between(move.first, move.last).to_numpy(dtype=np.bool_)] = move.target
    found_on = ints(final["found_on"], -2)
    found = _of_final(
        analysis,
        "misplaced",
        found_on != right,
        "booking is on a shard that does not hold its franchise",
        "bookings are on a shard that does not hold their franchise",
    )
    known = int(np.count_nonzero(found_on >= 0))
    return replace(found, exposure=Exposure(known, f"{_read_back(known)} whose shard is known"))


def repeated(analysis: Analysis) -> Finding:
    """Keys that made more than one booking, in the final state or in what was acknowledged."""
    final, writes = _final(analysis), analysis.writes
    rows, told = writes.rows, filled(final, "key")
    made = writes.ok("create") & ~analysis.forgiven & keyed(rows)
    # A row that was found by its ID and has the key that was sent says nothing new.
    told[rows["final"].to_numpy()[made & writes.same]] = False
    acknowledged, others = np.flatnonzero(made), np.flatnonzero(told)
    numbers_of = np.concatenate(
        [analysis.evidence.hashes_of(rows.take(acknowledged)), hashes(final["key"].iloc[others], analysis.evidence.history.room)]
    )
    some = alike(numbers_of)
    mine, theirs = acknowledged[some[some < len(acknowledged)]], others[some[some >= len(acknowledged)] - len(acknowledged)]
    both = rows.take(mine), final.iloc[theirs]
    codes, keys = pd.factorize(pd.concat([each["key"] for each in both]))
    franchise, booking = (np.concatenate([ints(each[name], -1) for each in both]) for name in ("franchise", "booking"))
    # Each booking of a key once, however often it was answered.
    _, first = np.unique(dense(codes, franchise, booking), return_index=True)
    # An answer without an ID may be of any of them, and is no booking more.
    first = first[booking[first] >= 0]
    counts = np.bincount(codes[first], minlength=len(keys))
    twice = sorted((str(keys[code]), code) for code in np.flatnonzero(counts > 1).tolist())
    witnesses = tuple(
        KeyWitness(
            "one idempotency key, more than one booking",
            key,
            tuple(sorted(each for each in booking[first[codes[first] == code]].tolist() if each >= 0)),
        )
        for key, code in twice[:2]
    )
    different = len(numbers_of) - len(some) + len(keys)
    retries = _retries(analysis)
    exposure = Exposure(retries, plural(retries, "booking sent again with its key", "bookings sent again with their key"))
    what = plural(len(twice), "idempotency key made more than one booking", "idempotency keys made more than one booking")
    return Finding("idempotency", len(twice), different, what, witnesses, exposure=exposure)


def _retries(analysis: Analysis) -> int:
    """How many attempts repeated a key. An attempt that was not sent, or that a rate limit refused, does not test the key."""
    rows = analysis.writes.rows
    status = analysis.evidence.status[rows["position"].to_numpy()]
    turned_away = (equal(rows["outcome"], Outcome.FAIL) & (status == 0)) | (status == RATE_LIMITED_STATUS)
    asking = equal(rows["action"], "create") & ~turned_away
    return retold(analysis.evidence, rows[asking & keyed(rows)])


def unresolved(analysis: Analysis) -> Finding:
    """Writes whose outcome is unknown and that the final state cannot settle.

    A create without an answer is found by its ID, by its key, or by its slot: if the whole final state is known, the booking is either there or was
    never made. It cannot be found if that state is unknown, or if the request names neither barber nor customer.
    """
    writes = analysis.writes
    rows = writes.rows
    doubtful = equal(rows["outcome"], Outcome.INFO)
    nameless = ~filled(rows, "key") & ~filled(rows, "booking")
    placed = filled(rows, "starts_at") & (filled(rows, "barber") | filled(rows, "client"))
    unsettled = doubtful & equal(rows["action"], "create") & nameless & (writes.unread | ~placed)
    unsettled |= doubtful & ~equal(rows["action"], "create") & ~filled(rows, "booking")
    count = int(np.count_nonzero(unsettled))
    what = plural(
        count,
        "write has an unknown outcome: it got no answer and cannot be found in the final state",
        "writes have an unknown outcome: they got no answer and cannot be found in the final state",
    )
    return Finding("unresolved", count, len(rows), what)


def _read_back(number: int) -> str:
    return plural(number, "booking read back", "bookings read back")


def _final(analysis: Analysis) -> pd.DataFrame:
    final = analysis.evidence.final
    if final is None:
        raise ValueError("the final state of bookings is missing")
    return final


def _among_keys(rows: Rows, places: Ints, wanted: pd.Series) -> pd.Series:
    """Which of the wanted keys the writes at these places have. A set of a million texts takes seconds to build, so the set is built of what is wanted."""
    if not len(wanted):
        return wanted

    def held(part: slice) -> pd.Series:
        keys = rows.take(places[part])["key"]
        found: pd.Series = keys[keys.isin(wanted)]
        return found

    known: pd.Series = pd.concat([wanted[:0], *blocks.each(len(places), held)])
    return known


def _of_final(analysis: Analysis, name: str, guilty: Flags, one: str, many: str) -> Finding:
    """``one`` says what is wrong with a single booking, ``many`` the same of several."""
    final = _final(analysis)
    order, count = ints(final["booking"], -1), int(np.count_nonzero(guilty))
    witnesses = tuple(
        BookingWitness(f"this {one}", booking_at(final, position))
        for position in first_and_worst(guilty, order, order, ints(final["found_on"], -1))
    )
    return Finding(name, count, len(final), plural(count, one, many), witnesses)
