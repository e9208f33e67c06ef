"""A single store, directly at its own port: its keys, its memory limit, and whether it accepts its sentinels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from closeshave.clients.sentinel import Unavailable, session
from closeshave.deployment import Process, Store

UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
KEYS_MAX = 100_000
NO_KEY = -2
"""What a store answers for the time to live of a key that it does not have."""
SENTINEL_USER = "sentinel"
"""The user with which the sentinels of an environment connect to its stores, if they have their own."""


def replication(port: int) -> dict[str, Any] | None:
    """What the store at a port says of its role and its links (``INFO replication``); ``None`` when it does not answer."""
    try:
        with session(port, decode=False) as connection:
            told: dict[str, Any] = connection.info("replication")
            return told
    except Unavailable:
        return None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What a store says of itself, for its monitoring."""

    role: str
    """``master`` or ``slave``, as Redis calls them."""
    replicas: int
    used_bytes: int
    limit_bytes: int
    """0 without a limit."""
    evicted: int
    """Keys that it evicted since it started."""


def figures(port: int) -> StoreFigures:
    """Ask the store at a port for these. Raises :data:`~closeshave.clients.sentinel.Unavailable`."""
    with session(port) as connection:
        told = connection.info("everything")
    try:
        return StoreFigures(
            role=str(told["role"]),
            replicas=int(told.get("connected_slaves", 0)),
            used_bytes=int(told["used_memory"]),
            limit_bytes=int(told.get("maxmemory", 0)),
            evicted=int(told.get("evicted_keys", 0)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Unavailable(f"the store at port {port} does not tell its figures: {type(error).__name__}: {error}") from None


def keys(store: Store) -> int:
    """How many keys it holds. Raises :data:`~closeshave.clients.sentinel.Unavailable`, as everything here that takes a store."""
    with session(store.port) as connection:
        return connection.dbsize()


def connected(store: Store) -> frozenset[tuple[str, str]]:
    """Every connection that it has: the name that the client gave it, and its last command, in small letters."""
    with session(store.port) as connection:
        told = connection.client_list()
    return frozenset((each.get("name", ""), each.get("cmd", "").lower()) for each in told)


def flush(store: Store) -> int:
    """Delete every key; returns how many there were at that instant."""
    with session(store.port) as connection:
        both = connection.pipeline(transaction=True)
        both.dbsize()
        both.flushall()
        held, _ = both.execute()
    return int(held)


def shortages(store: Store) -> int:
    """How often it lacked memory since it started: evicted keys, and writes that were refused because nothing may be evicted."""
    with session(store.port) as connection:
        evicted = int(connection.info("stats")["evicted_keys"])
        refused = connection.info("errorstats").get("errorstat_OOM")
    return evicted + (int(refused["count"]) if refused else 0)


def limit_bytes(store: Store) -> int:
    """Its current memory limit in bytes; 0 means no limit."""
    with session(store.port) as connection:
        return int(cast("dict[str, str]", connection.config_get("maxmemory"))["maxmemory"])


def declared_limit_bytes(process: Process) -> int | None:
    """Its memory limit in bytes by its command line; ``None`` if that states none. Pure."""
    words = dict(zip(process.argv, process.argv[1:], strict=False))
    said = words.get("--maxmemory", "").lower()
    if not said:
        return None
    return int(said[:-2]) * UNITS[said[-2:]] if said[-2:] in UNITS else int(said)


def limit(store: Store, most_bytes: int) -> None:
    """Set its memory limit in bytes, and read it back. Raises :class:`RuntimeError` when it differs."""
    with session(store.port) as connection:
        connection.config_set("maxmemory", most_bytes)
    if (said := limit_bytes(store)) != most_bytes:
        raise RuntimeError(f"{store.process} should be limited to {most_bytes} bytes of memory, but answers {said}")


def footing_bytes(store: Store) -> tuple[int, int]:
    """The bytes that it uses for keys and values, and for everything else."""
    with session(store.port) as connection:
        memory = connection.info("memory")
    return int(memory["used_memory_dataset"]), int(memory["used_memory_overhead"])


def hears_sentinels(store: Store) -> bool | None:
    """Whether it accepts its sentinels' commands; ``None`` when they have no user of their own."""
    with session(store.port) as connection:
        user = cast("dict[str, Any] | None", connection.acl_getuser(SENTINEL_USER))
    return None if user is None else "+@all" in user["categories"]


def hear_sentinels(store: Store, *, hear: bool) -> None:
    """Make it accept its sentinels' commands, or refuse all of them (also PING); read back. Raises :class:`RuntimeError`."""
    with session(store.port) as connection:
        connection.acl_setuser(SENTINEL_USER, enabled=True, categories=["+@all" if hear else "-@all"])
    if hears_sentinels(store) is not hear:
        raise RuntimeError(f"{store.process} should {'accept' if hear else 'refuse'} commands of its sentinels, but does not")


def matching(store: Store, pattern: str, most: int = KEYS_MAX) -> list[str]:
    """Its keys that match a glob pattern, at most so many; what is no UTF-8 is replaced."""
    with session(store.port, decode=False) as connection:
        found = islice(connection.scan_iter(match=pattern, count=1_000), most)
        # A scan may name a key twice.
        return list(dict.fromkeys(key.decode(errors="replace") for key in found))


def lives_s(store: Store, key: str) -> float | None:
    """How long a key still lives, in seconds: ``inf`` for one that does not expire, ``None`` for one that is not there."""
    with session(store.port) as connection:
        left_ms = int(connection.pttl(key))
    return None if left_ms == NO_KEY else math.inf if left_ms < 0 else left_ms / 1000
