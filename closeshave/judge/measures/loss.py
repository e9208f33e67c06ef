"""Which acknowledged writes were lost by each fault, and how far back they reach: the data loss window (RPA) of docs/glossary.md.

Which fault lost a missing write?
---------------------------------
Asynchronous replication loses the *end* of a log. So a missing write belongs to a
fail-over when it had started by t_f, the last instant at which the old primary could acknowledge, and when nothing proves that it was committed
before a write that survived: a write that was acknowledged before a survivor even started was committed earlier, and a replica that has the later one
would have the earlier one too. Such a write was lost by something else, and the fail-over must not excuse it: otherwise every fault would hide a
platform that drops one booking in a thousand.

A survivor must itself have been acknowledged by t_f. One that was sent just before t_f and answered afterwards may have been written by the *new*
primary, and says nothing about what the old one had replicated.

A write that started by t_f and was answered after it was under way when the primary died: it is lost, with a window of zero.

When was t_f?
-------------
If the harness injected the fault itself, it proved the old primary dead. The call of an operator's hook may return long
before the fault takes effect, or after its end. Unless the hook reports when the primary ended, t_f lies between the last write that was acknowledged
before the first sign of death, and that sign: a request in scope that failed, the observation, or the promotion. Then the loss window is an interval
too, and writes that are lost up to its end belong to the fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.judge.evidence.columns import Flags, Ints, ints, one_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life, demoted_ns, promoted_ns, shards_of
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.evidence.writes import Writes

NOBODY = -1
ON_ITS_WAY_NS = 100_000_000
"""A request that got no answer reached the primary within this time, or never."""
QUIET_NS = 400_000_000
"""After a primary's death nothing is acknowledged for at least this long: no fail-over is quicker."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The data loss of one fault. Times in nanoseconds, ``None`` when they are unknown."""

    last_ack_ns: int | None
    """t_f, from the injection's evidence or the platform's own demotion; where both are missing, the promotion bounds it from above. Where only an
    interval is known, its end."""
    promoted_ns: int | None
    window_ns: int
    """RPA: t_f (in the middle of its interval) minus the acknowledgement of the oldest lost write; 0 when none is missing."""
    unsure_ns: tuple[int, int]
    """The interval of RPA, from that of t_f; both ends are the same if t_f is known."""
    lost: Flags
    """Over ``Writes.rows``: the writes that this fault lost."""
    split: Flags
    """Over ``Writes.rows``: writes that started after the promotion, were acknowledged and are missing: acknowledged on the old timeline."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The missing writes of the whole run, each assigned to at most one fault."""

    by_fault: dict[str, Loss]
    owner: Ints
    """Over ``Writes.rows``: index (in the plan's order) of the fault that lost this write, or :data:`NOBODY`.

    A missing write of no fault is a breach of integrity.
    """


