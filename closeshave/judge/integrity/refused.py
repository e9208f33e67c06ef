"""Bookings that were refused as taken although nobody held the slot."""

from __future__ import annotations

import numpy as np

from closeshave.judge.evidence.columns import ints, member
from closeshave.judge.evidence.refusals import ASKING
from closeshave.judge.evidence.witness import first_and_worst, row
from closeshave.judge.evidence.writes import effect
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure

NAME = "refused_though_free"


def refused_though_free(dossier: Analysis) -> Finding:
    """Bookings that were refused as taken although nobody held the slot."""
    case, found = dossier.case, dossier.case.refusals
    started = found.rows["started_ns"].to_numpy()
    why = "refused as taken, although nobody held the slot and a list went on to offer it"
    witnesses = tuple(
        row(case.operations, int(found.rows["position"].iloc[index]), why, effect=effect(found.rows, index))
        for index in first_and_worst(found.free, started, started, ints(found.rows["operation"], -1))
    )
    count, untold = int(np.count_nonzero(found.free)), int(np.count_nonzero(~found.held & ~found.free))
    asked = case.order.position[member(case.history.effects["action"], ASKING)[case.order.effect]]
    served = int(np.count_nonzero(case.ok[asked]))
    untold += len(found.lost)
    gap = f"{untold:,} bookings were refused as taken, and nobody can tell who held their slots: no booking of ours did, and no list of free times was read back that tells"  # noqa: E501
    return Finding(
        NAME,
        count,
        len(asked),
        "bookings were refused as taken although their slots were free",
        witnesses,
        doubt=dossier.incomplete,
        exposure=Exposure(served + count, "bookings asked for of a slot that was free"),
        gap=gap if untold else "",
    )
