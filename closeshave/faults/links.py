"""Disturbs links by toxics, checks that requests through them are affected, and removes the toxics; for every kind of fault that works on links.

A fault's toxics carry its name, so that any process can remove exactly these.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.clients import toxiproxy, wire
from closeshave.clients.toxiproxy import Server, Toxic
from closeshave.clients.wire import WireReply
from closeshave.clock import now_ns
from closeshave.control import hearing, processes
from closeshave.deployment import Deployment, Link
from closeshave.faults import repair
from closeshave.faults.kind import Aim, NotSeen, Proof, Say
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedLink
from closeshave.plurals import counted

SILENCE = (Toxic("timeout", {"timeout": 0}, "upstream"), Toxic("timeout", {"timeout": 0}, "downstream"))
"""Nothing gets through in either direction, without an error.

When they are removed, Toxiproxy closes the blocked connections, because a stream that goes on with missing bytes would not be realistic.
"""
SILENT_S = 0.3
"""A link without an answer for so long counts as silent: on one machine an answer takes about a millisecond."""
PATIENCE_S = 1.0
"""How long beyond its latency a slow link is waited for."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """The same toxics on several links."""

    owner: str
    links: tuple[Link, ...]
    toxics: tuple[Toxic, ...]

    def begin(self) -> tuple[TouchedLink, ...]:
        """Add the toxics on all links at once; each is read back. Raises what :class:`Server` raises."""
        self._on_each_server(lambda server, doses: server.add_all(doses))
        toxics = tuple(f"{toxic.type} {toxic.stream}" for toxic in self.toxics)
        return tuple(TouchedLink(link.name, toxics) for link in self.links)

    def pause(self) -> tuple[str, ...]:
        """Remove the toxics for a while."""
        self._on_each_server(lambda server, doses: server.remove_all(doses))
        return tuple(f"no toxics on link {link.name}" for link in self.links)

    def renew(self) -> tuple[TouchedLink, ...]:
        """Remove the toxics and add them again, so that other connections are affected at random."""
        self.pause()
        return self.begin()

    def _on_each_server(self, act: Callable[[Server, list[tuple[str, Toxic]]], object]) -> None:
        """Do it on all servers at the same time, because one after the other would make the injection late."""
        doses: dict[int, list[tuple[str, Toxic]]] = {}
        for link in self.links:
            doses.setdefault(link.api_port, []).extend((link.name, replace(toxic, owner=self.owner)) for toxic in self.toxics)
        with ThreadPoolExecutor(max(1, len(doses))) as pool:
            list(pool.map(lambda item: act(Server(item[0]), item[1]), doses.items()))


def owner(kind: str, aim: Aim) -> str:
    """The name that a fault's toxics carry."""
    return f"{kind}@{aim.label}"


def without_toxiproxy(deployment: Deployment, kinds: Iterable[str]) -> str:
    """Why one of these kinds of links cannot be disturbed here although others can; empty if each has a Toxiproxy, or if no link has one."""
    without = [kind for kind in kinds if kind in deployment.straight]
    if not without:
        return ""
    return f"{' and '.join(without)} links have no Toxiproxy here, because the environment was started for a plan that breaks none of them"


def unfit(deployment: Deployment) -> str:
    """Why no link can be disturbed here; empty when one can."""
    if deployment.links:
        return ""
    return f"this environment has no links that can be disturbed: {deployment.missing.get('toxiproxy', 'it runs no Toxiproxy')}"


def inject(aim: Aim, disturbance: Disturbance, strike_ns: int) -> Injection:
    """Add the toxics at an instant. Raises what :class:`Server` raises."""
    wait_until(strike_ns)
    began_ns = now_ns()
    touched = disturbance.begin()
    targets = tuple(dict.fromkeys(f"toxiproxy-{link.region}" for link in disturbance.links))
    return Injection(aim.label, touched, began_ns, now_ns(), targets, links=tuple(link.name for link in disturbance.links))


