"""Patroni's current view of a shard, read from any member's REST API, and its switchover."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from closeshave.clients import ports
from closeshave.deployment import Deployment, Member

PRIMARY, HISTORY = "/primary", "/history"
TIMEOUT_S = 2.0
SWITCHOVER_TIMEOUT_S = 20.0
"""Seconds for a switchover, which is answered when it is done."""
OUT_OF_TOUCH_S = 3.0
"""Seconds without etcd after which a member counts as cut off: Patroni queries etcd every second, and reports the last answer in whole seconds."""
LEADING = frozenset({"leader", "master", "primary", "standby_leader"})
RUNNING = frozenset({"running", "streaming"})


Unavailable = ports.Failed
"""Raised by an order to Patroni that it does not answer, or refuses."""


class NoLeader(RuntimeError):
    """A shard has no leader known to Patroni, or no member answers."""


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member in the cluster's view."""

    member: Member
    leads: bool
    state: str
    """``running``, ``streaming``, ``starting``, ``crashed`` …"""
    timeline: int | None
    """``None`` while the member does not report it."""

    @property
    def runs(self) -> bool:
        """Whether PostgreSQL serves on this member, whatever its role."""
        return self.state in RUNNING


def members_of(deployment: Deployment, shard: int) -> tuple[Member, ...]:
    """The members of a shard, as declared."""
    return tuple(member for member in deployment.members if member.shard == shard)


def cluster(deployment: Deployment, shard: int) -> tuple[MemberView, ...]:
    """The shard's members in the view of the first one that answers. Raises :class:`NoLeader` when none answers."""
    members = {member.name: member for member in members_of(deployment, shard)}
    for member in members.values():
        try:
            answer = ports.CLIENT.get(ports.url(member.api_port, "/cluster"), timeout=TIMEOUT_S).raise_for_status().json()
        except (Unavailable, ValueError):
            continue
        return tuple(
            MemberView(members[item["name"]], item["role"] in LEADING, item.get("state", "unknown"), item.get("timeline"))
            for item in answer.get("members", ())
            if item["name"] in members
        )
    raise NoLeader(f"no member of shard {shard} answers")


def leader(deployment: Deployment, shard: int) -> Member:
    """The current leader: the cluster says so, and so does the member itself. Raises :class:`NoLeader`."""
    for seen in cluster(deployment, shard):
        if seen.leads and seen.runs and says_primary(seen.member):
            return seen.member
    raise NoLeader(f"shard {shard} has no running leader")


def unsettled(deployment: Deployment, shard: int) -> str:
    """Why a failover could not succeed at the moment; empty when the leader runs and every other member streams on its timeline.

    Patroni would not promote a member whose last rejoin it has not noted yet. Raises :class:`NoLeader`.
    """
    lead = leader(deployment, shard)
    seen = {each.member: each for each in cluster(deployment, shard)}
    if missing := [member.process for member in members_of(deployment, shard) if member not in seen]:
        return f"Patroni does not know {', '.join(missing)}"
    others = [each for member, each in seen.items() if member != lead]
    behind = [each for each in others if each.state != "streaming" or each.timeline != seen[lead].timeline]
    return ", ".join(f"{each.member.process} is {each.state} on timeline {each.timeline}" for each in behind)


def switchover(deployment: Deployment, shard: int, to: Member) -> str:
    """Request a switchover to a healthy standby and return Patroni's answer. Raises :class:`NoLeader` or :data:`Unavailable`."""
    now = leader(deployment, shard)
    answer = ports.CLIENT.post(
        ports.url(now.api_port, "/switchover"), json={"leader": now.name, "candidate": to.name}, timeout=SWITCHOVER_TIMEOUT_S
    )
    answer.raise_for_status()
    return answer.text


def failover(to: Member) -> str:
    """Request that ``to`` becomes the primary though no primary answers, and return Patroni's answer. Raises :data:`Unavailable`."""
    answer = ports.CLIENT.post(ports.url(to.api_port, "/failover"), json={"candidate": to.name}, timeout=SWITCHOVER_TIMEOUT_S)
    answer.raise_for_status()
    return answer.text


def pause(deployment: Deployment, shard: int, *, on: bool) -> None:
    """Switch the shard's automatic failover off (``on``: its cluster is paused) or on again, by any member that answers. Raises :class:`NoLeader`."""
    _configure(deployment, shard, {"pause": True if on else None})


def keep_slots_of_lost_members(deployment: Deployment, shard: int, *, on: bool) -> None:
    """Whether the primary keeps the replication slot of a member that is gone, for Patroni's half an hour, or drops it now. Raises :class:`NoLeader`."""
    _configure(deployment, shard, {"member_slots_ttl": None if on else 0})


def _configure(deployment: Deployment, shard: int, changes: Mapping[str, object]) -> None:
    """Change settings that Patroni keeps in etcd, by any member that answers; ``None`` removes one."""
    for member in members_of(deployment, shard):
        with contextlib.suppress(Unavailable):
            ports.CLIENT.patch(ports.url(member.api_port, "/config"), json=dict(changes), timeout=TIMEOUT_S).raise_for_status()
            return
    raise NoLeader(f"no member of shard {shard} answers")


def paused(deployment: Deployment, shard: int) -> list[str]:
    """The processes of the shard's members that answer and consider their cluster paused."""
    return [member.process for member in members_of(deployment, shard) if (about(member) or {}).get("pause")]


def reinitialize(member: Member) -> None:
    """Make a member that cannot rejoin delete its data and copy its leader's. Raises :data:`Unavailable`."""
    ports.CLIENT.post(ports.url(member.api_port, "/reinitialize"), json={"force": True}, timeout=TIMEOUT_S).raise_for_status()


def reached_etcd_s(member: Member) -> float | None:
    """When a member last reached etcd, in seconds since the epoch; ``None`` if it does not report it."""
    seen = (about(member) or {}).get("dcs_last_seen")
    return None if seen is None else float(seen)


def out_of_touch(members: Iterable[Member]) -> list[str]:
    """The processes of those members that answer and report that they have not reached etcd for a while."""
    asked = tuple(members)
    with ThreadPoolExecutor(max(1, len(asked))) as pool:
        seen = zip(asked, pool.map(reached_etcd_s, asked), strict=True)
        return [member.process for member, at_s in seen if at_s is not None and time.time() - at_s > OUT_OF_TOUCH_S]


def about(member: Member) -> dict[str, Any] | None:
    """What a member says of itself: role, state, timeline …; ``None`` when it does not answer."""
    return ports.told_object(ports.url(member.api_port, "/patroni"))


def says_primary(member: Member) -> bool:
    """Whether a member says that it is its shard's primary, and serves."""
    return ports.fresh_status(ports.url(member.api_port, PRIMARY)) == 200


def history(member: Member) -> list[object] | None:
    """The timelines of the member's shard, as Patroni keeps them in etcd; ``None`` when it does not answer."""
    answer = ports.told(ports.url(member.api_port, HISTORY))
    return answer if isinstance(answer, list) else None
