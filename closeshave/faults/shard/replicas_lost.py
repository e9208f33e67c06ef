"""Every standby of a shard is lost: the primary still serves, but there is no member to fail over to."""

from __future__ import annotations

from closeshave.clients import patroni
from closeshave.faults.kind import Aim, Kind
from closeshave.faults.shard.cluster import ROLES_S, prove, shard_of, standbys, undo, unfit
from closeshave.faults.shard.replica_lost import look, lose
from closeshave.history import Injection
from closeshave.plan import Expected


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Kill all standbys at once: Patroni and PostgreSQL of each."""
    return lose(aim, standbys(aim.deployment, patroni.leader(aim.deployment, shard_of(aim))), strike_ns)


KIND = Kind(
    name="shard.replicas-lost",
    does="Kills all standbys of the shard by SIGKILL at once, each Patroni with its PostgreSQL, so that no member is left to fail over to.",
    observed_by="Connections to the own ports of all standbys are refused.",
    undone_by="Starts the nodes again; proven by a write, streaming replicas, roles, ready applications.",
    scope=("shard",),
    # With synchronous replication Patroni must first allow the primary to continue alone.
    expected=Expected.TOLERATES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
    effect_within_s=None,
)
