"""The whole broker is lost, with its replicas, so that no failover helps."""

from __future__ import annotations

from closeshave.faults import proofs
from closeshave.faults.cache import tier
from closeshave.faults.cache.killed import inject_tier_lost, look_killed
from closeshave.faults.kind import Aim, Kind, Proof
from closeshave.faults.worker import crew
from closeshave.plan import Expected
from closeshave.vocabulary import BACKGROUND


def unfit(aim: Aim) -> str:
    """Unfit for another tier, and until its groups are healthy."""
    if tier.name_of(aim) != crew.TIER:
        return f"{tier.name_of(aim)} is not the tier of the broker; aim at {{tier: {crew.TIER}}}, or use cache.tier-lost"
    return tier.unfit(aim)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The tier is healthy, and all workers that run take jobs from it again."""
    workers = tuple(process for process in aim.deployment.processes if process.role == "worker")

    def taking() -> Proof:
        left = crew.unseen(aim.deployment, workers)
        return Proof("the broker sees every worker take jobs", not left, f"not {left}" if left else "all of them")

    return proofs.together([*tier.checks(aim), taking])


KIND = Kind(
    name="broker.lost",
    does="Kills every node of the broker by SIGKILL, primaries and replicas; nothing starts them again until the fault is healed.",
    observed_by="Connections to the ports of all of the broker's nodes are refused.",
    undone_by="Starts every node again; proven by links, agreeing sentinels, roles, and by the workers, which take jobs again.",
    scope=("tier",),
    parameters=(tier.SWITCH_BACK,),
    # Bookings are made all the same, and their jobs are done later.
    expected=Expected.TOLERATES,
    unfit=unfit,
    inject=inject_tier_lost,
    look=look_killed,
    undo=tier.undo,
    prove=prove,
    uses=(BACKGROUND,),
    environments=frozenset({"embedded"}),
    needs="workers beside the application, which our images do not have",
    healed_within_s=tier.HEAL_WITHIN_S,
    effect_within_s=None,
)
