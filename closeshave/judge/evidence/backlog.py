"""How long a disturbance lasts: it ends when the delayed work is done, not when the program that caused it ends.

Requests that queued up during it are answered later, and what a starved part gave up (a lease, a connection) takes time to come back. So a disturbed
stretch lasts until requests are answered again as in undisturbed time: as quickly, and as often well. The run's own undisturbed time is the reference,
so that a slow platform is not doubted for being slow.

The verdicts on a platform that never recovers by itself would stay doubtful forever. So the tail is at most twice as long as the disturbance, but at
least 10 s (for an election that the disturbance made necessary), and never longer than 30 s: a queue that grew by the whole load takes as long to work
off as it grew if the platform is busy half of its time, and twice as long if it is busy for two thirds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.evidence.host import Doubt, joined
from closeshave.judge.evidence.windows import NEVER_NS, Span

TAIL_NS_LEAST = 10_000_000_000
TAIL_NS_MOST = 30_000_000_000
BIN_NS = 500_000_000
STEADY_BINS = 2
"""So many bins in a row must be as usual: a single one may be so by chance."""
FAR_NS = 2_000_000_000
"""Only requests at least this far from any disturbance show what is usual."""
ENOUGH = 40
"""Number of requests; fewer do not show what is usual."""
SLOW = 2.0
"""A request that takes more than so many times the usual p95 counts as slow."""
SPARE = 0.1
"""The share of a bin's requests that may be worse than usual by chance."""


def extended(found: Sequence[Doubt], due_ns: Ints, response_ns: Ints, good: Flags) -> tuple[Doubt, ...]:
    """The stretches, each with its tail. The arrays are of the requests of customers and canaries, in any order."""
    if not found or not len(due_ns):
        return tuple(found)
    away = _undisturbed(found, due_ns, response_ns)
    if np.count_nonzero(away) < ENOUGH:
        # The usual response time is unknown, and so is the instant at which it returned.
        return joined(replace(one, ended_ns=one.ended_ns + _longest_ns(one)) for one in found)
    limit = SLOW * float(np.quantile(response_ns[away].clip(max=NEVER_NS // 4), 0.95))
    unwell = ~good | (response_ns > limit)
    allowed = float(np.count_nonzero(unwell & away) / np.count_nonzero(away)) + SPARE
    origin = int(due_ns.min())
    bins = (due_ns - origin) // BIN_NS
    size = int(bins.max()) + 1 + STEADY_BINS
    worse = np.bincount(bins[unwell], minlength=size) > allowed * np.bincount(bins, minlength=size)
    return joined(replace(one, ended_ns=_until_ns(one, worse, origin)) for one in found)


def _undisturbed(found: Sequence[Doubt], due_ns: Ints, response_ns: Ints) -> Flags:
    """Requests that show what is usual: those that no tail can reach, or, where there are none, those some seconds away from any disturbance."""
    lasted = np.where(response_ns == NEVER_NS, 0, response_ns)
    beyond = ~near(due_ns, lasted, [Span(one.started_ns - FAR_NS, one.ended_ns + _longest_ns(one)) for one in found])
    return beyond if np.count_nonzero(beyond) >= ENOUGH else ~near(due_ns, lasted, found, FAR_NS)


def _until_ns(one: Doubt, worse: Flags, origin: int) -> int:
    last_ns = one.ended_ns + _longest_ns(one)
    at = max(0, (one.ended_ns - origin) // BIN_NS)
    while at < len(worse) and origin + at * BIN_NS < last_ns:
        if not worse[at : at + STEADY_BINS].any():
            return max(one.ended_ns, origin + at * BIN_NS)
        at += 1
    return max(one.ended_ns, min(last_ns, origin + at * BIN_NS))


def _longest_ns(one: Span) -> int:
    return min(TAIL_NS_MOST, max(TAIL_NS_LEAST, 2 * (one.ended_ns - one.started_ns)))


def near(due_ns: Ints, lasted_ns: Ints, found: Sequence[Span], far_ns: int = 0) -> Flags:
    """Which requests any of the stretches touches: they were due before its end and ended after its start. ``far_ns`` widens the stretches."""
    return met(due_ns, lambda part: lasted_ns[part], found, far_ns)


def met(due_ns: Ints, lasted_ns: Callable[[slice], Ints], found: Sequence[Span], far_ns: int = 0) -> Flags:
    """As :func:`near`, where the times are computed block by block."""
    if not found:
        return np.zeros(len(due_ns), dtype=np.bool_)
    apart = _apart(found, far_ns)
    starts, ends = np.array([one[0] for one in apart]), np.array([one[1] for one in apart])

    def touched(part: slice) -> Flags:
        due = due_ns[part]
        first = np.searchsorted(ends, due, side="right")
        inside: Flags = (first < len(ends)) & (starts[np.minimum(first, len(ends) - 1)] <= due + lasted_ns(part))
        return inside

    return blocks.mask(len(due_ns), touched)


def _apart(found: Sequence[Span], far_ns: int) -> list[tuple[int, int]]:
    """In time order, and merged where they overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((one.started_ns - far_ns, one.ended_ns + far_ns) for one in found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
