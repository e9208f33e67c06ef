"""Bookings that were refused because the slot was taken, although it was free."""

from __future__ import annotations

import numpy as np

from closeshave.judge.evidence.columns import ints, member
from closeshave.judge.evidence.refusals import ASKING
from closeshave.judge.evidence.witness import effect_witness, first_and_worst
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.plurals import counted, plural

NAME = "refused_though_free"


def refused_though_free(analysis: Analysis) -> Finding:
    """Bookings that were refused because the slot was taken, although it was free."""
    evidence, found = analysis.evidence, analysis.evidence.refusals
    started = found.rows["started_ns"].to_numpy()
    why = "refused as taken, although no booking held the slot and a later list still offered it"
    witnesses = tuple(
        effect_witness(evidence.operations, found.rows, index, why)
        for index in first_and_worst(found.free, started, started, ints(found.rows["operation"], -1))
    )
    count, untold = int(np.count_nonzero(found.free)), int(np.count_nonzero(~found.held & ~found.free))
    asked = evidence.order.position[member(evidence.history.effects["action"], ASKING)[evidence.order.effect]]
    served = int(np.count_nonzero(evidence.ok[asked]))
    untold += len(found.lost)
    refused = counted(untold, "booking was refused as taken", "bookings were refused as taken")
    whose = plural(untold, "its slot was", "their slots were")
    gap = f"{refused}, and it is unknown whether {whose} taken: no booking of the harness held a slot there, and no later list of free times shows it"
    return Finding(
        NAME,
        count,
        len(asked),
        plural(
            count,
            "booking was refused as taken although its slot was free",
            "bookings were refused as taken although their slots were free",
        ),
        witnesses,
        doubt=analysis.incomplete,
        exposure=Exposure(served + count, f"{plural(served + count, 'request', 'requests')} to book a free slot"),
        gap=gap if untold else "",
    )
