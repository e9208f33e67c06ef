"""A region that is lost entirely."""

from __future__ import annotations

from closeshave.clients import ports
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Kind, NotSeen
from closeshave.faults.region import domain
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected
from closeshave.plurals import counted


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill every process of the region by SIGKILL at once, PostgreSQL's children included."""
    leads = domain.leads_of(aim)
    owned = domain.owned(aim)
    done = kill(victims_of(aim.deployment, owned), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, tuple(process.name for process in owned), leads)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Connect to every port of the region: all refuse."""
    asked = [(process.name, port) for process in domain.owned(aim) if process.name in injection.targets for port in process.ports]
    accepting = next((f"{name} accepts connections on port {port}" for name, port in asked if not ports.refusal(port)), "")
    if not asked or accepting:
        return NotSeen(accepting or "no part with a port was killed")
    return Sighting(f"TCP to {counted(len(asked), 'port')} of {domain.name_of(aim)}", "every connection is refused")


KIND = Kind(
    name="region.lost",
    hold_s=60,
    does="Kills every process of the region by SIGKILL at once: applications, proxies, databases, stores, its etcd member and sentinel.",
    observed_by="Connections to every port of the region are refused.",
    undone_by="Starts every process again in order and switches roles back; proven by writes, replication, sentinels, etcd, edges.",
    scope=("region",),
    parameters=(domain.SWITCH_BACK,),
    expected=Expected.RECOVERS,
    kills_etcd=True,
    unfit=domain.unfit,
    inject=inject,
    look=look,
    undo=domain.undo,
    prove=domain.prove,
    lead_s=lambda _aim: domain.ROLES_S,
    healed_within_s=domain.HEAL_WITHIN_S,
)
