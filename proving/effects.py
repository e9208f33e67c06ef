"""When a fault first showed in its scope's operations. Pure: a history in, an instant out.

*Normal* is the last minute before the injection in which nothing was broken, calm or between two faults: recent, because a machine has busier
and quieter minutes. An operation is *hurt* when its customer did not get the promised answer, or waited longer than a certain share of its kind
normally do: 99 %, so that a few very late ones tell, or half, so that many that are a little late do. The fault shows at the first operation
at which so many of those due since the injection, in the last second or the last ten, are hurt that the normal share, or that of the seconds
just before the injection, would bring it about once in a million times (binomial).

One kind of operation by itself is looked at too: what payments suffer would drown in all the reading around them. So are errors by
themselves, of which a few say much where there normally are none, and reads that say that no cache answered them: that a database stands in
for a lost cache is an effect, though a platform worth its name is hardly slower for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import binom  # type: ignore[import-untyped] # it ships no types

from closeshave.judge.evidence.columns import Flags, member
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life, lives, operations_of
from closeshave.judge.evidence.windows import NEVER_NS, spans, within

CHANCE = 1e-6
QUANTILES = (0.5, 0.99)
WINDOWS_NS = (1_000_000_000, 10_000_000_000)
BEFORE_NS = 5_000_000_000
"""Bad operations in this stretch before the injection are not caused by the fault."""
NORMAL_S = 60
NORMAL_MIN = 20
"""A kind of operation that was seen less often has no normal to be compared with."""
AFTERMATH_NS = 2_000_000_000
"""What was sent while a fault was being proven healed may still be slow."""


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
    """The operations of the last minute before an instant, counting only the time in which nothing was broken."""
    whole = (evidence.intended_ns < before_ns) & within(evidence.intended_ns, spans(evidence.history.manifest, "run"))
    for life in lives(evidence):
        if life.injected_ns is not None:
            ended_ns = NEVER_NS if life.verified_ns is None else life.verified_ns + AFTERMATH_NS
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
    """Which operations were answered past the cache."""
    return member(evidence.operations["cache"], ("miss", "bypass"))


def _kinds(evidence: Evidence) -> list[str]:
    return sorted(str(kind) for kind in evidence.operations["kind"].dropna().unique())


def _groups(evidence: Evidence, rows: Flags) -> Iterator[Flags]:
    yield rows
    for kind in _kinds(evidence):
        yield rows & evidence.of_kinds([kind])


def _shown_by(evidence: Evidence, rows: Flags, hurt: Flags, normal: Flags, between_ns: tuple[int, int]) -> int | None:
    """The instant at which the first of these operations was due that makes chance an unlikely story."""
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
        unlikely = binom.sf(so_far[last + 1] - so_far[first] - 1, last + 1 - first, share) < CHANCE
        instants += [int(due_ns[index]) for index in np.flatnonzero(unlikely)[:1]]
    return min(instants, default=None)
