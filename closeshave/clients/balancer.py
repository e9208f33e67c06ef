"""HAProxy's runtime API: instances of the application are taken out of a region's balancer, and put back."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from closeshave.clients import haproxy
from closeshave.deployment import Balancer

_SESSION = re.compile(r"^(0x[0-9a-f]+): ", re.MULTILINE)
"""What begins the description of a session (HAProxy's management guide, *show sess*)."""


class Unavailable(OSError):
    """The balancer does not answer, or refuses the command."""


@dataclass(frozen=True, slots=True)
class ServerView:
    """How the balancer sees one instance."""

    status: str
    """``UP``, ``DOWN``, ``DRAIN``, ``MAINT``, or one of them with the count of checks (``UP 1/2``)."""
    in_flight: int
    """Requests that it sent to the instance and that have not ended."""
    weight: int = 1
    """Its share of the requests is this, out of the sum over all instances that serve."""

    @property
    def serves(self) -> bool:
        """Whether the instance gets requests."""
        return self.status.startswith("UP")


def drain(balancer: Balancer, instance: str) -> None:
    """Send the instance no new requests; those in flight go on. Raises :class:`Unavailable`."""
    _set(balancer, instance, "drain")


def put_back(balancer: Balancer, instance: str) -> None:
    """Send the instance requests again once the balancer's own check finds it ready. Raises :class:`Unavailable`."""
    _set(balancer, instance, "ready")


def weigh(balancer: Balancer, instance: str, weight: int) -> None:
    """Set the instance's weight, 0 to 256. Raises :class:`Unavailable`."""
    _tell(balancer, f"set server {balancer.backend}/{instance} weight {weight}", f"give {instance} the weight {weight}")


def weigh_as_declared(balancer: Balancer, instance: str) -> None:
    """Give the instance the weight of the balancer's settings again. Raises :class:`Unavailable`."""
    _tell(balancer, f"set server {balancer.backend}/{instance} weight 100%", f"give {instance} its declared weight")


def view(balancer: Balancer, instance: str) -> ServerView:
    """How the balancer sees the instance. Raises :class:`Unavailable`, also if it does not know it."""
    # Of the servers (4) of one backend, all of them (-1): HAProxy's management guide. A frontend of the same name may hide it: then of all (-1).
    for proxy in (balancer.backend, "-1"):
        text = _answer(balancer, f"show stat {proxy} 4 -1").removeprefix("# ")
        for row in csv.DictReader(text.splitlines()):
            if (row.get("pxname"), row.get("svname")) == (balancer.backend, instance):
                return ServerView(row.get("status") or "", int(row.get("scur") or 0), int(row.get("weight") or 0))
    raise Unavailable(f"the balancer of {balancer.region} knows no instance {instance}")


def queued(balancer: Balancer) -> int:
    """Requests that wait in the balancer for an instance that may take them. Raises :class:`Unavailable`."""
    text = _answer(balancer, f"show stat {balancer.backend} 6 -1").removeprefix("# ")
    rows = [row for row in csv.DictReader(text.splitlines()) if row.get("pxname") == balancer.backend]
    return sum(int(row.get("qcur") or 0) for row in rows)


def tunnels(balancer: Balancer) -> tuple[str, ...]:
    """The names of its sessions that have become tunnels, as those of WebSockets do. Raises :class:`Unavailable`."""
    sessions = _SESSION.split(_answer(balancer, "show sess all"))
    # The first part is what stands before any session; then names and their descriptions take turns.
    return tuple(name for name, about in zip(sessions[1::2], sessions[2::2], strict=False) if "status=101" in about)


def cut(balancer: Balancer, session: str) -> bool:
    """End a session, on both sides; false if it has ended already. Raises :class:`Unavailable`."""
    said = _answer(balancer, f"shutdown session {session}").strip()
    if said and "No such session" not in said:
        raise Unavailable(f"the balancer of {balancer.region} refuses to end {session}: {said.splitlines()[0]}")
    return not said


def _set(balancer: Balancer, instance: str, state: str) -> None:
    _tell(balancer, f"set server {balancer.backend}/{instance} state {state}", f"set {instance} to {state}")


def _tell(balancer: Balancer, command: str, what: str) -> None:
    said = _answer(balancer, command).strip()
    if said:
        # It answers a command that it carried out with an empty line.
        raise Unavailable(f"the balancer of {balancer.region} refuses to {what}: {said.splitlines()[0]}")


def _answer(balancer: Balancer, command: str) -> str:
    try:
        return haproxy.answer(balancer.admin_port, command)
    except OSError as error:
        raise Unavailable(f"the balancer of {balancer.region} does not answer at port {balancer.admin_port}: {error}") from None
