"""Session guarantees: the reads of a session never go back to an older version of a booking, and show its own writes.

Only ordered requests count: a read is compared with the answers that its own session *had received* when it was *sent*. Two requests in flight at the
same time may be served in either order.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, ints, one_of
from closeshave.judge.evidence.joins import latest_known
from closeshave.judge.evidence.timeline import shards_of
from closeshave.judge.evidence.witness import effect_witness, first_and_worst
from closeshave.judge.evidence.writes import MUTATING, among, joined
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import Witness
from closeshave.plurals import plural

NOT_FOUND = 404
BOOKING = ["session", "franchise", "booking"]


def stale(analysis: Analysis) -> Finding:
    """Reads that returned an older version than their session had already read or written."""
    if not equal(analysis.evidence.history.effects["action"], "read").any():
        return _found(0, 0, 0, told_any=False)
    told = joined(analysis.evidence, (*MUTATING, "read"))
    # Nine of ten bookings are never read again and need no comparison.
    rows = told[among(told, told[equal(told["action"], "read")])].frame()
    denied = equal(rows["action"], "read") & (analysis.evidence.status[rows["position"].to_numpy()] == NOT_FOUND)
    answered = equal(rows["outcome"], Outcome.OK) | denied
    versions = _versions(rows)
    told_any = bool(rows["version"].notna().any()) or bool((versions >= 0).any())
    # "There is no such booking" is the oldest version of all.
    rows = rows.assign(seen=np.where(denied, 0, versions))
    rows = rows[answered & filled(rows, "session", "booking")]
    # A version that was lost with a fault was seen and is now missing; the fault's loss objective judges that.
    rows = rows[(rows["seen"] >= 0) & ~among(rows, analysis.writes.rows[analysis.forgiven])].reset_index(drop=True)
    rows["booking"] = rows["booking"].astype("int64")
    reads = rows[equal(rows["action"], "read")].sort_values("started_ns", kind="stable").reset_index(drop=True)
    newest = latest_known(reads, rows, BOOKING, "seen")
    behind = np.where(_taken(analysis, reads, newest), 0, newest - reads["seen"].to_numpy(dtype=np.int64))
    witnesses = tuple(
        effect_witness(
            analysis.evidence.operations,
            reads,
            index,
            f"read version {int(reads['seen'].iloc[index])} after its session had seen version {int(newest[index])}",
        )
        for index in first_and_worst(behind > 0, reads["started_ns"].to_numpy(), behind, ints(reads["operation"], -1))
    )
    return _found(int(np.count_nonzero(behind > 0)), len(reads), int(np.count_nonzero(newest >= 0)), witnesses, told_any=told_any)


def _found(count: int, reads: int, chances: int, witnesses: tuple[Witness, ...] = (), *, told_any: bool) -> Finding:
    return Finding(
        "stale_sessions",
        count,
        reads,
        plural(count, "read was older than what its session had seen", "reads were older than what their session had seen"),
        witnesses,
        exposure=Exposure(chances, f"{plural(chances, 'booking')} read by a session that had seen a version before"),
        idle="" if told_any else "the platform does not tell the versions of bookings",
    )


def _taken(analysis: Analysis, reads: pd.DataFrame, newest: Ints) -> Flags:
    """Reads after a fail-over of a version that the fail-over lost: seen before, never acknowledged to a writer, and not in the final state either.

    Without a fail-over in between nothing excuses a version that was shown and is gone.
    """
    final = analysis.evidence.final
    assert final is not None
    # A row without an ID cannot be looked up, so it cannot be judged.
    final = final.assign(booking=final["booking"].astype("int64"))
    taken = np.zeros(len(reads), dtype=np.bool_)
    for life in analysis.lives:
        last = analysis.losses.by_fault[life.fault.id].last_ack_ns
        if last is not None:
            here = one_of(ints(reads["shard"], -1), shards_of(analysis.evidence, life.fault))
            taken |= here & (reads["started_ns"].to_numpy() >= last)
    return taken & (_kept(reads, final) < newest) if taken.any() else taken


def _kept(reads: pd.DataFrame, final: pd.DataFrame) -> Ints:
    """The newest version of each read's booking in the final state; -1 for none."""
    newest_of = final.groupby(["franchise", "booking"], observed=True)["version"].max()
    return ints(newest_of.reindex(pd.MultiIndex.from_frame(reads[["franchise", "booking"]])), -1)


def _versions(rows: pd.DataFrame) -> Ints:
    """The version in each row, from its column or from what a read returned; -1 if there is none."""
    known = ints(rows["version"], -1)
    values = rows["read_values"].to_numpy()
    for place in np.flatnonzero((known < 0) & filled(rows, "read_values")):
        known[place] = _version_of(str(values[place]))
    return known


def _version_of(text: str) -> int:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return -1
    version = values.get("version") if isinstance(values, dict) else None
    return version if isinstance(version, int) else -1
