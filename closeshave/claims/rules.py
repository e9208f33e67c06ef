"""Every rule, and the findings of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from closeshave.claims import bounds, cache, load, planned, products, recovery, residency
from closeshave.claims.finding import ClaimFinding, Promises, Severity
from closeshave.target import Target

OF_A_TARGET: tuple[Callable[[Target], Iterator[ClaimFinding]], ...] = (
    recovery.budget_and_recovery,
    recovery.failover_and_recovery,
    recovery.rebuild_and_recovery,
    recovery.alert_and_recovery,
    load.users_and_rate,
    load.ranges_and_popularity,
    load.errors_and_availability,
    cache.hits_and_rate,
    residency.residency_and_failover,
    bounds.objective_and_promise,
)
"""Rules about the promises of one target."""
WITH_PLANS: tuple[Callable[[Promises], Iterator[ClaimFinding]], ...] = (planned.run_and_budget, planned.too_few_requests)
"""Rules about a target and the plans that test it."""
OF_SEVERAL: tuple[Callable[[tuple[Promises, ...]], Iterator[ClaimFinding]], ...] = (recovery.backup_and_loss, products.one_product)
"""Rules about several targets."""


def lint(several: Iterable[Promises]) -> tuple[ClaimFinding, ...]:
    """All findings: contradictions first, each of these in the order of the targets and the rules."""
    several = tuple(several)
    made = [each for one in several for rule in OF_A_TARGET for each in rule(one.target)]
    made += [each for one in several for with_plans in WITH_PLANS for each in with_plans(one)]
    made += [each for over_several in OF_SEVERAL for each in over_several(several)]
    return tuple(sorted(made, key=lambda each: each.severity is not Severity.CONTRADICTION))
