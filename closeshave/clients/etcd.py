"""etcd by its JSON gateway: is a member healthy, does it lead, what does it keep, and who belongs to the cluster."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closeshave.clients import ports
from closeshave.clients.address import HOST

MEMBERS = "/v3/cluster/member"


def healthy(port: int) -> bool:
    """Whether the member at a port takes part in a cluster that has a leader."""
    answer = ports.told_object(ports.url(port, "/health"))
    return answer is not None and answer.get("health") == "true"


def leads(port: int) -> bool | None:
    """Whether the member at a port leads the cluster; ``None`` when it does not answer."""
    answer = ports.told_object(ports.url(port, "/v3/maintenance/status"), {})
    return None if answer is None else bool(answer.get("leader") == answer["header"]["member_id"])


def values(port: int, prefix: str) -> dict[str, str]:
    """Every key that starts with ``prefix`` and its value; empty when the member at a port does not answer."""
    first = prefix.encode()
    last = first[:-1] + bytes([first[-1] + 1])
    answer = ports.told_object(ports.url(port, "/v3/kv/range"), {"key": _encoded(first), "range_end": _encoded(last)}) or {}
    return {_decoded(pair["key"]): _decoded(pair.get("value", "")) for pair in answer.get("kvs", [])}


@dataclass(frozen=True, slots=True)
class Registrar:
    """A member that is asked who belongs to the cluster."""

    port: int
    host: str = HOST

    def members(self) -> Sequence[Mapping[str, Any]]:
        """All members as it lists them; empty when it does not answer."""
        members: Sequence[Mapping[str, Any]] = (self._asked("list", {}) or {}).get("members", [])
        return members

    def remove(self, member: Mapping[str, Any]) -> None:
        """Ask it to take a member out of the cluster; whether it did shows in :meth:`members`."""
        self._asked("remove", {"ID": member["ID"]})

    def add(self, peer_url: str) -> Sequence[Mapping[str, Any]]:
        """Add a member that its peers reach at this URL; returns all members then, the new one without a name; empty when it was not added."""
        answer = self._asked("add", {"peerURLs": [peer_url]}) or {}
        members: Sequence[Mapping[str, Any]] = answer["members"] if "member" in answer else []
        return members

    def _asked(self, what: str, question: Mapping[str, Any]) -> dict[str, Any] | None:
        return ports.told_object(ports.url(self.port, f"{MEMBERS}/{what}", self.host), question)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")
