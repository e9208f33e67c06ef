"""Conditions of a healed environment, each checked once; if a part does not answer, its proof fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from closeshave.clients import edges as edges_
from closeshave.clients import patroni, ports, postgres, sentinel, valkey_cluster
from closeshave.control import processes
from closeshave.deployment import OWN_REQUESTS, Deployment, Edge, Process
from closeshave.faults import repair, store_clusters
from closeshave.faults.kind import Proof
from closeshave.files import append_line, foreign
from closeshave.plurals import counted

REACHED_WITHIN_S = 5.0
"""Patroni's round takes a second, and a retry three (``loop_wait``, ``retry_timeout``)."""
Check = Callable[[], Proof]


def together(checks: Iterable[Check]) -> tuple[Proof, ...]:
    """Check everything at the same time, so that a part that hangs delays the others by its own timeout at most."""
    with ThreadPoolExecutor(16) as pool:
        return tuple(pool.map(lambda check: check(), checks))


def running(deployment: Deployment, names: Iterable[str]) -> Check:
    """Every named process runs, and neither it nor its children are stopped."""

    def check() -> Proof:
        root = Path(deployment.root)
        missing, stopped, count = [], [], 0
        for process in (deployment.process(name) for name in names):
            count += 1
            if processes.find(root, process) is None:
                missing.append(process.name)
            still = processes.stopped(processes.family(root, process))
            stopped += [f"{process.name} pid {identity.pid}" for identity in still]
        saw = "; ".join([*(f"{name} is not running" for name in missing), *(f"{name} is stopped" for name in stopped)])
        return Proof(counted(count, "process runs", "processes run"), not saw, saw or "all of them")

    return check


def shard(deployment: Deployment, id: int, *, at_home: bool) -> Check:
    """A shard accepts a write at its only primary, all its replicas stream from it and, if wanted, the primary is the declared one."""

    def check() -> Proof:
        what = f"shard {id} accepts a write, its replicas stream{' and its primary is the declared one' if at_home else ''}"
        replicas = len(patroni.members_of(deployment, id)) - 1
        try:
            lead = patroni.leader(deployment, id)
            position = postgres.write(deployment, lead)
            streaming = postgres.streaming(deployment, lead)
        except (patroni.NoLeader, postgres.Unavailable) as error:
            return Proof(what, False, f"{type(error).__name__}: {error}".strip())
        holds = streaming >= replicas and (not at_home or lead == repair.declared(deployment, id))
        return Proof(
            what, holds, f"{lead.process} wrote at {position}, {streaming} of {counted(replicas, 'replica streams', 'replicas stream')}"
        )

    return check


def unsettled(deployment: Deployment, id: int) -> str:
    """Why a shard could not fail over at the moment; empty when it could. Killed just after a rejoin, it would fail over only after a long time."""
    whole = shard(deployment, id, at_home=False)()
    if not whole.holds:
        return str(whole)
    try:
        return patroni.unsettled(deployment, id)
    except patroni.NoLeader as error:
        return str(error)


def group(deployment: Deployment, name: str, *, at_home: bool) -> Check:
    """A store group has a primary that every sentinel names and reports as healthy; it accepts a write, and every other store follows it. Of a cluster see
    :func:`closeshave.faults.store_clusters.whole`."""
    if valkey_cluster.clustered(deployment, name):
        return lambda: store_clusters.whole(deployment, name, at_home=at_home)

    def check() -> Proof:
        what = f"{name} accepts a write, its replicas are connected, its sentinels agree{' and its primary is the declared one' if at_home else ''}"
        stores = sentinel.stores_of(deployment, name)
        try:
            lead = sentinel.primary(deployment, name)
            roles = {store.process: sentinel.replication(store) for store in stores}
            copies = sentinel.write(lead)
        except (sentinel.Unavailable, sentinel.NoPrimary) as error:
            return Proof(what, False, f"{type(error).__name__}: {error}")
        views = sentinel.views(deployment, name)
        faults = [f"{view} says port {said.port}, {said.flags}" for view, said in views.items() if not said.settled_on(lead)]
        faults += [f"{sentinel_.process} does not answer" for sentinel_ in deployment.sentinels if sentinel_.process not in views]
        faults += [] if roles[lead.process].primary else [f"{lead.process} is not a primary"]
        faults += [
            f"{store.process} does not follow {lead.process}"
            for store in stores
            if store != lead and not (roles[store.process].linked and roles[store.process].primary_port == lead.port)
        ]
        if copies < len(stores) - 1:
            faults.append(f"a write reached {copies} of {counted(len(stores) - 1, 'replica')}")
        if at_home and lead != stores[0]:
            faults.append(f"{lead.process} leads")
        return Proof(
            what,
            not faults,
            "; ".join(faults)
            or f"{lead.process} leads {counted(len(stores), 'store')}, {counted(len(views), 'sentinel agrees', 'sentinels agree')}",
        )

    return check


