"""Logged-in customers stay logged in: a session is valid for a day, in every region, also after the loss of the region that opened it.

The harness logs its customers in before the load and renews their tokens in time, so a customer who gets "not authenticated" had a session that the
platform lost. A platform may lose it by design (a tier that was flushed); that is still a loss of sessions, and is reported. Only a drill of the plan may
cost sessions, if it says so (``expected.lost_sessions``): these are judged with the drill.
"""

from __future__ import annotations

import numpy as np

from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures import logged_out
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.operations import PERSONAL
from closeshave.plurals import plural


def lost_sessions(analysis: Analysis) -> Finding:
    """Requests of logged-in customers that were refused as not logged in."""
    evidence = analysis.evidence
    personal = evidence.of_kinds(PERSONAL)
    forgiven = logged_out.forgiven(evidence)
    guilty = logged_out.refused(evidence) & ~forgiven
    why = "refused as not logged in, although the token was valid"
    positions = first_and_worst(guilty, evidence.started_ns, evidence.started_ns, evidence.ids)
    witnesses = tuple(operation_witness(evidence.operations, position, why) for position in positions)
    answered = int(np.count_nonzero(personal & ~forgiven & (evidence.status > 0)))
    exposure = Exposure(answered, f"answered {plural(answered, 'request', 'requests')} of logged-in customers")
    n, count = int(np.count_nonzero(personal)), int(np.count_nonzero(guilty))
    what = plural(
        count,
        "request of a logged-in customer was refused as not logged in",
        "requests of logged-in customers were refused as not logged in",
    )
    unknown = logged_out.untold(evidence)
    doubt = f"{unknown} may cost sessions, and it is unknown when it was over" if unknown else ""
    return Finding("lost_sessions", count, n, what, witnesses, exposure=exposure, doubt=doubt)
