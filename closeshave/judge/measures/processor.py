"""Processor time of the platform for each request: noise of the machine hardly touches it, because who waits for a processor uses none meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import Span, within

SENDERS = "locust"
"""The role of the senders' processes."""
NOT_PLATFORM = frozenset({"host", SENDERS, "harness"})
"""Roles of the record that are the machine as a whole, the senders and the harness."""
LEAST_S = 5.0
"""With less recorded time than this the first and the last sample decide too much."""


def cpu_ms_per_request(evidence: Evidence, covered: Sequence[Span]) -> float | None:
    """Milliseconds of processor time of all the platform's processes for each request in these spans, what runs without load included.

    Only whole samples inside the spans count, with the requests that were due in them. ``None`` where too little was recorded, or nothing sent.
    """
    return _ms_per_request(evidence, covered, lambda role: ~role.isin(list(NOT_PLATFORM)))


def sender_cpu_ms_per_request(evidence: Evidence, covered: Sequence[Span]) -> float | None:
    """The same of the senders. They are one program, whatever platform answers: where it takes more, the machine is slower."""
    return _ms_per_request(evidence, covered, lambda role: role == SENDERS)


def _ms_per_request(evidence: Evidence, covered: Sequence[Span], counts: Callable[[pd.Series[str]], pd.Series[bool]]) -> float | None:
    found = evidence.history.resources
    if found is None or not len(found):
        return None
    starts = found["at_ns"].to_numpy(np.int64) - np.round(found["interval_s"].to_numpy(np.float64) * 1e9).astype(np.int64)
    inside = within(starts, covered) & within(found["at_ns"].to_numpy(np.int64) - 1, covered)
    role = found["role"].astype(str)
    host = found[inside & (role == "host").to_numpy()]
    recorded_s = float(host["interval_s"].sum())
    if recorded_s < LEAST_S:
        return None
    cpu_s = float(found.loc[inside & counts(role).to_numpy(), "cpu_s"].sum())
    samples = [Span(int(end - round(length * 1e9)), int(end)) for end, length in zip(host["at_ns"], host["interval_s"], strict=True)]
    asked = evidence.customers | evidence.canaries
    requests = int(np.count_nonzero(asked & _within_sorted(evidence, samples)))
    return cpu_s / requests * 1e3 if requests else None


def _within_sorted(evidence: Evidence, samples: Sequence[Span]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which operations were due in one of the samples, which do not overlap; samples are many, so they are searched and not tried one by one."""
    begins = np.array(sorted(one.started_ns for one in samples), dtype=np.int64)
    ends = np.array(sorted(one.ended_ns for one in samples), dtype=np.int64)
    place = np.searchsorted(begins, evidence.intended_ns, side="right") - 1
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (place >= 0) & (evidence.intended_ns < ends[np.maximum(place, 0)])
    return found