def share_out(evidence: Evidence, writes: Writes, lives: tuple[Life, ...]) -> Losses:
    """Assign every missing write to at most one fault: the first one for which it started by t_f."""
    owner = np.full(len(writes.rows), NOBODY, dtype=np.int64)
    ends = {life.fault.id: _ended(evidence, writes, life) for life in lives}
    for index, life in sorted(enumerate(lives), key=lambda item: (_end(ends[item[1].fault.id]) or 0, item[0])):
        end = ends[life.fault.id]
        if end is None:
            continue
        for shard in shards_of(evidence, life.fault):
            owner[_cost(writes, shard, end) & ~_after_promotion(evidence, writes, life) & (owner == NOBODY)] = index
    found = {}
    for index, life in enumerate(lives):
        lost, end = owner == index, ends[life.fault.id]
        promoted = promoted_ns(evidence, life)
        split = _split(evidence, writes, owner, life, promoted)
        low, high = (_window_ns(writes, lost, instant) for instant in end or (None, None))
        found[life.fault.id] = Loss(_end(end), promoted, (low + high) // 2, (low, high), lost, split)
    return Losses(found, owner)


def _end(ended: tuple[int, int] | None) -> int | None:
    return None if ended is None else ended[1]


def _ended(evidence: Evidence, writes: Writes, life: Life) -> tuple[int, int] | None:
    """The interval of t_f; ``None`` if nothing shows that a primary ended."""
    if life.injected_ns is None:
        return None
    if life.dead_ns is not None:
        return life.dead_ns, life.dead_ns
    if life.ended_ns is not None:
        return life.ended_ns
    # No new primary is promoted while the old one still holds its lease, so the promotion is late enough.
    stepped_down = demoted_ns(evidence, life)
    told = stepped_down if stepped_down is not None else promoted_ns(evidence, life)
    if not life.called:
        return None if told is None else (told, told)
    if stepped_down is not None:
        return stepped_down, stepped_down
    sign = min((instant for instant in (told, life.observed_ns, _refused_ns(evidence, writes, life)) if instant is not None), default=None)
    return None if sign is None else (_alive_ns(evidence, writes, life, max(sign, life.injected_ns)), max(sign, life.injected_ns))


def _refused_ns(evidence: Evidence, writes: Writes, life: Life) -> int | None:
    """By when the old primary was dead, from its clients' requests: the first failure in scope after which no write was acknowledged for a while.

    A failure while other writes are acknowledged is no sign of death. A request may have been under way when the primary died, and may wait for long,
    so its sign counts from when it failed, or from shortly after it was sent if that is earlier.
    """
    shards = shards_of(evidence, life.fault)
    failed = (
        one_of(evidence.shard, shards)
        & ~evidence.good
        & (evidence.started_ns >= (life.injected_ns or 0))
        & (evidence.started_ns < life.unaided_until_ns)
    )
    rows = writes.rows
    took = one_of(ints(rows["shard"], -1), shards) & (rows["outcome"] == "ok").to_numpy(dtype=np.bool_)
    acknowledged = np.sort(rows["started_ns"].to_numpy()[took])
    by = np.sort(np.minimum(evidence.ended_ns[failed], evidence.started_ns[failed] + ON_ITS_WAY_NS))
    following = np.append(acknowledged, NEVER_NS)[np.searchsorted(acknowledged, by)]
    dead = by[following - by > QUIET_NS]
    return int(dead[0]) if len(dead) else None


def _alive_ns(evidence: Evidence, writes: Writes, life: Life, sign_ns: int) -> int:
    """The old primary was alive at least until its last acknowledgement before the first sign of its death.

    This does not hold if writes were acknowledged soon after that sign, or if some had failed before it: then some requests fail, others are
    acknowledged, and it is unknown by which server. Then only the beginning of the hook's call is certain.
    """
    assert life.injected_ns is not None
    rows, shards = writes.rows, shards_of(evidence, life.fault)
    here = one_of(ints(rows["shard"], -1), shards) & (rows["outcome"] == "ok").to_numpy(dtype=np.bool_)
    started, ended = rows["started_ns"].to_numpy()[here], rows["ended_ns"].to_numpy()[here]
    last = int(ended[ended <= sign_ns].max(initial=life.injected_ns))
    failed = (
        evidence.canaries
        & one_of(evidence.shard, shards)
        & ~evidence.good
        & (evidence.started_ns >= life.injected_ns)
        & (evidence.ended_ns < last)
    )
    if np.any((started > sign_ns) & (started <= sign_ns + QUIET_NS)) or failed.any():
        return life.injected_ns
    return min(sign_ns, last)


def _cost(writes: Writes, shard: int, end: tuple[int, int]) -> Flags:
    """Missing writes of this shard that the loss of the end of its log explains."""
    alive_ns, last_ack_ns = end
    rows = writes.rows
    here = ints(rows["shard"], -1) == shard
    started, ended = rows["started_ns"].to_numpy(), rows["ended_ns"].to_numpy()
    survivors = here & writes.ok("create") & ~writes.absent & ~writes.unread & (ended <= alive_ns)
    survived_ns = int(started[survivors].max()) if survivors.any() else -1
    explained: Flags = here & writes.vanished & (started <= last_ack_ns) & (ended >= survived_ns)
    return explained


def _window_ns(writes: Writes, lost: Flags, last_ack_ns: int | None) -> int:
    if not lost.any():
        return 0
    assert last_ack_ns is not None
    return max(0, last_ack_ns - int(writes.rows["ended_ns"].to_numpy()[lost].min()))


def _after_promotion(evidence: Evidence, writes: Writes, life: Life) -> Flags:
    """Writes that certainly began after the new primary's promotion.

    If one of them is missing, a second primary acknowledged it, and no loss window excuses that.
    """
    promoted = promoted_ns(evidence, life)
    if promoted is None:
        return np.zeros(len(writes.rows), dtype=np.bool_)
    # Promotions are read from logs, in wall-clock time: within the uncertainty it is unknown which came first.
    after: Flags = writes.rows["started_ns"].to_numpy() > promoted + evidence.history.uncertainty_ns
    return after


def _split(evidence: Evidence, writes: Writes, owner: Ints, life: Life, promoted: int | None) -> Flags:
    """Missing writes that belong to no fault's loss, and that started after this fault's promotion and before the next injection."""
    rows = writes.rows
    if promoted is None:
        return np.zeros(len(rows), dtype=np.bool_)
    after = _after_promotion(evidence, writes, life)
    here = one_of(ints(rows["shard"], -1), shards_of(evidence, life.fault))
    split: Flags = here & writes.vanished & (owner == NOBODY) & after & (rows["started_ns"].to_numpy() < life.horizon_ns)
    return split


def resolution_ns(evidence: Evidence, writes: Writes, life: Life, objective_ns: int) -> int | None:
    """The widest gap between acknowledgements within ``objective_ns`` before the injection: a loss smaller than this cannot be seen.

    ``None`` when nothing was acknowledged in that time.
    """
    if life.injected_ns is None:
        return None
    rows = writes.rows
    here = one_of(ints(rows["shard"], -1), shards_of(evidence, life.fault)) & (rows["outcome"] == "ok").to_numpy(dtype=np.bool_)
    ended = rows["ended_ns"].to_numpy()
    first = life.injected_ns - objective_ns
    seen = np.sort(ended[here & (ended >= first) & (ended <= life.injected_ns)])
    return int(np.diff(np.concatenate([[first], seen, [life.injected_ns]])).max()) if len(seen) else None