def etcd(deployment: Deployment) -> Check:
    """Every member of etcd is healthy, by its own report."""

    def check() -> Proof:
        # The endpoint answers 503 while the member has no leader.
        sick = [port for port in deployment.etcd_ports if ports.status(ports.url(port, "/health")) != 200]
        return Proof(
            counted(len(deployment.etcd_ports), "etcd member is healthy", "etcd members are healthy"),
            not sick,
            f"unhealthy on ports {sick}" if sick else "all of them",
        )

    return check


def patronis_reach_etcd(deployment: Deployment) -> Check:
    """Every Patroni has reached etcd within its last few rounds."""

    def check() -> Proof:
        seen = {member.process: patroni.reached_etcd_s(member) for member in deployment.members}
        left = [name for name, at_s in seen.items() if at_s is None or time.time() - at_s > REACHED_WITHIN_S]
        return Proof(
            f"{len(seen)} Patronis reach etcd", not left, f"not {', '.join(left)}" if left else f"all within {REACHED_WITHIN_S:g} s"
        )

    return check


def applications(deployment: Deployment) -> Check:
    """Every application process that runs says that it is ready. (Whether it runs is proven by :func:`running`.)"""

    def check() -> Proof:
        asked = _serving(deployment)
        readiness = deployment.application.readiness
        answers = {process.name: ports.answer(ports.url(process.ports[0], readiness.path)) for process in asked}
        unready = [f"{name} answers {answer[0]}" for name, answer in answers.items() if not readiness.met(*answer)]
        return Proof(
            counted(len(asked), "application is ready", "applications are ready"), not unready, ", ".join(unready) or "all of them"
        )

    return check


def edges(deployment: Deployment, shards: Iterable[int] = ()) -> Check:
    """Every edge endpoint leads to its own region again, whose applications reach these shards through their region's proxies."""

    def check() -> Proof:
        # A region that another fault has broken is no part of this proof.
        regions = dict.fromkeys(process.region for process in _serving(deployment))
        edges = [edge for edge in deployment.edges if edge.region in regions]
        faults = [f"{edge.region} {fault}" for edge in edges if (fault := _door(deployment, edge, shards))]
        claim = counted(len(edges), "edge leads to its own region", "edges lead to their own regions")
        return Proof(claim, not faults, "; ".join(faults) or "all of them")

    return check


def ask(deployment: Deployment, edge: Edge, path: str, headers: Mapping[str, str] | None = None) -> ports.Answer | None:
    """The answer at a region's edge, ``None`` when there is none; noted before, because the edges' counters are compared with the customers' requests."""
    append_line(Path(deployment.root, OWN_REQUESTS), {"region": edge.region})
    return edges_.answer(deployment, edge, path, headers)


def _door(deployment: Deployment, edge: Edge, shards: Iterable[int]) -> str:
    """What is wrong with the region behind an edge; empty when nothing is."""
    readiness = deployment.application.readiness
    answer = ask(deployment, edge, readiness.path)
    if answer is None or not readiness.met(answer.status_code, answer.text):
        return f"answers {answer.status_code if answer else 'nothing'}"
    # Not every application says which region serves; of one region there is no doubt.
    served_by = answer.headers.get("x-region", "" if len(deployment.edges) > 1 else edge.region)
    if not served_by:
        seen = edges_.reaches(edge, edge.region)
        return "" if seen.startswith("UP") else f"sees its own region as {seen or 'unknown'}"
    if served_by != edge.region:
        return f"is served by {served_by}"
    checks = _checks(answer.content)
    unreached = [name for shard in shards for name, well in checks.items() if name.startswith(f"shard {shard} ") and not well]
    return f"does not reach {', '.join(unreached)}" if unreached else ""


def _checks(content: bytes) -> Mapping[str, Any]:
    """What an application says of its databases by name, as far as it says it."""
    try:
        told = foreign.loads(content)
    except ValueError:
        return {}
    found = told.get("checks") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def _serving(deployment: Deployment) -> list[Process]:
    root = Path(deployment.root)
    return [process for process in deployment.processes if process.role == "app" and processes.find(root, process) is not None]
