"""When a fault first showed in its scope's operations. Pure: a history in, an instant out.

An operation is *hurt* when its customer did not get the promised answer, or waited longer than 99 % of its kind did in calm; about one in a
hundred is in calm, by construction. The fault shows at the first operation at which so many of those due since the injection, in the last
second or the last ten, are hurt that calm, or the seconds just before the injection, would bring it about once in a million times (binomial).
One kind of operation by itself is looked at too: what payments suffer would drown in all the reading around them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import binom  # type: ignore[import-untyped] # it ships no types

from closeshave.judge.case import Case
from closeshave.judge.columns import Flags
from closeshave.judge.timeline import Life, operations_of
from closeshave.judge.windows import spans, within

CHANCE = 1e-6
WINDOWS_NS = (1_000_000_000, 10_000_000_000)
BEFORE_NS = 5_000_000_000
"""What hurt in this stretch before the injection is not the fault's doing."""
CALM_MIN = 20
"""A kind of operation that calm has seen less often has no normal to be compared with."""


def shown_ns(case: Case, life: Life, within_s: float) -> int | None:
    """How long after the injection operations in scope showed the fault, in nanoseconds; ``None`` when none did within ``within_s``."""
    if life.injected_ns is None:
        return None
    hurt = hurt_of(case)
    rows = operations_of(case, life.fault)
    until_ns = life.injected_ns + round(within_s * 1e9)
    found = [at_ns for group in _groups(case, rows) if (at_ns := _shown_by(case, group, hurt, life.injected_ns, until_ns)) is not None]
    return min(found) - life.injected_ns if found else None


def hurt_of(case: Case) -> Flags:
    """Which operations are not good, or slower than 99 % of their kind in calm."""
    hurt = ~case.good
    calm = within(case.intended_ns, spans(case.history.manifest, "calm"))
    for kind in _kinds(case):
        rows = case.of_kinds([kind])
        normal = rows & calm & case.good
        if np.count_nonzero(normal) >= CALM_MIN:
            hurt |= rows & (case.response_ns > np.quantile(case.response_ns[normal], 0.99))
    return hurt


def _kinds(case: Case) -> list[str]:
    return sorted(str(kind) for kind in case.operations["kind"].dropna().unique())


def _groups(case: Case, rows: Flags) -> Iterator[Flags]:
    yield rows
    for kind in _kinds(case):
        yield rows & case.of_kinds([kind])


def _shown_by(case: Case, rows: Flags, hurt: Flags, start_ns: int, until_ns: int) -> int | None:
    """The instant at which the first of these operations was due that makes chance an unlikely story."""
    calm = rows & within(case.intended_ns, spans(case.history.manifest, "calm"))
    normal, calm_hurt = int(np.count_nonzero(calm)), int(np.count_nonzero(hurt & calm))
    if normal < CALM_MIN:
        return None
    before = rows & (case.intended_ns >= start_ns - BEFORE_NS) & (case.intended_ns < start_ns)
    already = float(np.mean(hurt[before])) if np.any(before) else 0.0
    # One more hurt than was seen, so that a calm without any does not make the first one a certainty (Laplace's rule of succession).
    share = max((calm_hurt + 1) / (normal + 2), already)
    struck = rows & (case.intended_ns >= start_ns) & (case.intended_ns < until_ns)
    order = np.argsort(case.intended_ns[struck], kind="stable")
    due_ns, bad = case.intended_ns[struck][order], hurt[struck][order]
    so_far = np.concatenate(([0], np.cumsum(bad)))
    last = np.arange(len(due_ns))
    instants = []
    for window_ns in WINDOWS_NS:
        first = np.searchsorted(due_ns, due_ns - window_ns, side="right")
        unlikely = binom.sf(so_far[last + 1] - so_far[first] - 1, last + 1 - first, share) < CHANCE
        instants += [int(due_ns[index]) for index in np.flatnonzero(unlikely)[:1]]
    return min(instants, default=None)
