"""Tenancy: no customer is ever shown another customer's booking, whatever the request and the answer's status."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from closeshave.history import ids
from closeshave.judge.evidence.columns import filled, ints
from closeshave.judge.evidence.witness import effect_witness, first_and_worst
from closeshave.judge.evidence.writes import joined
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.plurals import plural


def leaked(analysis: Analysis) -> Finding:
    """Reads that showed another booking than the requested one, or a booking with the requested ID but of another franchise."""
    told = joined(analysis.evidence, ("read",))
    rows = told[filled(told, "read_values", "booking")].frame()
    shown = [_shown(text) for text in rows["read_values"]]
    asked, franchise = ints(rows["booking"], -1), ints(rows["franchise"], -1)
    wrong = np.array([_differs(values, int(asked[i]), int(franchise[i])) for i, values in enumerate(shown)], dtype=np.bool_)
    started = rows["started_ns"].to_numpy()
    witnesses = tuple(
        effect_witness(
            analysis.evidence.operations,
            rows,
            index,
            f"asked for booking {asked[index]} of franchise {franchise[index]} and was shown booking {shown[index].get('booking')} "
            f"of franchise {shown[index].get('franchise_id')}",
        )
        for index in first_and_worst(wrong, started, started, ints(rows["operation"], -1))
    )
    naming = sum("booking" in values or bool(values.get("franchise_id")) for values in shown)
    exposure = Exposure(naming, plural(naming, "booking read that names its owner", "bookings read that name their owner"))
    count = int(np.count_nonzero(wrong))
    what = plural(count, "read showed another customer's booking", "reads showed another customer's booking")
    return Finding("leaked", count, len(rows), what, witnesses, exposure=exposure)


def _differs(values: dict[str, Any], booking: int, franchise: int) -> bool:
    """A field that the answer does not contain counts as equal."""
    shown, where = ids.number(values.get("booking", booking)), ids.number(values.get("franchise_id"))
    return (shown is not None and shown != booking) or (where or franchise) != franchise


def _shown(text: object) -> dict[str, Any]:
    try:
        values = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
