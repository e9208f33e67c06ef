"""Nodes of a tier that are killed or frozen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closeshave.clients import ports, valkey_cluster, wire
from closeshave.control import processes
from closeshave.deployment import Store
from closeshave.faults.cache import tier
from closeshave.faults.freezing import freeze
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter
from closeshave.hashslots import SLOTS
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

SLOT = Parameter("slot", int, default=0, about="A hash slot: the primary that serves it is killed.", at_most=SLOTS - 1)
HUNG_S = 0.3
"""A live store answers within a millisecond, and a platform waits less than this."""


def inject_primary_killed(aim: Aim, strike_ns: int) -> Injection:
    """Kill the current primary of each group of the tier."""
    leads = tier.leads_of(aim)
    return _kill(aim, leads, leads, strike_ns)


def unfit_node(aim: Aim) -> str:
    """Unfit unless the tier is in a cluster, and that is whole: each primary has a replica that could take over."""
    if any(store.slots is None for store in tier.stores_of(aim)):
        return f"the tier {tier.name_of(aim)} is no Valkey cluster, but under Sentinel; cache.primary-killed kills its primary"
    return tier.unfit(aim)


def inject_node_lost(aim: Aim, strike_ns: int) -> Injection:
    """Kill the primary that serves the slot."""
    serving = valkey_cluster.leads(tier.stores_of(aim))
    victims = [store for store, slots in serving.items() if int(aim.parameters["slot"]) in slots]
    return _kill(aim, victims, victims, strike_ns)


def inject_tier_lost(aim: Aim, strike_ns: int) -> Injection:
    """Kill every store of the tier at once."""
    return _kill(aim, tier.stores_of(aim), tier.leads_of(aim), strike_ns)


def inject_primary_hung(aim: Aim, strike_ns: int) -> Injection:
    """Freeze the current primary of each group of the tier."""
    leads = tier.leads_of(aim)
    done = freeze(victims_of(aim.deployment, [aim.deployment.process(store.process) for store in leads]), strike_ns)
    names = tuple(store.process for store in leads)
    return Injection(aim.label, done.touched, done.began_ns, done.still_ns, targets=names, members=names)


def look_killed(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Connect to every killed store's own port: all refuse."""
    saw: dict[str, str] = {}
    for store in _targets(aim, injection):
        if not (refused := ports.refusal(store.port)):
            return NotSeen(f"{store.process} accepts connections on port {store.port}")
        saw[f"{store.process}:{store.port}"] = refused
    return Sighting(f"TCP to {', '.join(saw)}", ", ".join(sorted(set(saw.values())))) if saw else NotSeen("no store was killed")


def look_hung(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Send PING to every frozen store's own port: the kernel accepts the connection, and no answer comes."""
    targets = _targets(aim, injection)
    replies = {store.process: wire.ask(store.port, wire.VALKEY, HUNG_S).saw for store in targets}
    dead = [name for name in replies if processes.find(Path(aim.deployment.root), aim.deployment.process(name)) is None]
    if dead or not replies or any(saw != wire.SILENT for saw in replies.values()):
        told = [*(f"{name} is not running" for name in dead), *(f"PING to {name}: {saw}" for name, saw in replies.items())]
        return NotSeen(", ".join(told) or "no store was frozen")
    return Sighting(f"PING to {', '.join(store.process for store in targets)}", f"connected, but no answer within {HUNG_S:g} s")


def _targets(aim: Aim, injection: Injection) -> list[Store]:
    return [store for store in tier.stores_of(aim) if store.process in injection.targets]


def _kill(aim: Aim, victims: Sequence[Store], leads: Sequence[Store], strike_ns: int) -> Injection:
    doomed = [aim.deployment.process(store.process) for store in victims]
    done = kill(victims_of(aim.deployment, doomed), strike_ns)
    targets = tuple(process.name for process in doomed)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, targets, tuple(store.process for store in leads))


PRIMARY_KILLED = Kind(
    name="cache.primary-killed",
    does="Kills the live primary of every group of the tier by SIGKILL, so that Sentinel promotes a replica.",
    observed_by="Connections to the killed stores' own ports are refused.",
    undone_by="Starts the store again as a replica and fails back; proven by links, agreeing sentinels, roles, ready applications.",
    scope=("tier",),
    parameters=(tier.SWITCH_BACK,),
    expected=Expected.RECOVERS,
    uses=("sentinels",),
    unfit=tier.unfit_in_cluster,
    inject=inject_primary_killed,
    look=look_killed,
    undo=tier.undo,
    prove=tier.prove,
    healed_within_s=tier.HEAL_WITHIN_S,
)
NODE_LOST = Kind(
    name="cache.node-lost",
    does="Kills one primary of the tier's Valkey cluster by SIGKILL, the one that serves a slot, so that its replica takes its slots over.",
    observed_by="Connections to the killed node's own port are refused.",
    undone_by="Starts the node again, which becomes a replica, and lets it take its slots over again; proven by every node: all slots are served, each "
    "once and none in the middle of a move, links, a write to each primary that its replicas have, ready applications.",
    scope=("tier",),
    parameters=(SLOT, tier.SWITCH_BACK),
    expected=Expected.RECOVERS,
    uses=("valkey cluster",),
    environments=frozenset({"embedded"}),
    needs="a Valkey cluster",
    unfit=unfit_node,
    inject=inject_node_lost,
    look=look_killed,
    undo=tier.undo,
    prove=tier.prove,
    healed_within_s=tier.HEAL_WITHIN_S,
)
TIER_LOST = Kind(
    name="cache.tier-lost",
    does="Kills every node of the tier by SIGKILL; nothing starts them again until the fault is healed.",
    observed_by="Connections to the ports of all the tier's stores are refused.",
    undone_by="Starts every store again; proven by links, agreeing sentinels, roles, ready applications.",
    scope=("tier",),
    parameters=(tier.SWITCH_BACK,),
    expected=Expected.DEGRADES,
    unfit=tier.unfit,
    inject=inject_tier_lost,
    look=look_killed,
    undo=tier.undo,
    prove=tier.prove,
    healed_within_s=tier.HEAL_WITHIN_S,
)
PRIMARY_HUNG = Kind(
    name="cache.primary-hung",
    does="Freezes the live primary of every group of the tier by SIGSTOP: it keeps its connections, accepts new ones, and answers none.",
    observed_by="A PING at the frozen stores' own ports is accepted and not answered, while their processes live.",
    undone_by="Resumes the store, makes it follow the promoted replica, and fails back; proven as after a kill.",
    scope=("tier",),
    parameters=(tier.SWITCH_BACK,),
    expected=Expected.RECOVERS,
    uses=("sentinels",),
    unfit=tier.unfit_in_cluster,
    inject=inject_primary_hung,
    look=look_hung,
    undo=tier.undo,
    prove=tier.prove,
    healed_within_s=tier.HEAL_WITHIN_S,
)
