"""What canaries saw, and whether they saw enough to judge a scope.

A canary is a pair of the region it enters at and the shard it books on. It is blind when it stopped probing, when it probes too rarely for its
planned rate or too late, or when it was failing before the fault: then good answers later, or their absence, prove nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.judge.evidence.columns import Flags, Ints, equal
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.plan import Fault, Role
from closeshave.scope import holds
from closeshave.vocabulary import OWN_PROBE

WRITE, READ = "canary_write", "canary_read"
PROBES = (WRITE, READ, OWN_PROBE)
"""Operations of canaries that test the service. Their clean-up and the renewal of their tokens do not count."""
ENOUGH = 20
"""With so many probes a share of 95 % can be told from an outage: more than one failure among them is too many."""
LEAST_SHARE = 0.4
"""The share of the planned probes that every window must have. Less than half, because while writes fail there are no reads."""
QUICK_NS = 25_000_000
"""An answer within this time plus three times the usual one waited for nothing, or only for other requests that a hang released."""
APART_NS = 5_000_000
"""Requests sent closer together than this are answered together in any case."""
SLOW_LEAST_NS = 50_000_000
"""The limit if it is unknown what is usual."""
RELEASED_PART = 4
"""Answered together: the time between the answers is no more than this part of the time between the requests."""
LATENESS_PART = 10
"""Send lateness up to this part of the canaries' latency bound is normal for any generator."""
SLIPS = 3
"""At least so many of the latest probes must be bad before a canary counts as failing."""
WINDOW_PROBES = 5
"""A window is a second, and longer for slow canaries: long enough for so many planned probes."""
EDGE_PAIRS = 0.25
"""A window may begin just after a write and end just before one, so its count may be less than planned by this many pairs."""


def held(evidence: Evidence, probes: Ints) -> Flags:
    """Which of these probes found the promised service: a good answer within the canaries' latency bound, counted from when the probe was due."""
    found: Flags = evidence.good[probes] & (evidence.response_ns[probes] <= round(evidence.plan.canaries.latency * 1e9))
    return found


def informative(evidence: Evidence, lost: Iterable[int] = ()) -> Flags:
    """Probes that say something about the platform: writes, and reads of writes that are not ``lost`` (IDs of writes).

    A probe that its own sender delayed, and that was then answered as promised, says nothing: the harness made it late, and the platform was not
    asked when the probe was due. One that failed, or that took too long after it was sent, failed in any case.
    """
    latency_ns = round(evidence.plan.canaries.latency * 1e9)
    probes = evidence.of_kinds(PROBES)
    at = np.flatnonzero(probes)
    held_up = evidence.started_ns[at] - evidence.intended_ns[at] > latency_ns // LATENESS_PART
    quick = evidence.good[at] & (evidence.ended_ns[at] - evidence.started_ns[at] <= latency_ns)
    probes[at[held_up & quick & (evidence.response_ns[at] > latency_ns)]] = False
    return probes & ~_in_vain(evidence, lost)


def _in_vain(evidence: Evidence, lost: Iterable[int]) -> Flags:
    """Failed reads of a write that was not acknowledged, or that is lost. A canary reads at once: its read is due when its write is answered."""
    found = np.zeros(len(evidence.operations), dtype=np.bool_)
    reads = np.flatnonzero(evidence.canaries & evidence.of_kinds((READ,)) & ~evidence.good)
    writes = np.flatnonzero(evidence.canaries & evidence.of_kinds((WRITE,)))
    writes = writes[~evidence.ok[writes] | np.isin(evidence.ids[writes], list(lost))]
    if len(reads) and len(writes):
        region, _ = pd.factorize(evidence.operations["region"].iloc[np.concatenate([writes, reads])])
        written = pd.MultiIndex.from_arrays([region[: len(writes)], evidence.shard[writes], evidence.ended_ns[writes]])
        asked = pd.MultiIndex.from_arrays([region[len(writes) :], evidence.shard[reads], evidence.intended_ns[reads]])
        found[reads] = asked.isin(written)
    return found


