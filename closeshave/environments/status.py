"""The current state of every part of a running environment, asked from the parts themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from closeshave.clients import etcd, patroni, ports, sentinel, valkey, valkey_cluster
from closeshave.control import processes
from closeshave.deployment import Deployment, Member, Process, Sentinel, Store, load
from closeshave.hashslots import told
from closeshave.plurals import counted


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One process and its current role."""

    name: str
    role: str
    region: str | None
    running: bool
    detail: str
    """Its current state in a few words: ``primary, timeline 2``, ``replica, link up``, ``leader``, ``ready``."""


def status(root: Path) -> tuple[PartStatus, ...]:
    """Every part of the environment at ``root``. Raises :class:`FileNotFoundError` if no environment has started completely there."""
    deployment = load(root)
    with ThreadPoolExecutor(8) as askers:
        return tuple(askers.map(lambda process: _status(deployment, process), deployment.processes))


def _status(deployment: Deployment, process: Process) -> PartStatus:
    running = processes.find(Path(deployment.root), process) is not None
    return PartStatus(process.name, process.role, process.region, running, _detail(deployment, process) if running else "not running")


def _detail(deployment: Deployment, process: Process) -> str:
    port = process.ports[0] if process.ports else 0
    match process.role:
        case "etcd":
            return _etcd(port)
        case "patroni":
            return _patroni(next(member for member in deployment.members if member.process == process.name))
        case "valkey":
            return _valkey(next(store for store in deployment.stores if store.process == process.name))
        case "sentinel":
            return _sentinel(deployment, next(each for each in deployment.sentinels if each.process == process.name))
        case "app":
            readiness = deployment.application.readiness
            status, body = ports.fresh_answer(ports.url(port, readiness.path))
            return "ready" if readiness.met(status, body) else "not ready" if status else "no answer"
        case _:
            return f"port {port}" if port else "serves no port"


def _etcd(port: int) -> str:
    leads = etcd.leads(port)
    return "no answer" if leads is None else "leader" if leads else "follower"


def _patroni(member: Member) -> str:
    answer = patroni.about(member)
    if answer is None:
        return "no answer"
    return f"{answer.get('role')}, {answer.get('replication_state') or answer.get('state')}, timeline {answer.get('timeline', '?')}"


def _valkey(store: Store) -> str:
    answer = valkey.replication(store.port)
    if answer is None:
        return "no answer"
    role = (
        f"primary, {counted(int(answer['connected_slaves']), 'replica')}"
        if answer["role"] == "master"
        else f"replica, link {answer['master_link_status']}"
    )
    return role if store.slots is None else f"{role}, {_in_cluster(store)}"


def _in_cluster(store: Store) -> str:
    try:
        seen = valkey_cluster.view(store)
    except sentinel.Unavailable:
        return "its cluster unknown"
    moving = f", {counted(len(seen.own.open), 'slot')} being moved" if seen.own.open else ""
    served = f", serves slots {told(seen.own.slots)}" if seen.own.primary else ""
    return f"cluster {'well' if seen.serves else 'not well'}{served}{moving}"


def _sentinel(deployment: Deployment, asked: Sentinel) -> str:
    known = {
        group: sentinel.known(asked, group) for group in dict.fromkeys(store.group for store in deployment.stores if store.slots is None)
    }
    bad = [group for group, answer in known.items() if answer is None or answer["flags"] != "master"]
    return f"reports problems in {', '.join(bad)}" if bad else f"{counted(len(known), 'group')} healthy"
