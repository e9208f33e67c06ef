"""Residency: rows and cache entries whose data must stay in a region, and that were found outside it.

A row is stored where its shard is: at the primary and at the standby. So a booking of a resident franchise is a breach on any shard with one of the
two in another region, even if it was written during a fail-over: rows do not move back by themselves. If the members themselves were read, they show
where the shard is and how many of the region's shops they hold; otherwise the environment's file tells where it is. A cache entry is stored on the
node that was found to hold it, even if that is a replica.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.history import History
from closeshave.judge.evidence.columns import Flags, Ints, ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.witness import booking_at, cache_entry_at, first_and_worst, placement_at
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import BookingWitness, CacheEntryWitness, PlacementWitness, Witness
from closeshave.plurals import plural
from closeshave.topology import Shard

NAME = "residency_breaches"


@dataclass(frozen=True, slots=True)
class ResidencyCount:
    """One kind of data: how many rows or entries were checked, how many are outside their region, and the first and worst of these."""

    looked_at: int
    abroad: int
    witnesses: tuple[Witness, ...] = ()


def breaches(analysis: Analysis) -> Finding:
    """Bookings, shops and cache entries of resident franchises that are stored, wholly or in part, outside their region."""
    history = analysis.evidence.history
    final = analysis.evidence.final
    if final is None:
        return unknown(NAME, "the final state of bookings is missing")
    if why := unbound(analysis.evidence):
        return unknown(NAME, why)
    found = (_bookings(history, final), _shops(history.placements), _entries(history, history.cache_entries))
    abroad = sum(kept.abroad for kept in found)
    if not abroad and history.manifest.looked_inside and (history.placements is None or history.cache_entries is None):
        return unknown(NAME, "the content of the caches or of the database members is missing from the final state")
    what = plural(
        abroad,
        "row or cache entry of a franchise that is bound to its region is kept outside it",
        "rows or cache entries of franchises that are bound to their region are kept outside it",
    )
    witnesses = tuple(witness for kept in found for witness in kept.witnesses)
    looked_at = sum(kept.looked_at for kept in found)
    exposure = Exposure(
        looked_at,
        plural(
            looked_at,
            "row or cache entry of a franchise that is bound to its region",
            "rows and cache entries of franchises that are bound to their region",
        ),
    )
    return Finding(NAME, abroad, looked_at, what, witnesses, exposure=exposure)


def unbound(evidence: Evidence) -> str:
    """Why there is nothing to search for; empty if the data of a region must stay there."""
    return "" if evidence.history.manifest.topology.resident else "no franchise of this environment is bound to its region"


def _bound(history: History) -> Iterator[Shard]:
    topology = history.manifest.topology
    return (shard for shard in topology.shards if shard.home in topology.resident)


def _bookings(history: History, final: pd.DataFrame) -> ResidencyCount:
    found_on, franchise = ints(final["found_on"], -1), ints(final["franchise"], -1)
    resident, guilty = np.zeros(len(final), dtype=np.bool_), np.zeros(len(final), dtype=np.bool_)
    stands = {shard.id: _stands(history, shard) for shard in history.manifest.topology.shards}
    for shard in _bound(history):
        inside = [number for number, regions in stands.items() if regions == {shard.home}]
        own = _of(shard, franchise)
        resident |= own
        guilty |= own & ~np.isin(found_on, inside)
    order = ints(final["booking"], -1)
    why = "a booking of a franchise that is bound to its region, on a shard with a member outside it"
    witnesses = tuple(BookingWitness(why, booking_at(final, place)) for place in first_and_worst(guilty, order, order, found_on))
    return ResidencyCount(int(np.count_nonzero(resident)), int(np.count_nonzero(guilty)), witnesses)


def _shops(placements: pd.DataFrame | None) -> ResidencyCount:
    if placements is None:
        return ResidencyCount(0, 0)
    rows = placements.sort_values(["member", "resident"], kind="stable").reset_index(drop=True)
    held, order = ints(rows["franchises"], 0), np.arange(len(rows))
    guilty = (held > 0) & (rows["region"] != rows["resident"]).to_numpy(dtype=np.bool_)
    why = "a database member outside the region holds shops that are bound to it"
    witnesses = tuple(PlacementWitness(why, placement_at(rows, place)) for place in first_and_worst(guilty, order, held, order))
    return ResidencyCount(int(held.sum()), int(held[guilty].sum()), witnesses)


def _entries(history: History, entries: pd.DataFrame | None) -> ResidencyCount:
    if entries is None:
        return ResidencyCount(0, 0)
    rows = entries.sort_values(["franchise", "store", "key"], kind="stable").reset_index(drop=True)
    franchise, order = ints(rows["franchise"], -1), np.arange(len(rows))
    resident, guilty = np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
    for shard in _bound(history):
        own = _of(shard, franchise)
        resident |= own
        guilty |= own & (rows["region"] != shard.home).to_numpy(dtype=np.bool_)
    why = "a cache outside the region holds an entry of a franchise that is bound to it"
    witnesses = tuple(CacheEntryWitness(why, cache_entry_at(rows, place)) for place in first_and_worst(guilty, order, order, order))
    return ResidencyCount(int(np.count_nonzero(resident)), int(np.count_nonzero(guilty)), witnesses)


def _of(shard: Shard, franchise: Ints) -> Flags:
    return (franchise >= shard.first) & (franchise <= shard.last)


def _stands(history: History, shard: Shard) -> set[str]:
    """The regions of the shard's members: as found, or as declared where they could not be asked."""
    placements = history.placements
    found = set() if placements is None else set(placements["region"][ints(placements["shard"], -1) == shard.id])
    return found or {shard.home, *shard.standbys}
