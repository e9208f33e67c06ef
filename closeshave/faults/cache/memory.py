"""A tier whose memory limit is below its use: it evicts entries or, where its policy forbids that, refuses writes."""

from __future__ import annotations

from closeshave.clients import sentinel, valkey
from closeshave.clock import now_ns
from closeshave.deployment import Store
from closeshave.faults import proofs
from closeshave.faults.cache import tier
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.waiting import wait_until
from closeshave.history import Before, Injection, Sighting, TouchedMemory
from closeshave.plan import Expected

KEPT = Parameter("kept", float, default=0.5, about="The share of its keys and values that each primary has memory for.", at_most=1.0)


def unfit(aim: Aim) -> str:
    """Unfit while a store's limit is not the declared one, because healing restores the declared one."""
    if reason := tier.unfit(aim):
        return reason
    try:
        return "; ".join(filter(None, (_undeclared(aim, store) for store in tier.stores_of(aim))))
    except sentinel.Unavailable as error:
        return str(error)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Lower the limit of every group's primary below what it uses."""
    leads = tier.leads_of(aim)
    rooms = {store: _room_bytes(aim, store) for store in leads}
    before = tuple(Before(store.process, "shortages", valkey.shortages(store)) for store in leads)
    wait_until(strike_ns)
    began_ns = now_ns()
    for store, room in rooms.items():
        valkey.limit(store, room)
    touched = tuple(TouchedMemory(store.process, room) for store, room in rooms.items())
    names = tuple(store.process for store in leads)
    return Injection(aim.label, touched, began_ns, now_ns(), targets=names, members=names, before=before)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Read the stores' own counters: since the injection they have evicted keys, or refused writes."""
    short: dict[str, int] = {}
    for store in (store for store in tier.stores_of(aim) if store.process in injection.members):
        try:
            short[store.process] = valkey.shortages(store) - injection.before_of(store.process)
        except sentinel.Unavailable:
            continue
    hit = {name: count for name, count in short.items() if count > 0}
    if not hit:
        return NotSeen(f"no evictions and no refused writes at {', '.join(short)}" if short else "no store answers")
    return Sighting(f"evictions and refused writes by INFO of {', '.join(short)}", ", ".join(f"{name} {n}" for name, n in hit.items()))


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Restore the declared limit of every store, then repair the tier."""

    def raised(store: Store) -> str:
        declared = valkey.declared_limit_bytes(aim.deployment.process(store.process))
        if declared is None or valkey.limit_bytes(store) == declared:
            return ""
        valkey.limit(store, declared)
        return f"{store.process} may use {declared} bytes of memory again"

    return tier.restore(aim, deadline_ns, say, raised)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The tier is healthy, and every store's limit is the declared one."""
    claims = ("store may use its declared memory", "stores may use their declared memory")
    return proofs.together([*tier.checks(aim), lambda: tier.each_store(aim, claims, lambda store: _undeclared(aim, store))])


def _undeclared(aim: Aim, store: Store) -> str:
    """How a store's memory limit differs from the declared one; empty when it does not."""
    declared, now = valkey.declared_limit_bytes(aim.deployment.process(store.process)), valkey.limit_bytes(store)
    return "" if declared == now else f"{store.process} may use {now} bytes of memory; declared: {declared}"


def _room_bytes(aim: Aim, store: Store) -> int:
    dataset, overhead = valkey.footing_bytes(store)
    return overhead + round(dataset * float(aim.parameters["kept"]))


KIND = Kind(
    name="cache.memory-exhausted",
    does="Lowers the memory limit of every group's live primary below what it uses: it evicts, or refuses writes, as its policy says.",
    observed_by="The stores' counters of evicted keys or of refused writes have risen since.",
    undone_by="Restores the declared limit; proven by reading it, and by a write that reaches the replicas.",
    scope=("tier",),
    parameters=(KEPT,),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    healed_within_s=tier.HEAL_WITHIN_S,
    effect_within_s=None,
)
