"""The burn rate: how many times faster than a month allows the error budget was used, in a long and a short window at once.

At a rate of 1 the budget of 30 days is gone after 30 days; at 14.4, a fiftieth of it is gone in an hour. The long window keeps a single bad second from
raising an alarm, the short one (a twelfth of it) lets the alarm end when the trouble does. Both must exceed the rate at the same time.

Source: B. Beyer et al., "The Site Reliability Workbook", chapter 5, "Alerting on SLOs", the multiwindow alert. A run lasts minutes, so its windows are
minutes and seconds where a month's are hours and minutes: a plan scales them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import Span, within
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures.counting import Counted, counted
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdicts.sliding import Windows, lows_and_highs, windows
from closeshave.target import Objective

SHORT = 12
"""The short window is this part of the long one: 5 minutes of an hour."""
LONG_S = 60.0
"""The long window of the figures shown beside a fault's budget."""


def highest(evidence: Evidence, rows: Flags, start_ns: int, end_ns: int, long_s: float = LONG_S) -> float | None:
    """The highest rate that both windows reached at the same time, between two instants; ``None`` without a budget or without requests."""
    if evidence.error_budget is None or end_ns <= start_ns:
        return None
    pairs = _pairs(evidence, Counted(rows, evidence.good, 0.0), [Span(start_ns, end_ns)], long_s)
    if pairs is None:
        return None
    return float(max(0.0, np.minimum(*(_bad(each) for each in pairs)).max())) / evidence.error_budget


def decide(evidence: Evidence, objective: Objective, part: Part, blank: Verdict, covered: Sequence[Span]) -> Verdict:
    """Fail when a pair of windows certainly burnt faster than allowed, pass when certainly none did."""
    assert objective.sliding is not None
    assert objective.at_most is not None
    if evidence.error_budget is None:
        return replace(blank, reason="the target has no availability objective over everything, so there is no budget to burn")
    asked = counted(evidence, objective, part.rows)
    pairs = _pairs(evidence, asked, covered, objective.sliding)
    if pairs is None:
        return blank
    strict = 1 - (1 - objective.confidence) / len(pairs[0].n)
    surely = np.logical_and(*(lows_and_highs(each, strict)[1] < asked.required for each in pairs))
    never = np.logical_or(*(lows_and_highs(each, objective.confidence)[0] >= asked.required for each in pairs))
    rates = np.minimum(*(_bad(each) for each in pairs)) / evidence.error_budget
    worst = int(np.argmax(rates))
    low, high = lows_and_highs(pairs[0], objective.confidence)
    found = replace(
        blank,
        measured=float(rates[worst]),
        confidence=(float((1 - high[worst]) / evidence.error_budget), float((1 - low[worst]) / evidence.error_budget)),
        n=int(np.count_nonzero(part.rows)),
        reason="",
    )
    said = f"the error budget burnt {rates[worst]:,.1f} times as fast as a month allows; the promise is at most {objective.at_most:g} times"
    if surely.any():
        guilty = part.rows & ~evidence.good & within(evidence.intended_ns, covered)
        shown = first_and_worst(guilty, evidence.intended_ns, evidence.response_ns, evidence.ids)
        witnesses = tuple(operation_witness(evidence.operations, position, "a request that burnt the error budget") for position in shown)
        return replace(found, status=Status.FAIL, reason=said, witnesses=witnesses)
    return (
        replace(found, status=Status.PASS) if never.all() else replace(found, reason=f"{said}: too few requests in the windows to decide")
    )


def _pairs(evidence: Evidence, asked: Counted, covered: Sequence[Span], long_s: float) -> tuple[Windows, Windows] | None:
    """Pairs of a long window and the short one at its end; ``None`` without requests."""
    long_ns, short_ns = round(long_s * 1e9), round(long_s * 1e9 / SHORT)
    spans = [span for span in covered if np.any(asked.rows & within(evidence.intended_ns, [span]))]
    if not spans:
        return None
    of_span = []
    for span in spans:
        long = windows(asked, evidence.intended_ns, [span], min(long_ns, span.ended_ns - span.started_ns))
        short = windows(asked, evidence.intended_ns, [span], min(short_ns, span.ended_ns - span.started_ns))
        # The long windows that contain each short one: the one that ends with it has the burn rate that counts.
        width_ns = min(long_ns, span.ended_ns - span.started_ns)
        at = np.searchsorted(long.starts_ns, short.starts_ns + short_ns - width_ns).clip(max=len(long.n) - 1)
        of_span.append((Windows(long.starts_ns[at], long.n[at], long.kept[at]), short))
    return _joined([pair[0] for pair in of_span]), _joined([pair[1] for pair in of_span])


def _joined(parts: Sequence[Windows]) -> Windows:
    return Windows(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("starts_ns", "n", "kept")))


def _bad(found: Windows) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where(found.n > 0, (found.n - found.kept) / np.maximum(found.n, 1), 0.0)
