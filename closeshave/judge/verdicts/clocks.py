"""Do the senders' clocks agree? Each booking was stored between its request and its answer, so the database's clock can be compared with each sender's.

For every acknowledged booking: stored ∈ [sent + d, answered + d], where d is how far the database's clock is ahead of the sender's. Many bookings of
one sender give a narrow interval for d (Cristian 1989, the best of many round trips). If the intervals of two senders do not touch, their clocks
differ by at least the gap between the intervals; then every figure that compares their times is in doubt, as recovery and loss do.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import equal, ints
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Status, Verdict

LEAST = 10
"""The least number of bookings of a sender at one shard from which its clock can be compared."""
ALLOWED_S = 0.05
"""Differences below this do not matter: no figure of a run is more exact."""
TRIM = 0.05
"""The share of bookings on either side that may be outliers: a repeated key is answered with the time of the first storing."""


def judge(analysis: Analysis) -> Verdict:
    """The verdict ``clocks``. It does not count for the run's status if no two senders made enough bookings at one shard."""
    bounds = _bounds(analysis)
    gaps = {
        (one, other): max(bounds[one][0] - bounds[other][1], bounds[other][0] - bounds[one][1], 0.0)
        for one, other in combinations(sorted(bounds), 2)
        if one[0] == other[0]
    }
    blank = Verdict(
        id="clocks",
        claims=(),
        status=Status.INCONCLUSIVE,
        measure="clock_offset",
        scope="all",
        measured=None,
        bound=ALLOWED_S,
        unit="s",
        n=len(gaps),
    )
    if not gaps:
        return replace(
            blank,
            gates=False,
            reason=f"no two senders made {LEAST} bookings each at the same shard, which is needed to compare their clocks",
        )
    ((shard, one), (_, other)), gap = max(gaps.items(), key=lambda item: (item[1], item[0]))
    if gap <= ALLOWED_S:
        return replace(blank, status=Status.PASS, measured=gap)
    reason = f"the clocks of {one} and {other} differ by at least {gap:.3f} s, measured by when shard {shard} stored their bookings"
    return replace(blank, measured=gap, reason=reason)


def _bounds(analysis: Analysis) -> dict[tuple[int, str], tuple[float, float]]:
    """By shard and source: the least and the greatest number of seconds by which the database's clock may be ahead of the sender's."""
    evidence, final = analysis.evidence, analysis.evidence.final
    if final is None or not len(final):
        return {}
    anchor = evidence.history.manifest.anchor
    writes = analysis.writes
    rows = writes.rows[writes.ok("create") & (writes.rows["final"].to_numpy() >= 0)]
    positions = rows["position"].to_numpy()
    first = ints(evidence.operations["attempt"], 1)[positions] == 1
    stored = final["created_at"].to_numpy(dtype=np.float64)[rows["final"].to_numpy()]
    sent, answered = ((rows[name].to_numpy() - anchor.monotonic_ns + anchor.wall_ns) / 1e9 for name in ("started_ns", "ended_ns"))
    source, shard = evidence.operations["source"].iloc[positions], ints(rows["shard"], -1)
    found = {}
    for name in sorted(set(source.dropna())):
        for here in sorted(set(pd.unique(shard).tolist())):
            # Not every platform reports when it stored a booking.
            mine = first & equal(source, name) & (shard == here) & ~np.isnan(stored)
            if np.count_nonzero(mine) >= LEAST:
                low = float(np.quantile(stored[mine] - answered[mine], 1 - TRIM))
                high = float(np.quantile(stored[mine] - sent[mine], TRIM))
                found[int(here), str(name)] = (low, high)
    return found
