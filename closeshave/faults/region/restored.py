"""A region that is lost and comes back under load: the failback is tested."""

from __future__ import annotations

from closeshave.faults.kind import Aim, Kind, Parameter, Step
from closeshave.faults.region import domain, lost
from closeshave.plan import Expected

OUTAGE_S = Parameter(
    "outage_s", float, default=30.0, about="How long the region is lost before it is brought back, in seconds.", at_least=1
)


def course(aim: Aim) -> tuple[Step, ...]:
    """Start the region again and move its primaries back, while the fault is held."""
    does = f"{domain.name_of(aim)} is started again and its primaries are moved back, under load"
    return (Step(float(aim.parameters["outage_s"]), does, domain.undo),)


KIND = Kind(
    name="region.restored",
    hold_s=120,
    does="Kills the region as region.lost does, and after the outage starts it again and moves its primaries home, all within the fault.",
    observed_by="Connections to every port of the region are refused, while it is lost.",
    undone_by="Starts what does not run yet and switches roles back; proven by writes, replication, sentinels, etcd, edges.",
    scope=("region",),
    parameters=(OUTAGE_S, domain.SWITCH_BACK),
    expected=Expected.RECOVERS,
    kills_etcd=True,
    unfit=domain.unfit,
    inject=lost.inject,
    look=lost.look,
    undo=domain.undo,
    prove=domain.prove,
    lead_s=lambda _aim: domain.ROLES_S,
    healed_within_s=domain.HEAL_WITHIN_S,
    lasting=False,
    course=course,
)
