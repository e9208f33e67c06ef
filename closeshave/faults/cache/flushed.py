"""A tier loses all entries at once, and every read goes to the database: a cache stampede."""

from __future__ import annotations

from closeshave.clients import sentinel, valkey
from closeshave.clock import now_ns
from closeshave.faults.cache import tier
from closeshave.faults.kind import Aim, Kind, NotSeen, Say
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedKeys
from closeshave.plan import Expected
from closeshave.plurals import counted


def unfit(aim: Aim) -> str:
    """Unfit while the tier is empty: a flush would have no effect."""
    if reason := tier.unfit(aim):
        return reason
    try:
        return "" if any(valkey.keys(store) for store in tier.leads_of(aim)) else f"tier {tier.name_of(aim)} holds no keys to flush"
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        return str(error)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Flush the primary of every group; its replicas follow."""
    leads = tier.leads_of(aim)
    wait_until(strike_ns)
    began_ns = now_ns()
    touched = tuple(TouchedKeys(store.process, valkey.flush(store)) for store in leads)
    names = tuple(each.store for each in touched)
    return Injection(aim.label, touched, began_ns, now_ns(), targets=names, members=names)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Count the keys at the replicas, which were not flushed directly: they hold less than half of what the primaries held."""
    before = sum(each.keys for each in injection.touched if isinstance(each, TouchedKeys))
    followers = [store for store in tier.stores_of(aim) if store.process not in injection.targets]
    try:
        left = {store.process: valkey.keys(store) for store in followers}
    except sentinel.Unavailable as error:
        return NotSeen(f"the keys at the replicas cannot be counted: {error}")
    if not left or not 2 * sum(left.values()) < before:
        return NotSeen(f"the replicas {', '.join(left)} hold {sum(left.values())} of {before} keys" if left else "there is no replica")
    return Sighting(f"keys at the replicas {', '.join(left)}", f"{sum(left.values())} left of {before}")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Nothing has to be undone; the number of keys that the platform has stored again is recorded."""
    done = tier.undo(aim, deadline_ns, say)
    try:
        return (*done, *(f"{store.process} holds {counted(valkey.keys(store), 'key')} again" for store in tier.leads_of(aim)))
    except (sentinel.Unavailable, sentinel.NoPrimary):
        return done


KIND = Kind(
    name="cache.flushed",
    does="Flushes the live primary of every group of the tier (FLUSHALL): all entries are gone at once, and every read is a miss.",
    observed_by="The replicas, which were not flushed directly, hold less than half of the previous keys.",
    undone_by="Nothing has to be undone: reads fill the tier again. Proven by a write that reaches the replicas, links and ready applications.",
    scope=("tier",),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=tier.prove,
    healed_within_s=tier.HEAL_WITHIN_S,
    lasting=False,
)