def look(
    aim: Aim,
    injection: Injection,
    timeout_s: float,
    disturbed: Callable[[WireReply], bool],
    *,
    questions: int = 1,
    enough: Callable[[Iterable[bool]], bool] = all,
) -> Sighting | NotSeen:
    """Send so many requests through every link that was used since the injection, and check that ``enough`` are disturbed and that a link was used.

    A link without traffic affects nobody, so it does not count. The kernel knows which links were used, and is asked before these requests are sent.
    """
    links = [link for link in aim.deployment.links if link.name in injection.links]
    # Before the kernel is asked: what it then calls older than this may have come before the injection.
    since_ms = (now_ns() - injection.began_ns) / 1e6
    heard = hearing.heard_ms(aim.deployment, (f"toxiproxy-{link.region}" for link in links))
    used = [link for link in links if heard.get(link.port, since_ms) < since_ms]
    with ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(lambda link: wire.through(link, timeout_s), used * questions))
    if not used:
        return NotSeen(f"none of {counted(len(links), 'link')} was used since the injection")
    took = f"{min(reply.after_s for reply in replies) * 1e3:.0f} … {max(reply.after_s for reply in replies) * 1e3:.0f} ms"
    if not enough(map(disturbed, replies)):
        healthy = sum(not disturbed(reply) for reply in replies)
        said = ", ".join(dict.fromkeys(reply.saw for reply in replies))
        return NotSeen(f"{healthy} of {counted(len(replies), 'request')} show no disturbance: {said} after {took}")
    saw = dict.fromkeys(reply.saw for reply in replies if disturbed(reply))
    return Sighting(
        f"{counted(len(replies), 'request')} through {len(used)} of {counted(len(links), 'link')}, those in use",
        f"{', '.join(saw)} after {took}",
    )


def silent(reply: WireReply) -> bool:
    """No answer and no error."""
    return reply.saw == wire.SILENT


def late(latency_s: float) -> Callable[[WireReply], bool]:
    """An answer, and not before this time has passed."""
    return lambda reply: reply.saw == wire.ANSWERED and reply.after_s >= latency_s


def clear(deployment: Deployment, owner: str, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Remove all toxics of an owner from every link. A server that does not answer is started again, which removes them as well."""
    done: list[str] = []
    for name, server in _servers(deployment).items():
        try:
            done += _clear(server, owner)
        except toxiproxy.Unavailable as error:
            say(f"{name} does not remove its toxics ({type(error).__name__}): restarting it")
            processes.send(processes.family(Path(deployment.root), deployment.process(name)), signal.SIGKILL)
            done += repair.revive(deployment, [name], deadline_ns, say)
    return tuple(done)


def cleared(deployment: Deployment, owner: str) -> Callable[[], Proof]:
    """Every server answers and lists no toxic of this owner."""

    def check() -> Proof:
        servers = _servers(deployment)
        left: list[str] = []
        for name, server in servers.items():
            try:
                left += [f"{link} has {toxic.name}" for link, toxic in _owned(server, owner)]
            except toxiproxy.Unavailable as error:
                left.append(f"{name} does not answer: {type(error).__name__}")
        return Proof(f"{len(servers)} Toxiproxy servers list no toxic of {owner}", not left, ", ".join(left) or "none")

    return check


def _clear(server: Server, owner: str) -> list[str]:
    found = _owned(server, owner)
    if found:
        server.remove_all(found)
    return [f"removed {toxic.name} from {link}" for link, toxic in found]


def _owned(server: Server, owner: str) -> list[tuple[str, Toxic]]:
    return [(link, toxic) for link, toxics in server.listing().items() for toxic in toxics if toxic.owner == owner]


def _servers(deployment: Deployment) -> dict[str, Server]:
    """The environment's Toxiproxy servers by the name of their process."""
    return {process.name: Server(process.ports[0]) for process in deployment.processes if process.role == "toxiproxy"}
