"""The first customer whom a fault harmed: one whose request in its scope was not good by the fault's doing. Pure.

* A request counts if it was under way when the fault was injected, or due later, until the heal was proven.
* A failure is the fault's doing if more follow within ten seconds than calm explains: the lower Clopper-Pearson bound of their share lies above the share
  in calm. What fails in calm as often as now is nobody's harm.
* A request counts from when it was due, not from when its answer failed to come: otherwise a platform that hangs would be noticed sooner. One that was
  due before the injection counts from the injection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import SECOND_NS, Evidence
from closeshave.judge.evidence.timeline import Life, operations_of
from closeshave.judge.evidence.windows import spans, within
from closeshave.judge.measures import sampling

WINDOW_NS = 10 * SECOND_NS
"""In which failures must follow the first one."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class FirstHarm:
    """The first request that failed by a fault's doing."""

    position: int
    """Its place among the history's operations."""
    at_ns: int
    """When it was due, or the injection, if that was later."""


def scope(evidence: Evidence, life: Life) -> Flags:
    """Customers' requests in the scope of a fault, whenever they were due."""
    return evidence.customers & operations_of(evidence, life.fault)


def until_ns(life: Life) -> int:
    """Until when requests can be harmed: the proven heal, or the end of what is known."""
    return life.horizon_ns if life.verified_ns is None else min(life.horizon_ns, life.verified_ns)


def during(evidence: Evidence, life: Life) -> Flags:
    """Customers' requests in the scope of a fault while it was there. Raises :class:`ValueError` for one that was never injected."""
    return scope(evidence, life) & (evidence.ended_ns >= _injected_ns(life)) & (evidence.intended_ns < until_ns(life))


def usual(evidence: Evidence, life: Life, among: Flags | None = None) -> float:
    """The share of the requests in the same scope that were not good in calm, of those ``among`` these; 0 if there were none."""
    calm = _among(scope(evidence, life), among) & within(evidence.intended_ns, spans(evidence.history.manifest, "calm"))
    asked = int(np.count_nonzero(calm))
    return int(np.count_nonzero(calm & ~evidence.good)) / asked if asked else 0.0


def first(evidence: Evidence, life: Life, among: Flags | None = None) -> FirstHarm | None:
    """The first harmed customer's request, of those ``among`` these; ``None`` if the fault harmed nobody.

    Raises :class:`ValueError` for a fault that was never injected.
    """
    counted, share = _among(during(evidence, life), among), usual(evidence, life, among)
    bad = np.flatnonzero(counted & ~evidence.good)
    bad = bad[np.lexsort((evidence.ids[bad], evidence.intended_ns[bad]))]
    due, failed = (np.maximum(evidence.intended_ns[rows], _injected_ns(life)) for rows in (counted, bad))
    due.sort()
    for position, at_ns in zip(bad, failed, strict=True):
        until = at_ns + WINDOW_NS
        n = int(np.searchsorted(due, until, "right") - np.searchsorted(due, at_ns, "left"))
        more = int(np.searchsorted(failed, until, "right") - np.searchsorted(failed, at_ns, "left"))
        if sampling.share_bounds(more, n, CONFIDENCE)[0] > share:
            return FirstHarm(int(position), int(at_ns))
    return None


def _among(flags: Flags, among: Flags | None) -> Flags:
    return flags if among is None else flags & among


def _injected_ns(life: Life) -> int:
    if life.injected_ns is None:
        raise ValueError(f"{life.fault.id} was never injected")
    return life.injected_ns
