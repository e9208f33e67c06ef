"""The stores of a tier, as Sentinel and the stores themselves see them, and Sentinel's failover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from closeshave.clients.address import HOST
from closeshave.deployment import Deployment, Sentinel, Store

TIMEOUT_S = 1.0
Connection = redis.Redis
Unavailable = redis.RedisError
"""Raised by all functions here when a store or sentinel does not answer correctly."""


class NoPrimary(RuntimeError):
    """Sentinels do not agree on a primary that exists."""


@dataclass(frozen=True, slots=True)
class Replication:
    """What a store reports about its role."""

    primary: bool
    primary_port: int | None
    """The port of the primary that it follows."""
    linked: bool
    """Whether it follows a primary and the link is up."""
    replicas: int


@contextmanager
def session(port: int, *, decode: bool = True, again: int = 0, timeout_s: float = TIMEOUT_S) -> Iterator[Connection]:
    """A connection to a store or a sentinel. ``decode``: answers are text; ``again``: how often a failed call is repeated."""
    connection = redis.Redis(
        host=HOST,
        port=port,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        decode_responses=decode,
        # The purpose is to find a dead part: the client's own retries would hide when it died.
        retry=Retry(ExponentialWithJitterBackoff(), again) if again else Retry(NoBackoff(), 0),
    )
    try:
        yield connection
    finally:
        connection.close()


def groups_of(deployment: Deployment, tier: str) -> tuple[str, ...]:
    """The declared groups of a tier (several if residency requires one inside a region)."""
    return tuple(dict.fromkeys(store.group for store in deployment.stores if tier in store.tiers))


def stores_of(deployment: Deployment, group: str) -> tuple[Store, ...]:
    """The stores of a group; the first one is its declared primary."""
    return tuple(store for store in deployment.stores if store.group == group)


def watchers(deployment: Deployment, group: str) -> tuple[Sentinel, ...]:
    """The sentinels that currently watch a group and answer."""
    found = []
    for sentinel in deployment.sentinels:
        try:
            if _ask(sentinel, group) is not None:
                found.append(sentinel)
        except Unavailable:
            continue
    return tuple(found)


def primary(deployment: Deployment, group: str) -> Store:
    """The store that most answering sentinels name as primary. Raises :class:`NoPrimary`."""
    votes: Counter[int] = Counter()
    for sentinel in deployment.sentinels:
        try:
            port = _ask(sentinel, group)
        except Unavailable:
            continue
        if port is not None:
            votes[port] += 1
    by_port = {store.port: store for store in stores_of(deployment, group)}
    for port, count in votes.most_common(1):
        if port in by_port and count * 2 > sum(votes.values()):
            return by_port[port]
    raise NoPrimary(f"the sentinels do not agree on a primary of {group}: {dict(votes) or 'none is named'}")


@dataclass(frozen=True, slots=True)
class View:
    """What one sentinel says of a group's primary (``SENTINEL MASTER``)."""

    port: int
    flags: str
    """``master``, and ``s_down``, ``o_down``, ``failover_in_progress``, ``disconnected`` … while something is wrong."""

    def settled_on(self, store: Store) -> bool:
        """Whether this sentinel considers ``store`` the primary and reports no problem."""
        return self.port == store.port and self.flags == "master"


def views(deployment: Deployment, group: str) -> dict[str, View]:
    """What each answering sentinel says of a group's primary, by the sentinel's process name."""
    found: dict[str, View] = {}
    for sentinel in deployment.sentinels:
        try:
            with session(sentinel.port) as connection:
                said = cast("dict[str, Any]", connection.sentinel_master(group, return_responses=True))
            found[sentinel.process] = View(int(said["port"]), str(said["flags"]))
        except Unavailable:
            continue
    return found


def known(sentinel: Sentinel, group: str) -> dict[str, Any] | None:
    """All that one sentinel knows of a group's primary (``SENTINEL MASTER``); ``None`` when it does not answer."""
    try:
        with session(sentinel.port, decode=False) as connection:
            return cast("dict[str, Any]", connection.sentinel_master(group))
    except Unavailable:
        return None


def replication(store: Store) -> Replication:
    """Ask a store for its role. Raises :data:`Unavailable`."""
    with session(store.port) as connection:
        info = connection.info("replication")
    return Replication(
        primary=info["role"] == "master",
        primary_port=info.get("master_port"),
        linked=info.get("master_link_status") == "up",
        replicas=int(info.get("connected_slaves", 0)),
    )


def write(store: Store) -> int:
    """Write a key and delete it again; returns how many replicas had it within half a second. Raises :data:`Unavailable`."""
    with session(store.port) as connection:
        connection.set("closeshave:heal-proof", "1", ex=5)
        copies = connection.wait(1, 500)
        connection.delete("closeshave:heal-proof")
    return copies


def follow(deployment: Deployment, store: Store, primary_: Store | None) -> None:
    """Make a store follow another, or make it a primary. Raises :data:`Unavailable`."""
    with session(store.port) as connection:
        if primary_ is None:
            connection.replicaof("NO", "ONE")
        else:
            connection.replicaof(deployment.process(primary_.process).address, str(primary_.port))


def failover(deployment: Deployment, group: str) -> None:
    """Ask one sentinel to promote a replica. Raises :data:`Unavailable` when it refuses, for example during another failover."""
    for sentinel in watchers(deployment, group)[:1]:
        with session(sentinel.port) as connection:
            connection.sentinel_failover(group)


def _ask(sentinel: Sentinel, group: str) -> int | None:
    with session(sentinel.port) as connection:
        address = cast("tuple[str, int] | None", connection.sentinel_get_master_addr_by_name(group, return_responses=True))
    return None if address is None else int(address[1])
