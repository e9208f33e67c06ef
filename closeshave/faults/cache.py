"""Faults of a cache tier: Valkey nodes under Sentinel, in one or several groups."""

from __future__ import annotations

from closeshave.deployment import Store
from closeshave.faults import proofs, repair
from closeshave.faults.killing import kill, whole
from closeshave.faults.kind import Aim, Injection, Kind, Parameter, Proof, Say, Sighting
from closeshave.faults.parts import ports, sentinel
from closeshave.plan import Expected

SWITCH_BACK = Parameter("switch_back", bool, default=True, about="Healing lets the declared primary lead again.")
HEAL_WITHIN_S = 90.0
"""Sentinel refuses a second failover of a group within twice its failover timeout."""


def tier_of(aim: Aim) -> str:
    """The tier that a fault is aimed at."""
    return str(aim.scope["tier"])


def stores_of(aim: Aim) -> tuple[Store, ...]:
    """Every store of the tier, in all its groups."""
    return tuple(store for store in aim.deployment.stores if store.tier == tier_of(aim))


def unfit(aim: Aim) -> str:
    """Not before every group of the tier is linked and its sentinels agree: there would be nobody to fail over to."""
    groups = sentinel.groups_of(aim.deployment, tier_of(aim))
    if not groups:
        return f"this environment has no tier {tier_of(aim)!r}"
    checks = [proofs.group(aim.deployment, group, at_home=False) for group in groups]
    return "; ".join(str(proof) for proof in proofs.together(checks) if not proof.holds)


def inject_primary_killed(aim: Aim, strike_ns: int) -> Injection:
    """Kill the store that leads each group of the tier at this moment."""
    leads = [sentinel.primary(aim.deployment, group) for group in sentinel.groups_of(aim.deployment, tier_of(aim))]
    return _kill(aim, leads, leads, strike_ns)


def inject_tier_lost(aim: Aim, strike_ns: int) -> Injection:
    """Kill every store of the tier at once."""
    leads = [sentinel.primary(aim.deployment, group) for group in sentinel.groups_of(aim.deployment, tier_of(aim))]
    return _kill(aim, list(stores_of(aim)), leads, strike_ns)


def look(aim: Aim, injection: Injection) -> Sighting | None:
    """Connect to every killed store's own port: all refuse, or follow another primary by now."""
    saw: dict[str, str] = {}
    for store in (store for store in stores_of(aim) if store.process in injection.targets):
        if refused := ports.refusal(store.port):
            saw[f"{store.process}:{store.port}"] = refused
        else:
            return None
    return Sighting(f"TCP to {', '.join(saw)}", ", ".join(sorted(set(saw.values())))) if saw else None


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Run every store, link it to the primary that Sentinel holds, let the declared one lead again."""
    done = repair.revive(aim.deployment, [store.process for store in stores_of(aim)], deadline_ns, say)
    for group in sentinel.groups_of(aim.deployment, tier_of(aim)):
        repair.link_stores(aim.deployment, group, deadline_ns)
        if aim.parameters["switch_back"]:
            done += repair.group_home(aim.deployment, group, deadline_ns, say)
    return done


def prove(aim: Aim) -> tuple[Proof, ...]:
    """Stores run, follow one primary that all sentinels name, the declared one."""
    at_home = bool(aim.parameters["switch_back"])
    groups = sentinel.groups_of(aim.deployment, tier_of(aim))
    return proofs.together(
        [
            proofs.running(aim.deployment, [store.process for store in stores_of(aim)]),
            *(proofs.group(aim.deployment, group, at_home=at_home) for group in groups),
            proofs.applications(aim.deployment),
            proofs.doors(aim.deployment),
        ]
    )


def _kill(aim: Aim, victims: list[Store], leads: list[Store], strike_ns: int) -> Injection:
    processes = [aim.deployment.process(store.process) for store in victims]
    done = kill(whole(aim.deployment, processes), strike_ns)
    targets = tuple(process.name for process in processes)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, targets, tuple(store.process for store in leads))


PRIMARY_KILLED = Kind(
    name="cache.primary-killed",
    does="Kills the live primary of every group of the tier by SIGKILL, so that Sentinel promotes a replica.",
    observed_by="Connections to the killed stores' own ports are refused.",
    undone_by="Starts the store again as a replica and fails back; proven by links, agreeing sentinels, roles, ready applications.",
    scope=("tier",),
    parameters=(SWITCH_BACK,),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject_primary_killed,
    look=look,
    undo=undo,
    prove=prove,
    healed_within_s=HEAL_WITHIN_S,
)
TIER_LOST = Kind(
    name="cache.tier-lost",
    does="Kills every node of the tier by SIGKILL; nothing starts them again until the fault is healed.",
    observed_by="Connections to the ports of all the tier's stores are refused.",
    undone_by="Starts every store again; proven by links, agreeing sentinels, roles, ready applications.",
    scope=("tier",),
    parameters=(SWITCH_BACK,),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject_tier_lost,
    look=look,
    undo=undo,
    prove=prove,
    healed_within_s=HEAL_WITHIN_S,
)
KINDS = (PRIMARY_KILLED, TIER_LOST)