@dataclass(frozen=True, slots=True)
class Sequence:
    """Probes in the order in which they were due: parallel arrays, instants in monotonic nanoseconds."""

    due: Ints
    started: Ints
    ended: Ints
    bad: Flags
    canary: Ints
    """The canary of each probe, as a number."""
    released: Flags
    """Failed probes that a hang delayed until its end: their answers arrived together."""

    def where(self, chosen: Flags) -> Sequence:
        """A selection of the probes, in the same order."""
        due, started, ended = self.due[chosen], self.started[chosen], self.ended[chosen]
        return Sequence(due, started, ended, self.bad[chosen], self.canary[chosen], self.released[chosen])


def sequence(evidence: Evidence, probes: Ints, before: Ints) -> Sequence:
    """The probes at these positions (in time order), for the search for an outage; those at ``before`` show how quick answers are without a fault."""
    region, _ = pd.factorize(evidence.operations["region"].iloc[probes])
    number, _ = pd.factorize(pd.MultiIndex.from_arrays([region, evidence.shard[probes]]))
    due, started, ended = evidence.intended_ns[probes], evidence.started_ns[probes], evidence.ended_ns[probes]
    bad = ~held(evidence, probes)
    usual = evidence.ended_ns[before] - evidence.started_ns[before]
    slow_ns = QUICK_NS + 3 * int(np.median(usual)) if len(usual) else SLOW_LEAST_NS
    released = _released(evidence.good[probes], bad, evidence.shard[probes], started, ended, slow_ns)
    return Sequence(due, started, ended, bad | released, number.astype(np.int64), released)


def _released(good: Flags, bad: Flags, shard: NDArray[np.signedinteger[Any]], started: Ints, ended: Ints, slow_ns: int) -> Flags:
    """Probes that waited for the end of a hang: answered at the same moment as others that were sent at other times, and overlapping a failed one.

    If a platform is only slow, each probe waits by itself, and one that was sent later is answered later by the same time.
    """
    found = np.zeros(len(bad), dtype=np.bool_)
    waited = np.flatnonzero(good & (ended - started > slow_ns) & (ended != NEVER_NS))
    for place in np.unique(shard[waited]):
        mine = waited[shard[waited] == place]
        mine = mine[np.argsort(started[mine], kind="stable")]
        apart, answered = np.diff(started[mine]), np.abs(np.diff(ended[mine]))
        together = (answered * RELEASED_PART <= apart) & (apart > APART_NS)
        answered_together = mine[np.concatenate([together, [False]]) | np.concatenate([[False], together])]
        failures = np.flatnonzero(bad & (shard == place))
        for one in answered_together:
            found[one] = bad[one] or bool(np.any((started[failures] <= ended[one]) & (ended[failures] >= started[one])))
    return found


def pairs(evidence: Evidence, rows: Flags, fault: Fault) -> list[tuple[str, int]]:
    """The canaries among ``rows``, and those that the plan has in the fault's scope: a canary that never probed is in no row."""
    found = evidence.operations.loc[rows, ["region", "shard"]].drop_duplicates()
    seen = {(str(region), int(shard)) for region, shard in zip(found["region"], found["shard"], strict=True)}
    topology, own = evidence.history.manifest.topology, evidence.plan.traffic.locust
    planned = {
        (region, shard.id)
        for region in topology.regions
        for shard in topology.shards
        if (own is None or shard.id == own.shard_in(topology))
        and rate_per_s(evidence, region, shard.id) > 0
        and holds(fault, region, shard.id, evidence.history.manifest.topology)
    }
    return sorted(seen | planned)


def rate_per_s(evidence: Evidence, region: str, shard: int) -> float:
    """Planned probes per second of this canary."""
    home = {each.id: each.home for each in evidence.history.manifest.topology.shards}.get(shard)
    return evidence.plan.canaries.home_per_s if region == home else evidence.plan.canaries.away_per_s


