"""Steady-state objectives: availability, percentiles, throughput and the cache's hit ratio, over everything or for each part.

The rule of decision
--------------------
*Pass* when the confidence bound on the bad side still meets the objective; *fail* when even the bound on the good side violates it;
*inconclusive* in between, with the number of requests that would settle it. So:

* It is not fooled: 100 requests without a failure do not prove 99.99 % (29,956 would), and a platform that is truly worse than its
  objective passes in at most 5 runs of 100, whatever the length of the run.
* It is not flaky: a platform that is truly better fails in at most 5 runs of 100. Comparing the bare figure with the bound would fail one
  that sits on its bound every second night, and one failure among 5,000 requests would refute 99.99 %, although a platform that keeps it
  shows such a sample two times in five.

Time percentiles are counted over *all* requests of the sample: one that was not good counts as endless. Counted over good ones only, a
platform that sheds its slowest 6 % with an instant 503 would improve its p95 by failing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from closeshave.judge import sampling
from closeshave.judge.case import Case
from closeshave.judge.columns import Flags, Ints, equal
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.windows import NEVER_NS, spans, within
from closeshave.judge.witness import first_and_worst, row
from closeshave.plan import Measure, Objective

STEADY = frozenset(
    {Measure.AVAILABILITY, Measure.LATENCY, Measure.DATABASE_TIME, Measure.CACHE_TIME, Measure.CACHE_HIT_RATIO, Measure.THROUGHPUT}
)
"""What this judge judges; recovery, loss and integrity have their own."""


@dataclass(frozen=True, slots=True)
class Part:
    """One verdict's share of an objective: its ID, its scope and the operations that belong to it."""

    id: str
    scope: str
    rows: Flags


def judge(case: Case, objective: Objective) -> tuple[Verdict, ...]:
    """One verdict for each part that the objective is stated per."""
    covered = spans(case.history.manifest, objective.window)
    base = case.customers & within(case.intended_ns, covered)
    if objective.operations:
        base = base & case.of_kinds(objective.operations)
    limited = within(case.intended_ns, [window.span for window in case.late])
    return tuple(_cautious(case, objective, part, limited) for part in _parts(case, objective, base))


def _parts(case: Case, objective: Objective, base: Flags) -> Iterator[Part]:
    """The parts come from the topology, not from the data: a region without a single request has a verdict too, and it is not pass."""
    topology = case.history.manifest.topology
    match objective.per:
        case "all":
            yield Part(f"{objective.id}/all", "all", base)
        case "region":
            for region in topology.regions:
                yield Part(f"{objective.id}/{region}", f"region:{region}", base & case.of_region(region))
        case "shard":
            for shard in topology.shards:
                yield Part(f"{objective.id}/shard-{shard.id}", f"shard:{shard.id}", base & (case.shard == shard.id))
        case "operation":
            for kind in objective.operations or sorted(case.operations["kind"][base].dropna().unique()):
                yield Part(f"{objective.id}/{kind}", f"operation:{kind}", base & case.of_kinds((kind,)))


def _cautious(case: Case, objective: Objective, part: Part, limited: Flags) -> Verdict:
    """The verdict, reduced to what the generator's health supports.

    Where the generator was late its lateness is in every response time, so nothing there convicts the platform and nothing there acquits
    it. But what the punctual windows prove by themselves stands: a platform must not escape because the generator stumbled once.
    """
    touched = int(np.count_nonzero(part.rows & limited))
    if not touched:
        return decide(case, objective, part)
    punctual = decide(case, objective, replace(part, rows=part.rows & ~limited))
    if punctual.status is Status.FAIL:
        return punctual
    whole = decide(case, objective, part)
    share = touched / max(1, int(np.count_nonzero(part.rows)))
    reason = f"the load generator was late in windows that hold {share:.0%} of these requests, so their times are not the platform's alone"
    return replace(whole, status=Status.INCONCLUSIVE, reason=reason, witnesses=())


def decide(case: Case, objective: Objective, part: Part) -> Verdict:
    """The verdict on one part, the generator trusted."""
    match objective.measure:
        case Measure.AVAILABILITY:
            return _share(case, objective, part, part.rows, case.good, "were answered well")
        case Measure.CACHE_HIT_RATIO:
            hit = equal(case.operations["cache"], "hit")
            looked_up = part.rows & (hit | equal(case.operations["cache"], "miss"))
            return _share(case, objective, part, looked_up, hit, "were served from the cache")
        case Measure.LATENCY:
            return _time(case, objective, part, part.rows, np.where(case.good, case.response_ns, NEVER_NS))
        case Measure.DATABASE_TIME:
            return _server_time(case, objective, part, "db_ms")
        case Measure.CACHE_TIME:
            return _server_time(case, objective, part, "cache_ms")
        case Measure.THROUGHPUT:
            return _throughput(case, objective, part)
        case _:
            raise ValueError(f"{objective.measure} is not a steady-state measure")


def _verdict(objective: Objective, part: Part, unit: str) -> Verdict:
    return Verdict(
        id=part.id,
        claims=objective.claims,
        status=Status.INCONCLUSIVE,
        measure=objective.measure.value,
        scope=part.scope,
        measured=None,
        bound=objective.bound,
        unit=unit,
        reason="there was no request of this kind to judge",
    )


