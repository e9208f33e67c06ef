"""Plans against the promises: what a run with faults can say of a promise about a month, and which objectives get too few requests."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave.claims.finding import ClaimFinding, Promises, Severity, found, most, percent, span
from closeshave.plan import Fault
from closeshave.topology import Topology
from closeshave.trial.prospects import prospects


def bad_share(affected: float, outage_s: float, run_s: float) -> float:
    """The share of a run's requests that an outage spoils which ``affected`` (0 to 1) of them meet, at a steady rate."""
    return affected * min(outage_s / run_s, 1.0)


def run_and_budget(promises: Promises) -> Iterator[ClaimFinding]:
    """Faults of a plan that cost more than an availability allows, if their scope is away while they are held."""
    promised = most(promises.target, "availability")
    if promised is None or promised.says.availability is None:
        return
    allowed = 1 - promised.says.availability
    for one in promises.plans:
        run_s = sum(phase.duration for phase in one.plan.phases)
        costs = [(fault, bad_share(affected(fault, one.topology), fault.hold, run_s)) for fault in one.plan.faults]
        dear = [(fault, share) for fault, share in costs if share > allowed]
        if dear:
            said = ", ".join(
                f"{fault.id} ({percent(affected(fault, one.topology))} of the franchises, {span(fault.hold)}) {percent(share)}"
                for fault, share in dear
            )
            sentence = (
                f"Plan {one.plan.name} lasts {span(run_s)}. If what its faults take away is away while they are held, this share of its requests is not "
                f"good: {said}. {promised.claim} allows {percent(allowed)}, over {span(promised.says.over_s)}: a run can only charge faults to that "
                "budget, and judge availability in calm."
            )
            yield found("run-and-budget", Severity.REMARK, (promised,), sentence)


def affected(fault: Fault, topology: Topology) -> float:
    """The share of the franchises that a fault's scope holds, from 0 to 1; 0 for what holds none, such as a cache tier."""
    shard, region = fault.scope.get("shard"), fault.scope.get("region")
    held = [each for each in topology.shards if str(each.id) == str(shard) or (region is not None and each.home == region)]
    return sum(each.last - each.first + 1 for each in held) / topology.franchises


def too_few_requests(promises: Promises) -> Iterator[ClaimFinding]:
    """Objectives about which a plan cannot decide, however good the platform is: its requests are too few."""
    for one in promises.plans:
        for prospect in prospects(one.plan, promises.target, one.topology):
            objective = prospect.objective
            if prospect.enough or not objective.claims:
                continue
            each = f" in each {objective.per}" if prospect.parts > 1 else ""
            sentence = (
                f"Plan {one.plan.name} cannot decide about {objective.id} ({', '.join(objective.claims)}): it takes {prospect.needs:,} requests without a "
                f"breach{each}, and the plan sends about {prospect.expects:,.0f}{each}."
            )
            yield ClaimFinding("too-few-requests", Severity.REMARK, (promises.target.name,), objective.claims, sentence)
