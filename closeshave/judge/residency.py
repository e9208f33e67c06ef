"""Residency: rows of a region whose data must stay in it, found where they were kept outside.

A row lives where its shard does: with the primary, and with the standby that replicates it. So a booking of a resident franchise is a breach on
any shard of which one of the two stands abroad, whoever wrote it there, during a fail-over too: rows do not move back by themselves.
"""

from __future__ import annotations

import numpy as np

from closeshave.judge.columns import ints
from closeshave.judge.dossier import Dossier
from closeshave.judge.finding import Finding, unknown
from closeshave.judge.witness import first_and_worst, row

NAME = "residency_breaches"


def breaches(dossier: Dossier) -> Finding:
    """Bookings of resident franchises on shards that stand, wholly or in part, outside their region."""
    final, topology = dossier.case.history.bookings, dossier.case.history.manifest.topology
    if final is None:
        return unknown(NAME, "the final state of bookings is missing")
    if not topology.resident:
        return unknown(NAME, "no franchise of this environment is bound to its region")
    found_on, franchise = ints(final["found_on"], -1), ints(final["franchise"], -1)
    resident, guilty = np.zeros(len(final), dtype=np.bool_), np.zeros(len(final), dtype=np.bool_)
    for home in topology.shards:
        if home.home not in topology.resident:
            continue
        inside = [shard.id for shard in topology.shards if {shard.home, shard.standby} == {home.home}]
        own = (franchise >= home.first) & (franchise <= home.last)
        resident |= own
        guilty |= own & ~np.isin(found_on, inside)
    what = "bookings of franchises that are bound to their region are kept outside it"
    order = ints(final["booking"], -1)
    witnesses = tuple(row(final, place, what) for place in first_and_worst(guilty, order, order, found_on))
    return Finding(NAME, int(np.count_nonzero(guilty)), int(np.count_nonzero(resident)), what, witnesses)
