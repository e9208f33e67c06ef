"""Live updates: every confirmed change of a booking is told to its customer, also a change that was made while their connection was cut.

A customer was told of a change if any of their connections brought that version of the booking, or a newer one. Changes that the final state does not
have were lost by a fault and are judged there. What was confirmed so late that its update may still have been on its way is not judged.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence.columns import Flags, Ints, equal, filled, ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.rows import Table
from closeshave.judge.evidence.witness import effect_witness, first_and_worst
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.plurals import counted, plural

NAME = "updates_missed"


def unfollowed(evidence: Evidence) -> str:
    """Why it cannot be known; empty where customers followed their bookings."""
    return "" if evidence.history.manifest.followed_within_s is not None else "no customer followed their bookings by WebSocket"


def missed(analysis: Analysis) -> Finding:
    """Confirmed changes of which their customer was never told."""
    evidence = analysis.evidence
    within_s, told = evidence.history.manifest.followed_within_s, evidence.history.updates
    if within_s is None:
        return unknown(NAME, unfollowed(evidence))
    if told is None:
        return unknown(NAME, "what the followers were told is missing")
    told = told.sort_values(["at_ns", "client", "what"], kind="stable").reset_index(drop=True)
    over = ints(told["at_ns"], 0)[equal(told["what"], "ended")]
    if not len(over):
        return unknown(NAME, "the followers ended before the run did, so later updates are unknown")
    writes = analysis.writes
    rows = writes.rows
    followed = rows["client"].isin(told["client"][equal(told["what"], "opened")]).to_numpy(dtype=np.bool_)
    ended = ints(rows["ended_ns"], 0)
    known = followed & equal(rows["outcome"], Outcome.OK) & filled(rows, "booking", "version") & (ints(rows["final"], -1) >= 0)
    judged = known & ~writes.absent & ~writes.unread & (ended <= int(over.max()) - round(within_s * 1e9))
    newest = _newest(rows, told)
    guilty = judged & (newest < ints(rows["version"], 0))
    away = judged & _away(rows, told)
    n, count = int(np.count_nonzero(judged)), int(np.count_nonzero(guilty))
    witnesses = tuple(
        effect_witness(evidence.operations, rows, index, f"the customer was never told of it: {_told_of(int(newest[index]))}")
        for index in first_and_worst(guilty, ended, ints(rows["version"], 0) - newest, ints(rows["operation"], -1))
    )
    what = plural(count, "confirmed change was never told to its customer", "confirmed changes were never told to their customers")
    meanwhile = counted(int(np.count_nonzero(away)), "of them while the connection was cut", "of them while the connection was cut")
    exposure = Exposure(
        n, f"{plural(n, 'change of a booking that somebody followed', 'changes of bookings that somebody followed')}, {meanwhile}"
    )
    return Finding(NAME, count, n, what, witnesses, exposure=exposure)


def _told_of(version: int) -> str:
    return f"the newest version that came is {version}" if version else "nothing of this booking came"


def _newest(rows: Table, told: pd.DataFrame) -> Ints:
    """For each change the newest version of its booking that its customer was told of; 0 for none."""
    updates = told[equal(told["what"], "update") & filled(told, "booking", "version")]
    newest = updates.groupby(["client", "booking"], observed=True)["version"].max()
    wanted = pd.MultiIndex.from_arrays([rows["client"].astype(object), pd.array(ints(rows["booking"], -1), dtype="Int64")])
    return ints(newest.reindex(wanted), 0)


def _away(rows: Table, told: pd.DataFrame) -> Flags:
    """Which changes were confirmed while their customer had no connection."""
    found = np.zeros(len(rows), dtype=np.bool_)
    ended, clients = ints(rows["ended_ns"], 0), rows["client"].to_numpy(dtype=object)
    for client, seen in told[equal(told["what"], "opened") | equal(told["what"], "closed")].groupby("client", observed=True):
        mine = np.flatnonzero(clients == client)
        last = np.searchsorted(ints(seen["at_ns"], 0), ended[mine], side="right") - 1
        found[mine] = (last < 0) | equal(seen["what"], "closed")[np.maximum(last, 0)]
    return found
