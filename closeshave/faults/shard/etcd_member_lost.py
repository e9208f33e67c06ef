"""One member of etcd is gone; the others are a majority."""

from __future__ import annotations

from closeshave.faults.kind import Aim, Kind
from closeshave.faults.shard import etcd
from closeshave.faults.shard.cluster import ROLES_S
from closeshave.history import Injection
from closeshave.plan import Expected


def unfit(aim: Aim) -> str:
    """Unfit if the process is not a member, or while etcd is not healthy."""
    names = [process.name for process in etcd.members(aim)]
    if aim.scope["process"] not in names:
        return f"{aim.scope['process']} is not an etcd member; available: {', '.join(names) or 'none'}"
    return etcd.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill it by SIGKILL."""
    return etcd.lose(aim, (aim.deployment.process(str(aim.scope["process"])),), strike_ns)


KIND = Kind(
    name="shard.etcd-member-lost",
    does="Kills one member of etcd by SIGKILL; nothing restarts it until the fault is healed.",
    observed_by="Connections to the member's client port are refused.",
    undone_by="Starts the member again; proven by the health of every member, and a write, replication and roles on every shard.",
    scope=("process",),
    expected=Expected.TOLERATES,
    kills_etcd=True,
    unfit=unfit,
    inject=inject,
    look=etcd.look,
    undo=etcd.undo,
    prove=etcd.prove,
    lead_s=lambda _aim: ROLES_S,
    effect_within_s=None,
)
