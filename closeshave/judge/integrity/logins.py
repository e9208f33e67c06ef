"""Logged-in customers stay logged in: a session lives for a day, in every region, and outlives the loss of the one that opened it.

The harness logs its customers in before the load and renews their tokens in time, so whoever is told "not authenticated" had a session that the
platform lost. A platform may give it up by design (a tier that was flushed); that is a loss of sessions all the same, and is said.
"""

from __future__ import annotations

import numpy as np

from closeshave.judge.evidence.columns import ints
from closeshave.judge.evidence.witness import first_and_worst, row
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure

PERSONAL = (
    "profile", "book", "read_booking", "reschedule", "cancel", "pay_intent", "pay_confirm", "canary_write", "canary_read", "canary_cancel",
)  # fmt: skip
"""Operations that need a session."""
UNAUTHENTICATED = 401


def lost_sessions(dossier: Analysis) -> Finding:
    """Requests of customers who were logged in and were refused as if they were not."""
    case = dossier.case
    personal = case.of_kinds(PERSONAL)
    status = ints(case.operations["status"], 0)
    guilty = personal & (status == UNAUTHENTICATED)
    why = "refused as not logged in, with a token that was good"
    positions = first_and_worst(guilty, case.started_ns, case.started_ns, case.ids)
    witnesses = tuple(row(case.operations, position, why) for position in positions)
    exposure = Exposure(int(np.count_nonzero(personal & (status > 0))), "answered requests of logged-in customers")
    n = int(np.count_nonzero(personal))
    what = "requests of logged-in customers met a lost session"
    return Finding("lost_sessions", int(np.count_nonzero(guilty)), n, what, witnesses, exposure=exposure)