def _share(case: Case, objective: Objective, part: Part, rows: Flags, kept: Flags, what: str) -> Verdict:
    blank = _verdict(objective, part, "ratio")
    n = int(np.count_nonzero(rows))
    if not n:
        return blank
    if objective.at_least is None:
        return replace(blank, n=n, reason="a ratio is bounded from below: the objective needs at_least")
    successes = int(np.count_nonzero(rows & kept))
    low, high = sampling.share_bounds(successes, n, objective.confidence)
    bound = objective.at_least
    found = replace(blank, measured=successes / n, n=n, confidence=(low, high), reason="")
    if low >= bound:
        return replace(found, status=Status.PASS)
    counted = f"{successes:,} of {n:,} requests {what} ({successes / n:.4%})"
    if high < bound:
        witnesses = first_and_worst(rows & ~kept, case.intended_ns, case.response_ns, case.ids)
        why = f"one of the {n - successes:,} that were not"
        shown = tuple(row(case.operations, position, why) for position in witnesses)
        return replace(found, status=Status.FAIL, reason=f"{counted}, promised are at least {bound:.4%}", witnesses=shown)
    return replace(found, reason=f"{counted}: too few to tell whether {bound:.4%} is kept{_needed(n - successes, n, 1 - bound, objective)}")


def _server_time(case: Case, objective: Objective, part: Part, column: str) -> Verdict:
    """Times that the platform states itself; only answers that state one count, since a cached answer never saw the database."""
    stated = case.operations[column].to_numpy(dtype=np.float64, na_value=np.nan)
    rows = part.rows & ~np.isnan(stated)
    times_ns = np.zeros(len(rows), dtype=np.int64)
    times_ns[rows] = np.rint(stated[rows] * 1e6).astype(np.int64)
    return _time(case, objective, part, rows, times_ns)


def _time(case: Case, objective: Objective, part: Part, rows: Flags, times_ns: Ints) -> Verdict:
    blank = _verdict(objective, part, "s")
    assert objective.percentile is not None
    sample = times_ns[rows]
    n = len(sample)
    if not n:
        return blank
    if objective.at_most is None:
        return replace(blank, n=n, reason="a time is bounded from above: the objective needs at_most")
    bound_ns = round(objective.at_most * 1e9)
    measured = sampling.percentile_ns(sample, objective.percentile)
    low, high = sampling.percentile_bounds_ns(sample, objective.percentile, objective.confidence)
    within_bound = int(np.count_nonzero(sample <= bound_ns))
    found = replace(blank, n=n, measured=_seconds(measured), confidence=_interval(low, high), reason="")
    if high <= bound_ns:
        return replace(found, status=Status.PASS)
    text = "was never reached, because too many were not answered well" if measured == NEVER_NS else f"is {measured / 1e6:,.1f} ms"
    counted = f"the p{objective.percentile * 100:g} of {n:,} requests {text}"
    if low > bound_ns:
        guilty = rows & (times_ns > bound_ns)
        why = f"one of the {n - within_bound:,} that were slower than {objective.at_most * 1e3:g} ms or not answered well"
        # Among the endless ones the longest to answer is the worst.
        worst = np.where(times_ns == NEVER_NS, case.response_ns, times_ns)
        shown = tuple(row(case.operations, position, why) for position in first_and_worst(guilty, case.intended_ns, worst, case.ids))
        return replace(found, status=Status.FAIL, reason=f"{counted}, promised are {objective.at_most * 1e3:g} ms", witnesses=shown)
    needed = _needed(n - within_bound, n, 1 - objective.percentile, objective)
    return replace(found, reason=f"{counted}: too few to tell whether {objective.at_most * 1e3:g} ms is kept{needed}")


def _throughput(case: Case, objective: Objective, part: Part) -> Verdict:
    """Good answers per second of the phases. No confidence: it is a count of what was done, not an estimate of what could be."""
    blank = _verdict(objective, part, "1/s")
    duration_s = sum(span.seconds for span in spans(case.history.manifest, objective.window))
    offered = int(np.count_nonzero(part.rows))
    if not offered or not duration_s:
        return blank
    if objective.at_least is None:
        return replace(blank, n=offered, reason="throughput is bounded from below: the objective needs at_least")
    done = int(np.count_nonzero(part.rows & case.good))
    bound = objective.at_least
    found = replace(blank, measured=done / duration_s, n=offered, reason="")
    if done / duration_s >= bound:
        return replace(found, status=Status.PASS)
    if offered / duration_s < bound:
        # The platform was never asked for what it promised; its answer says nothing.
        return replace(found, reason=f"only {offered / duration_s:,.1f} requests/s were offered, too few to test {bound:g} requests/s")
    why = "one of the requests that were offered and not answered well"
    guilty = first_and_worst(part.rows & ~case.good, case.intended_ns, case.response_ns, case.ids)
    reason = f"{done / duration_s:,.1f} requests/s were answered well, promised are {bound:g} requests/s"
    return replace(found, status=Status.FAIL, reason=reason, witnesses=tuple(row(case.operations, position, why) for position in guilty))


def _needed(failures: int, n: int, allowed: float, objective: Objective) -> str:
    needed = sampling.requests_to_settle(failures, n, allowed, objective.confidence)
    if needed is None or needed <= n:
        return "; it lies too close to the bound for any affordable number of requests"
    return f"; about {needed:,} like these would settle it"


def _seconds(time_ns: int) -> float | None:
    return None if time_ns == NEVER_NS else time_ns / 1e9


def _interval(low_ns: int, high_ns: int) -> tuple[float, float] | None:
    """``None`` where the sample is too small for one of the bounds: JSON has no infinity."""
    return None if NEVER_NS in (low_ns, high_ns) else (low_ns / 1e9, high_ns / 1e9)
