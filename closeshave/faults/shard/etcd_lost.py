"""All of etcd is lost: no shard can elect a primary, and a shard that has one must keep it."""

from __future__ import annotations

from closeshave.faults.kind import Aim, Kind
from closeshave.faults.shard import etcd
from closeshave.faults.shard.cluster import ROLES_S
from closeshave.history import Injection
from closeshave.plan import Expected


def unfit(aim: Aim) -> str:
    """Also unfit with a version of etcd whose killed members start empty: its data would be lost."""
    if any("etcd_rejoin" in word for process in etcd.members(aim) for word in process.argv):
        return f"etcd {aim.deployment.versions.get('etcd', '')} starts empty after a kill, so the fault could not be undone"
    return etcd.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill every member by SIGKILL at once."""
    return etcd.lose(aim, etcd.members(aim), strike_ns)


KIND = Kind(
    name="shard.etcd-lost",
    hold_s=30,
    does="Kills every member of etcd by SIGKILL at once, so that no Patroni can renew or win a leader key until the fault is healed.",
    observed_by="Connections to the client ports of all members are refused.",
    undone_by="Starts the members again; proven by the health of every member, and a write, replication and roles on every shard.",
    scope=(),
    # By Patroni's failsafe mode: a primary that still sees all its standbys continues without etcd.
    expected=Expected.TOLERATES,
    kills_etcd=True,
    unfit=unfit,
    inject=inject,
    look=etcd.look,
    undo=etcd.undo,
    prove=etcd.prove,
    lead_s=lambda _aim: ROLES_S,
    healed_within_s=90.0,
    effect_within_s=None,
)
