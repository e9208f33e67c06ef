"""When a fault first showed in its scope's operations. Pure: computes an instant from a history.

*Normal* is the last minute before the injection without a fault in effect, in calm or between two faults: recent, because the load of a machine
changes. An operation is *affected* when its customer did not get the promised answer, or waited longer than a certain share of its kind normally do:
99 %, so that a few very late ones count, or half, so that many slightly late ones count. The fault shows at the first operation at which so many of
those due since the injection, in the last second or the last ten, are affected that the normal share, or that of the seconds just before the
injection, would cause this once in a million times (binomial).

Each kind of operation is also tested by itself, because an effect on payments alone would not show among all the reads. So are errors by themselves,
of which a few are significant if there are normally none, and reads that no cache answered: that the database replaces a lost cache is an effect,
even if a good platform is hardly slower.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy  # type: ignore[import-untyped] # it ships no types

from closeshave.judge.evidence.columns import Flags, member
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life, lives, operations_of
from closeshave.judge.evidence.windows import NEVER_NS, spans, within

CHANCE = 1e-6
QUANTILES = (0.5, 0.99)
WINDOWS_NS = (1_000_000_000, 10_000_000_000)
BEFORE_NS = 5_000_000_000
"""Bad operations in so many seconds before the injection are not caused by the fault."""
NORMAL_S = 60
NORMAL_MIN = 20
"""A kind of operation with fewer samples has no normal for a comparison."""
AFTER_HEALING_NS = 2_000_000_000
"""Operations that were sent while a heal was being proven may still be slow."""


def shown_ns(evidence: Evidence, life: Life, within_s: float) -> int | None:
    """How long after the injection operations in scope showed the fault, in nanoseconds; ``None`` when none did within ``within_s``."""
    if life.injected_ns is None:
        return None
    normal = normal_of(evidence, life.injected_ns)
    between_ns = (life.injected_ns, life.injected_ns + round(within_s * 1e9))
    groups = list(_groups(evidence, operations_of(evidence, life.fault)))
    signs = (~evidence.good, *(_hurt(evidence, normal, quantile) for quantile in QUANTILES), _uncached(evidence))
    found = [_shown_by(evidence, rows, sign, normal, between_ns) for rows in groups for sign in signs]
    seen = [at_ns for at_ns in found if at_ns is not None]
    return min(seen) - life.injected_ns if seen else None


def normal_of(evidence: Evidence, before_ns: int) -> Flags:
    """The operations of the last minute before an instant, counting only time without a fault in effect."""
    whole = (evidence.intended_ns < before_ns) & within(evidence.intended_ns, spans(evidence.history.manifest, "run"))
    for life in lives(evidence):
        if life.injected_ns is not None:
            ended_ns = NEVER_NS if life.verified_ns is None else life.verified_ns + AFTER_HEALING_NS
            whole &= ~((evidence.intended_ns >= life.injected_ns) & (evidence.intended_ns < ended_ns))
    # Back through the gaps between faults, second by second, until there is a minute of them.
    seconds = evidence.intended_ns // 1_000_000_000
    lately = np.unique(seconds[whole])[-NORMAL_S:]
    return whole & np.isin(seconds, lately)


def _hurt(evidence: Evidence, normal: Flags, quantile: float) -> Flags:
    """Which operations are not good, or slower than this share of their kind normally are."""
    hurt = ~evidence.good
    for kind in _kinds(evidence):
        rows = evidence.of_kinds([kind])
        answered = rows & normal & evidence.good
        if np.count_nonzero(answered) >= NORMAL_MIN:
            hurt |= rows & (evidence.response_ns > np.quantile(evidence.response_ns[answered], quantile))
    return hurt


def _uncached(evidence: Evidence) -> Flags:
    """Which operations no cache answered."""
    return member(evidence.operations["cache"], ("miss", "bypass"))


def _kinds(evidence: Evidence) -> list[str]:
    return sorted(str(kind) for kind in evidence.operations["kind"].dropna().unique())


def _groups(evidence: Evidence, rows: Flags) -> Iterator[Flags]:
    yield rows
    for kind in _kinds(evidence):
        yield rows & evidence.of_kinds([kind])


def _shown_by(evidence: Evidence, rows: Flags, hurt: Flags, normal: Flags, between_ns: tuple[int, int]) -> int | None:
    """When the first operation was due at which chance is too unlikely an explanation."""
    start_ns, until_ns = between_ns
    usual = int(np.count_nonzero(rows & normal))
    if usual < NORMAL_MIN:
        return None
    before = rows & (evidence.intended_ns >= start_ns - BEFORE_NS) & (evidence.intended_ns < start_ns)
    already = float(np.mean(hurt[before])) if np.any(before) else 0.0
    # One more hurt than was seen, so that a minute without any does not make the first one a certainty (Laplace's rule of succession).
    share = max((int(np.count_nonzero(hurt & rows & normal)) + 1) / (usual + 2), already)
    struck = rows & (evidence.intended_ns >= start_ns) & (evidence.intended_ns < until_ns)
    order = np.argsort(evidence.intended_ns[struck], kind="stable")
    due_ns, bad = evidence.intended_ns[struck][order], hurt[struck][order]
    so_far = np.concatenate(([0], np.cumsum(bad)))
    last = np.arange(len(due_ns))
    instants = []
    for window_ns in WINDOWS_NS:
        first = np.searchsorted(due_ns, due_ns - window_ns, side="right")
        unlikely = scipy.stats.binom.sf(so_far[last + 1] - so_far[first] - 1, last + 1 - first, share) < CHANCE
        instants += [int(due_ns[index]) for index in np.flatnonzero(unlikely)[:1]]
    return min(instants, default=None)
