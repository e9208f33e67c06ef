"""Sentinels cannot reach a tier's primaries, while its clients can: there are two primaries until the old one is made a replica."""

from __future__ import annotations

from closeshave.clients import sentinel, valkey
from closeshave.clock import now_ns
from closeshave.deployment import Store
from closeshave.faults import proofs
from closeshave.faults.cache import tier
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedUser
from closeshave.plan import Expected
from closeshave.plurals import counted


def unfit(aim: Aim) -> str:
    """Unfit if sentinels have no user of their own: they could not be locked out without locking out the clients."""
    if reason := tier.unfit_in_cluster(aim):
        return reason
    try:
        deaf = [f"{store.process} refuses the sentinels' user" for store in tier.stores_of(aim) if not valkey.hears_sentinels(store)]
    except sentinel.Unavailable as error:
        return str(error)
    return "; ".join(deaf)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Take every right from the sentinels' user at the primary of each group."""
    leads = tier.leads_of(aim)
    wait_until(strike_ns)
    began_ns = now_ns()
    for store in leads:
        valkey.hear_sentinels(store, hear=False)
    names = tuple(store.process for store in leads)
    touched = tuple(TouchedUser(valkey.SENTINEL_USER, name) for name in names)
    return Injection(aim.label, touched, began_ns, now_ns(), targets=names, members=names)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Ask the sentinels and, as a client, the stores: most sentinels consider the store down or replaced, and the store says that it is primary."""
    saw = []
    for store in (store for store in tier.stores_of(aim) if store.process in injection.targets):
        views = sentinel.views(aim.deployment, store.group)
        lost = [name for name, view in views.items() if not view.settled_on(store)]
        try:
            leads = sentinel.replication(store).primary
        except sentinel.Unavailable as error:
            return NotSeen(f"{store.process} does not answer: {error}")
        if not leads:
            return NotSeen(f"{store.process} says that it is a replica")
        if 2 * len(lost) <= len(aim.deployment.sentinels):
            return NotSeen(
                f"{len(lost)} of {counted(len(aim.deployment.sentinels), 'sentinel')} say that {store.process} is not the primary"
            )
        saw.append(f"{store.process} says that it is primary; {', '.join(lost)} say that it is not")
    if not saw:
        return NotSeen("no store was cut off")
    return Sighting("INFO of the stores as a client, SENTINEL MASTER at the sentinels", "; ".join(saw))


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Let every store accept its sentinels again, make the old primary follow the new one, and fail back to the declared one."""

    def heard(store: Store) -> str:
        if valkey.hears_sentinels(store) is not False:
            return ""
        valkey.hear_sentinels(store, hear=True)
        return f"{store.process} accepts its sentinels again"

    return tier.restore(aim, deadline_ns, say, heard)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """Every store accepts its sentinels, and the tier is healthy."""
    claims = ("store accepts its sentinels", "stores accept their sentinels")
    return proofs.together([*tier.checks(aim), lambda: tier.each_store(aim, claims, _deaf)])


def _deaf(store: Store) -> str:
    """Says so if the store refuses its sentinels; empty when it accepts them."""
    return "" if valkey.hears_sentinels(store) else f"{store.process} does not"


KIND = Kind(
    name="cache.split-from-sentinels",
    does="Refuses the sentinels' own user every command at the live primary of each group: they can no longer reach it, but its clients can.",
    observed_by="Most sentinels consider the store down or replaced, while the store tells a client that it is primary.",
    undone_by="Restores the user's rights, makes the old primary follow, fails back; proven by rights, links, sentinels, a write.",
    scope=("tier",),
    parameters=(tier.SWITCH_BACK,),
    expected=Expected.RECOVERS,
    uses=("sentinels",),
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    healed_within_s=tier.HEAL_WITHIN_S,
    effect_within_s=None,
)
