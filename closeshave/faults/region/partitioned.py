"""A region cut from the others altogether, which no set of processes on one loopback can be: there is only the refusal of it."""

from __future__ import annotations

from closeshave.faults.kind import Aim, Injection, Kind
from closeshave.faults.region import domain
from closeshave.plan import Expected

WHY = (
    "etcd, Patroni, Sentinel and the stores' replication speak over one loopback here: cutting them off takes network namespaces or "
    "containers; region.data-links-cut and region.customers-cut cut what can be cut"
)


def unfit(_aim: Aim) -> str:
    """Never where the regions share a network."""
    return WHY


def inject(_aim: Aim, _strike_ns: int) -> Injection:
    """Raises :class:`RuntimeError`: a cut that left etcd and Sentinel connected would be a lie."""
    raise RuntimeError(WHY)


KIND = Kind(
    name="region.partitioned",
    does="Cuts every connection between the region and the others, also that of etcd, Patroni, Sentinel and the edges.",
    observed_by="Nothing outside of the region is reached from inside of it, and nothing inside from outside.",
    undone_by="Joins the networks again; proven by writes, replication, sentinels, etcd, edges.",
    scope=("region",),
    parameters=(domain.SWITCH_BACK,),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=lambda _aim, _injection: None,
    undo=domain.undo,
    prove=domain.prove,
    healed_within_s=domain.HEAL_WITHIN_S,
    environments=frozenset({"containers"}),
)
