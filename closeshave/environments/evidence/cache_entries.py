"""What each cache node holds at the end, and for a sample of the entries the values in the databases.

Every entry is listed, because its region is a promise too. Contents are compared for :data:`COMPARED_MAX` random entries of each primary. The cache
is read first and the database after it, so that a change in between shows as a difference and cannot hide one. Entries that differ are read again for
:data:`SETTLE_S` seconds, because the platform may still be removing entries that it could not remove while a tier was lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from closeshave.clients import postgres, sentinel
from closeshave.clients.sentinel import Connection
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Member, Store, routing_of
from closeshave.environments.application import CachedPages
from closeshave.environments.evidence.reading import FinalStateUnreadable, session
from closeshave.files import foreign
from closeshave.history import CACHE_ENTRIES, CacheEntry

TIER = "cache"
SCANNED_MAX = 100_000
"""The highest number of keys of one node: more than its memory can hold."""
COMPARED_MAX = 2_000
SETTLE_S = 2.0
AGAIN_S = 0.2
TIMEOUT_S = 5.0
TRIES_AGAIN = 3


@dataclass(frozen=True, slots=True)
class ComparedEntry:
    """A franchise in the cache and in the database, both as JSON."""

    cached: str
    stored: str

    @property
    def differs(self) -> bool:
        """Whether their contents differ; the order of members does not matter."""
        return self.cached != self.stored and bool(_content(self.cached) != _content(self.stored))


def read(deployment: Deployment, pages: CachedPages, promoted: Mapping[int, Member], rng: random.Random) -> pa.Table:
    """The entries of every cache node; ``promoted`` are the shards' primaries. Raises :class:`FinalStateUnreadable`."""
    stores = [store for store in deployment.stores if TIER in store.tiers]
    rows = [asdict(row) for store in stores for row in _held(deployment, pages, promoted, store, rng)]
    return pa.Table.from_pylist(rows, schema=CACHE_ENTRIES)


def _held(
    deployment: Deployment, pages: CachedPages, promoted: Mapping[int, Member], store: Store, rng: random.Random
) -> Iterator[CacheEntry]:
    with _asking(store) as node:
        held = sorted(_franchises(node, pages.prefix))
        # A replica serves no clients: the place of its entries counts, their contents do not.
        serves = node.info("replication")["role"] == "master"
        drawn = rng.sample(held, min(COMPARED_MAX, len(held))) if serves else []
        pairs = _settled(deployment, pages, promoted, node, drawn)
    for franchise in held:
        pair = pairs.get(franchise)
        yield CacheEntry(
            store=store.process,
            region=store.region,
            key=f"{pages.prefix}{franchise}",
            franchise=franchise,
            cached=pair.cached if pair else None,
            stored=pair.stored if pair else None,
            cached_version=_version(pair.cached) if pair else None,
            stored_version=_version(pair.stored) if pair else None,
        )


def _settled(
    deployment: Deployment, pages: CachedPages, promoted: Mapping[int, Member], node: Connection, drawn: Sequence[int]
) -> dict[int, ComparedEntry]:
    """The pairs of the drawn franchises. Differing ones are read again until the time to settle is over; entries removed meanwhile are left out."""
    pairs = _pairs(deployment, pages, promoted, node, drawn)

    def agree() -> bool:
        differing = [franchise for franchise, pair in pairs.items() if pair.differs]
        again = _pairs(deployment, pages, promoted, node, differing)
        for franchise in differing:
            pairs.pop(franchise)
        pairs.update(again)
        return not any(pair.differs for pair in again.values())

    poll_until(agree, SETTLE_S, AGAIN_S)
    return pairs


def _pairs(
    deployment: Deployment, pages: CachedPages, promoted: Mapping[int, Member], node: Connection, franchises: Sequence[int]
) -> dict[int, ComparedEntry]:
    if not franchises:
        return {}
    # One by one: keys of several slots of a cluster cannot be asked for at once.
    asked = node.pipeline(transaction=False)
    for franchise in franchises:
        asked.get(f"{pages.prefix}{franchise}")
    texts = asked.execute()
    cached = {franchise: _text(text) for franchise, text in zip(franchises, texts, strict=True) if text is not None}
    stored = _stored(deployment, pages.query, promoted, cached)
    return {franchise: ComparedEntry(text, stored[franchise]) for franchise, text in cached.items() if franchise in stored}


def _stored(deployment: Deployment, query: str, promoted: Mapping[int, Member], franchises: Iterable[int]) -> dict[int, str]:
    """Each franchise as its shard's database has it; without those that no shard has."""
    of_shard: dict[int, list[int]] = {}
    routing = routing_of(deployment)
    for franchise in franchises:
        shard = deployment.topology.shard_of(franchise)
        if shard is None:
            continue
        # Of a shard that cannot be read it is unknown what its entries should say.
        if (holder := routing.target_of(franchise) or shard.id) in promoted:
            of_shard.setdefault(holder, []).append(franchise)
    found: dict[int, str] = {}
    for shard_id, own in of_shard.items():
        with session(deployment, promoted[shard_id]) as connection:
            rows = postgres.first_rows(connection, query, [[franchise] for franchise in own])
        found |= {franchise: str(row[0]) for franchise, row in zip(own, rows, strict=True) if row is not None}
    return found


def _franchises(node: Connection, prefix: str) -> Iterator[int]:
    keys = islice(node.scan_iter(match=f"{prefix}*", count=1_000), SCANNED_MAX)
    # A scan may name a key twice.
    return iter({int(number) for key in keys if (number := _text(key).removeprefix(prefix)).isdecimal()})


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode(errors="replace")


def _content(page: str) -> Any:
    """The page; if the cache holds text that is not JSON, that text."""
    try:
        return foreign.loads(page)
    except ValueError:
        return page


def _version(page: str) -> int | None:
    content = _content(page)
    shop = content.get("franchise") if isinstance(content, dict) else None
    version = shop.get("version") if isinstance(shop, dict) else None
    return version if isinstance(version, int) else None


@contextmanager
def _asking(store: Store) -> Iterator[Connection]:
    """A client of the node itself. Raises :class:`FinalStateUnreadable` for every failure."""
    try:
        with sentinel.session(store.port, decode=False, again=TRIES_AGAIN, timeout_s=TIMEOUT_S) as node:
            yield node
    except sentinel.Unavailable as error:
        raise FinalStateUnreadable(f"{store.process} cannot be read: {type(error).__name__}: {error}") from error
