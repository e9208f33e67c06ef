"""What canaries saw, and whether they saw enough to speak for a scope.

A canary is a pair of the region it enters at and the shard it books on. It is blind when it stopped probing, when it probes too thinly for its
planned rate or too late, or when it was failing before anything was broken: then good answers later, or their absence, prove nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from closeshave.judge.case import Case
from closeshave.judge.columns import Flags, Ints
from closeshave.judge.timeline import in_scope
from closeshave.judge.windows import NEVER_NS
from closeshave.plan import Fault

LEAST_SHARE = 0.5
"""Of the planned probes, so many must be there in every window."""
LATENESS_PART = 10
"""Send lateness up to this part of the canaries' latency is within what any generator needs."""
WINDOW_PROBES = 4
"""A window is a second, and longer for slow canaries: long enough for so many planned probes."""


def held(case: Case) -> Flags:
    """Probes that found service as promised: a good answer within the canaries' latency, counted from when the probe was due."""
    return case.good & (case.response_ns <= round(case.plan.canaries.latency * 1e9))


def telling(case: Case) -> Flags:
    """Operations that say something of the platform. A probe that its own sender held up, and that was then answered as promised, does not: it is
    late by the harness's doing, and nobody asked when it was due. One that failed, or took too long by itself, failed all the same."""
    latency_ns = round(case.plan.canaries.latency * 1e9)
    held_up = case.started_ns - case.intended_ns > latency_ns // LATENESS_PART
    quick = case.good & (case.ended_ns - case.started_ns <= latency_ns)
    return ~(held_up & quick & (case.response_ns > latency_ns))


def pairs(case: Case, rows: Flags, fault: Fault) -> list[tuple[str, int]]:
    """The canaries among ``rows``, and those that the plan wants in the fault's scope: one that never probed at all is not in any row."""
    found = case.operations.loc[rows, ["region", "shard"]].drop_duplicates()
    seen = {(str(region), int(shard)) for region, shard in zip(found["region"], found["shard"], strict=True)}
    topology = case.history.manifest.topology
    planned = {
        (region, shard.id)
        for region in topology.regions
        for shard in topology.shards
        if rate_per_s(case, region, shard.id) > 0 and in_scope(case, fault, region, shard.id)
    }
    return sorted(seen | planned)


def rate_per_s(case: Case, region: str, shard: int) -> float:
    """How often the plan lets this canary probe."""
    home = {each.id: each.home for each in case.history.manifest.topology.shards}.get(shard)
    return case.plan.canaries.home_per_s if region == home else case.plan.canaries.away_per_s


def blindness(case: Case, rows: Flags, fault: Fault, start_ns: int, end_ns: int) -> str:
    """Why the canaries of ``rows`` cannot speak for ``fault`` from ``start_ns`` to ``end_ns``; empty when they can."""
    known = pairs(case, rows, fault)
    if not known:
        return "no canary probes this scope"
    seeing = held(case)
    before_ns = start_ns - round(case.plan.canaries.hold * 1e9)
    for region, shard in known:
        of_pair = rows & case.of_region(region) & (case.shard == shard)
        before = of_pair & (case.intended_ns >= before_ns) & (case.intended_ns < start_ns)
        well = int(np.count_nonzero(before & seeing))
        name = f"the canary from {region} to shard {shard}"
        if not before.any():
            return f"{name} did not probe before the fault"
        if 2 * well <= np.count_nonzero(before):
            return f"{name} was failing before the fault"
        gap = _thin(np.sort(case.intended_ns[of_pair]), start_ns, end_ns, rate_per_s(case, region, shard))
        if gap is not None:
            return f"{name} probed too rarely or too late {(gap - start_ns) / 1e9:.1f} s after the injection"
    return ""


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
    thin = starts[counts < LEAST_SHARE * rate_per_s * width_s]
    return int(thin[0]) if len(thin) else None


def neighbours(case: Case, probes: Ints, bad: Flags) -> tuple[Ints, Flags]:
    """For each of ``probes`` (positions, in time order): when the same canary's next one is due, and whether it failed next to another failure.

    :data:`NEVER_NS` after a canary's last probe.
    """
    region, _ = pd.factorize(case.operations["region"].iloc[probes])
    number, _ = pd.factorize(pd.MultiIndex.from_arrays([region, case.shard[probes]]))
    order = np.argsort(number, kind="stable")
    same = number[order][1:] == number[order][:-1]
    due, failed = case.intended_ns[probes][order], bad[order]
    following, beside = np.full(len(probes), NEVER_NS, dtype=np.int64), np.zeros(len(probes), dtype=np.bool_)
    following[:-1][same] = due[1:][same]
    beside[1:] |= failed[:-1] & same
    beside[:-1] |= failed[1:] & same
    back, outage = np.empty_like(following), np.empty_like(beside)
    back[order], outage[order] = following, failed & beside
    return back, outage
