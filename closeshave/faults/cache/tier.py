"""What faults of a tier share: its stores, their primaries, and the check that it is healthy."""

from __future__ import annotations

from collections.abc import Callable

from closeshave.clients import leads, sentinel
from closeshave.deployment import Store
from closeshave.faults import proofs
from closeshave.faults.affected import Affected
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.plurals import counted

SWITCH_BACK = Parameter("switch_back", bool, default=True, about="Healing makes the declared primary the primary again.")
HEAL_WITHIN_S = 90.0
"""Sentinel refuses a second failover of a group within twice its failover timeout."""


def name_of(aim: Aim) -> str:
    """The tier that a fault is aimed at."""
    return str(aim.scope["tier"])


def stores_of(aim: Aim) -> tuple[Store, ...]:
    """Every store of the tier, in all its groups."""
    return tuple(store for store in aim.deployment.stores if name_of(aim) in store.tiers)


def leads_of(aim: Aim) -> tuple[Store, ...]:
    """The current primary of each group of the tier, and every one of a cluster. Raises :class:`~closeshave.clients.sentinel.NoPrimary`."""
    groups = sentinel.groups_of(aim.deployment, name_of(aim))
    return tuple(lead for group in groups for lead in leads.primaries(aim.deployment, group))


def affected(aim: Aim) -> Affected:
    """The tier's stores and groups."""
    processes = tuple(store.process for store in stores_of(aim))
    return Affected(aim.deployment, processes, sentinel.groups_of(aim.deployment, name_of(aim)))


def unfit(aim: Aim) -> str:
    """Unfit until every group's replicas are connected and its sentinels agree: before that there is no replica to fail over to."""
    return affected(aim).unfit() if stores_of(aim) else f"this environment has no tier {name_of(aim)!r}"


def unfit_in_cluster(aim: Aim) -> str:
    """As :func:`unfit`, for a fault between Sentinel and its stores: a cluster has none."""
    if stores_of(aim) and all(store.slots is not None for store in stores_of(aim)):
        return f"the tier {name_of(aim)} is in a Valkey cluster, which Sentinel does not watch; cache.node-lost loses one of its nodes"
    return unfit(aim)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start every store, make it follow the primary that Sentinel knows, and fail back to the declared primary."""
    return affected(aim).mend(deadline_ns, say, at_home=bool(aim.parameters.get("switch_back", False)))


def restore(aim: Aim, deadline_ns: int, say: Say, at_store: Callable[[Store], str]) -> tuple[str, ...]:
    """Put every store right again, then as :func:`undo`. ``at_store`` says what it did, empty for nothing.

    A store that does not answer is told of and passed over: one that is down starts as it is declared, one that hangs shows in the proof.
    """
    done = []
    for store in stores_of(aim):
        try:
            done.append(at_store(store))
        except sentinel.Unavailable as error:
            say(f"{store.process}: {error}")
    return (*filter(None, done), *undo(aim, deadline_ns, say))


def each_store(aim: Aim, claims: tuple[str, str], wrong: Callable[[Store], str]) -> Proof:
    """Something holds for every store. ``claims`` says what, of one store and of several; ``wrong`` says of a store why it does not, empty if it does."""
    stores = stores_of(aim)
    try:
        faults = list(filter(None, map(wrong, stores)))
    except sentinel.Unavailable as error:
        faults = [str(error)]
    return Proof(counted(len(stores), *claims), not faults, "; ".join(faults) or "all of them")


def checks(aim: Aim) -> list[proofs.Check]:
    """Stores run, accept writes and follow one primary that all sentinels name, the declared one if wanted."""
    return affected(aim).checks(at_home=bool(aim.parameters.get("switch_back", False)))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The tier is healthy."""
    return proofs.together(checks(aim))
