"""Disconnects containers from networks and connects them again as declared; for every kind of fault that cuts networks.

A disconnected container keeps its TCP connections and nothing gets through, as when a cable is pulled. It is connected again with the same address,
so that data that is still being sent arrives then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from closeshave.clock import now_ns
from closeshave.control import machine
from closeshave.control.machine import Machine, MachineFailed
from closeshave.deployment import Attachment, Deployment, Process
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, TouchedNetwork
from closeshave.plurals import counted

NETWORKS = "networks of a container engine"
"""What every such kind needs; see :attr:`closeshave.faults.kind.Kind.needs`."""
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Cut:
    """One container's connection to one network, to be cut."""

    process: str
    place: Machine
    network: str


def cuts(processes: Iterable[Process], networks: Collection[str]) -> tuple[Cut, ...]:
    """Every declared connection of these processes to these networks. Pure."""
    return tuple(
        Cut(process.name, place, attachment.network)
        for process, place in _attached(processes)
        for attachment in place.attachments
        if attachment.network in networks
    )


def networks_of(deployment: Deployment, *purposes: str, region: str | None = None) -> frozenset[str]:
    """The names of the networks with these purposes, of one region or of all. Pure."""
    return frozenset(
        network.name for network in deployment.networks if network.purpose in purposes and region in {None, network.region or region}
    )


def unfit(cut: Collection[Cut]) -> str:
    """Why no network can be cut here; empty when one can."""
    return "" if cut else f"there is no network to cut: this fault needs {NETWORKS}"


def inject(aim: Aim, cut: tuple[Cut, ...], strike_ns: int, *, members: Iterable[str] = (), links: Iterable[str] = ()) -> Injection:
    """Disconnect all of them at the same instant. Raises :data:`MachineFailed`."""
    wait_until(strike_ns)
    began_ns = now_ns()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda each: each.place.disconnect(each.network), cut))
    targets = tuple(dict.fromkeys(each.process for each in cut))
    # No process was killed: only the old primaries themselves know when they stepped down.
    touched = tuple(TouchedNetwork(each.process, each.network) for each in cut)
    return Injection(aim.label, touched, began_ns, None, targets, tuple(members), tuple(links))


def rejoin(processes: Iterable[Process], say: Say) -> tuple[str, ...]:
    """Connect every running process to each of its declared networks again; one that has ended is connected to all of them when it starts."""

    def back(missing: tuple[str, Machine, Attachment]) -> str:
        name, place, attachment = missing
        try:
            place.connect(attachment)
        except MachineFailed as error:
            # It may have ended just now. If not, the proof says so.
            say(f"{name} could not be connected to {attachment.network} again: {error}")
            return ""
        return f"{name} on {attachment.network} again"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        missing = [each for found in pool.map(_missing, _attached(processes)) for each in found]
        return tuple(filter(None, pool.map(back, missing)))


def joined(processes: Iterable[Process]) -> Proof:
    """Every process is on every network that it is declared to be on, as its machine has it."""
    attached = _attached(processes)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            left = [f"{name} is not on {absent.network}" for found in pool.map(_missing, attached) for name, _, absent in found]
    except MachineFailed as error:
        left = [str(error)]
    return Proof(
        counted(len(attached), "container is on all of its networks", "containers are on all of their networks"),
        not left,
        ", ".join(left) or "all of them",
    )


def _attached(processes: Iterable[Process]) -> list[tuple[Process, Machine]]:
    return [(process, place) for process in processes if (place := machine.of(process)).attachments]


def _missing(attached: tuple[Process, Machine]) -> list[tuple[str, Machine, Attachment]]:
    process, place = attached
    return [(process.name, place, attachment) for attachment in place.missing()]
