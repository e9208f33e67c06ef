"""A store by itself, straight at its own port: how much it holds, how much it may hold, and whom it listens to."""

from __future__ import annotations

from typing import Any, cast

from closeshave.clients.sentinel import session
from closeshave.deployment import Process, Store

UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
SENTINEL_USER = "sentinel"
"""As whom the sentinels of an environment speak to its stores, if they have a user of their own."""


def keys(store: Store) -> int:
    """How many keys it holds. Raises :data:`~closeshave.clients.sentinel.Unavailable`, as everything here that takes a store."""
    with session(store.port) as connection:
        return connection.dbsize()


def flush(store: Store) -> int:
    """Delete every key; returns how many there were at that instant."""
    with session(store.port) as connection:
        both = connection.pipeline(transaction=True)
        both.dbsize()
        both.flushall()
        held, _ = both.execute()
    return int(held)


def shortages(store: Store) -> int:
    """How often it was short of memory since it started: keys evicted, and writes refused because nothing may be evicted."""
    with session(store.port) as connection:
        evicted = int(connection.info("stats")["evicted_keys"])
        refused = connection.info("errorstats").get("errorstat_OOM")
    return evicted + (int(refused["count"]) if refused else 0)


def limit_bytes(store: Store) -> int:
    """The most memory that it may use now; 0 is without limit."""
    with session(store.port) as connection:
        return int(cast("dict[str, str]", connection.config_get("maxmemory"))["maxmemory"])


def declared_limit_bytes(process: Process) -> int | None:
    """The most memory that it may use by the command line that starts it; ``None`` when that says nothing. Pure."""
    words = dict(zip(process.argv, process.argv[1:], strict=False))
    said = words.get("--maxmemory", "").lower()
    if not said:
        return None
    return int(said[:-2]) * UNITS[said[-2:]] if said[-2:] in UNITS else int(said)


def limit(store: Store, most_bytes: int) -> None:
    """Set the most memory that it may use, and read it back. Raises :class:`RuntimeError` when it says otherwise."""
    with session(store.port) as connection:
        connection.config_set("maxmemory", most_bytes)
    if (said := limit_bytes(store)) != most_bytes:
        raise RuntimeError(f"{store.process} should be limited to {most_bytes} bytes of memory, but answers {said}")


def footing_bytes(store: Store) -> tuple[int, int]:
    """The memory that it uses for keys and values, and for everything else."""
    with session(store.port) as connection:
        memory = connection.info("memory")
    return int(memory["used_memory_dataset"]), int(memory["used_memory_overhead"])


def hears_sentinels(store: Store) -> bool | None:
    """Whether it accepts its sentinels' commands; ``None`` when they have no user of their own."""
    with session(store.port) as connection:
        user = cast("dict[str, Any] | None", connection.acl_getuser(SENTINEL_USER))
    return None if user is None else "+@all" in user["categories"]


def hear_sentinels(store: Store, *, hear: bool) -> None:
    """Obey the sentinels, or refuse them every command, PING too; read back. Raises :class:`RuntimeError`."""
    with session(store.port) as connection:
        connection.acl_setuser(SENTINEL_USER, enabled=True, categories=["+@all" if hear else "-@all"])
    if hears_sentinels(store) is not hear:
        raise RuntimeError(f"{store.process} should {'accept' if hear else 'refuse'} commands of its sentinels, but does not")