def blindness(evidence: Evidence, rows: Flags, fault: Fault, start_ns: int, end_ns: int) -> str:
    """Why the canaries of ``rows`` do not measure ``fault`` from ``start_ns`` to ``end_ns``; empty when they do."""
    known = pairs(evidence, rows, fault)
    if not known:
        return "no canary probes this scope"
    mine = np.flatnonzero(rows)
    due, shards, seeing = evidence.intended_ns[mine], evidence.shard[mine], held(evidence, mine)
    regions = evidence.operations["region"].iloc[mine]
    for region, shard in known:
        own = np.flatnonzero(equal(regions, region) & (shards == shard))
        of_pair = due[own]
        since_ns = _since_ns(evidence, fault, start_ns, rate_per_s(evidence, region, shard))
        before = (of_pair >= since_ns) & (of_pair < start_ns)
        name = f"the canary from {region} to shard {shard}"
        if not before.any():
            return f"{name} did not probe before the fault"
        recent = int(np.count_nonzero(of_pair[before] >= start_ns - round(evidence.plan.canaries.hold * 1e9)))
        if _failing(~seeing[own[before]][np.argsort(of_pair[before], kind="stable")], recent):
            return f"{name} was failing before the fault"
        gap = _thin(np.sort(of_pair), start_ns, end_ns, rate_per_s(evidence, region, shard))
        if gap is not None:
            return f"{(gap - start_ns) / 1e9:.1f} s after the injection {name} probed too rarely or too late"
    return ""


def _since_ns(evidence: Evidence, fault: Fault, start_ns: int, rate_per_s: float) -> int:
    """From when on probes show a canary's state before the fault: long enough for :data:`ENOUGH` planned ones, and never less than the hold.

    Two probes of a slow canary, one of them late, do not show that it was failing, so older probes are used as well. But none of the warm-up, where
    caches are cold, and none of an earlier fault, which has failures of its own.
    """
    hold_ns = round(evidence.plan.canaries.hold * 1e9)
    long_ns = round(ENOUGH / rate_per_s * 1e9) if rate_per_s > 0 else 0
    warm_ns = [phase.ended_ns for phase in evidence.history.manifest.phases if phase.role == Role.WARM_UP]
    others_ns = [event.at_ns for event in evidence.history.faults if event.fault != fault.id and event.at_ns < start_ns]
    return min(start_ns - hold_ns, max([start_ns - long_ns, *warm_ns, *others_ns]))


def _failing(bad: Flags, recent: int) -> bool:
    """Whether a canary was failing before the fault: most of these probes (in time order) were bad, or most of the ``recent`` ones.

    The recent ones, because an outage that began just before the fault was not caused by it. At least :data:`SLIPS` of them must be bad; if there are
    fewer recent probes, older ones are used. One bad probe, or a write and its read that were late together, happens to a working canary too.
    """
    latest = bad[-max(recent, SLIPS) :]
    return 2 * int(bad.sum()) > len(bad) or (int(latest.sum()) >= SLIPS and 2 * int(latest.sum()) > len(latest))


def _thin(due: Ints, start_ns: int, end_ns: int, rate_per_s: float) -> int | None:
    """The start of the first window with too few probes; ``None`` when every window from ``start_ns`` to ``end_ns`` has enough."""
    if rate_per_s <= 0:
        return None
    width_s = max(1.0, WINDOW_PROBES / rate_per_s)
    width_ns = round(width_s * 1e9)
    if end_ns - start_ns < width_ns:
        return None
    # A window that slides by single probes is emptiest just after one, so these are all the starts there are to look at.
    starts = np.concatenate([[start_ns], due[(due >= start_ns) & (due < end_ns - width_ns)] + 1, [end_ns - width_ns]])
    counts = np.searchsorted(due, starts + width_ns) - np.searchsorted(due, starts)
    # A calibrated plan has rates at which no whole number of writes makes up the share.
    planned = rate_per_s * width_s
    thin = starts[counts < min(LEAST_SHARE * planned, math.floor(planned / 2 - EDGE_PAIRS))]
    return int(thin[0]) if len(thin) else None
