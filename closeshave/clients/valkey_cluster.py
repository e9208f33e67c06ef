"""The nodes of a Valkey cluster, each asked at its own port: what it says of the cluster, and the commands that change the cluster.

A node knows the others by gossip: what two nodes say may differ for about a second. What a node says of itself is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self, cast

import redis

from closeshave.clients.address import HOST
from closeshave.clients.sentinel import Connection, NoPrimary, Unavailable, session, stores_of
from closeshave.deployment import Deployment, Store
from closeshave.hashslots import SLOTS, SlotRange, slot_of, told, within

MOVED_AT_ONCE = 100
"""Keys that one MIGRATE moves: a larger number would keep the source from answering for longer."""
MOVE_S = 3.0
"""A node answers ``SETSLOT`` when its replicas have it, for which it waits up to two seconds."""
MIGRATE_MS = 1_000
"""How long the source waits for the target within one MIGRATE."""


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node, as one node of its cluster sees it."""

    id: str
    flags: frozenset[str]
    """``master`` or ``slave``, and ``myself``, ``fail?``, ``fail``, ``handshake``, ``noaddr`` …, as Redis calls them."""
    follows: str
    """The ID of its primary; empty for a primary."""
    slots: frozenset[int]
    epoch: int
    migrating: Mapping[int, str] = field(default_factory=dict)
    """Slot → the ID of the node to which it is moving; only a node itself tells its own."""
    importing: Mapping[int, str] = field(default_factory=dict)
    """Slot → the ID of the node from which it is moving here; likewise."""

    @property
    def primary(self) -> bool:
        """Whether it is a primary, with or without slots."""
        return "master" in self.flags

    @property
    def lost(self) -> bool:
        """Whether it is held for lost, or nobody knows where it is."""
        return bool(self.flags & {"fail", "noaddr"})

    @property
    def open(self) -> frozenset[int]:
        """The slots that are in the middle of a move, by its own word."""
        return frozenset((*self.migrating, *self.importing))


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What one node says."""

    port: int
    serves: bool
    """Whether it says ``cluster_state:ok``."""
    nodes: Mapping[int, ClusterNode]
    """Port → node, itself included."""
    ghosts: frozenset[str] = frozenset()
    """IDs of nodes that were at the same ports, and are lost with all that they had stored: they come back under other IDs."""

    @property
    def own(self) -> ClusterNode:
        """Itself."""
        return self.nodes[self.port]

    @property
    def joined(self) -> frozenset[int]:
        """Ports of the nodes that it knows for certain."""
        return frozenset(port for port, node in self.nodes.items() if not node.flags & {"handshake", "noaddr"})

    @property
    def owners(self) -> Mapping[int, int]:
        """Slot → the port of the primary that serves it."""
        return {slot: port for port, node in self.nodes.items() if node.primary for slot in node.slots}


def clustered(deployment: Deployment, group: str) -> bool:
    """Whether a group of stores is a cluster: Sentinel does not watch it then."""
    return any(store.slots is not None for store in stores_of(deployment, group))


def view(store: Store) -> ClusterView:
    """What a node says of its cluster. Raises :data:`~closeshave.clients.sentinel.Unavailable`, as everything here."""
    with session(store.port) as connection:
        state = cast("Mapping[str, Any]", connection.cluster("INFO"))
        raw = cast("Mapping[str, Mapping[str, Any]]", connection.cluster("NODES"))
    try:
        return parse(store.port, state, raw)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unavailable(f"{store.process} does not tell its cluster: {type(error).__name__}: {error}") from None


def parse(port: int, state: Mapping[str, Any], raw: Mapping[str, Mapping[str, Any]]) -> ClusterView:
    """The same from the answers to ``CLUSTER INFO`` and ``CLUSTER NODES``, as redis-py takes them apart. Pure; raises :class:`KeyError` and such."""
    nodes: dict[int, ClusterNode] = {}
    ghosts: set[str] = set()
    for address, each in raw.items():
        flags = frozenset(str(each["flags"]).split(","))
        own = port if "myself" in flags else int(address.rpartition(":")[2])
        moves = [(int(one["slot"]), str(one["node_id"]), str(one["state"])) for one in each["migrations"]]
        node = ClusterNode(
            id=str(each["node_id"]),
            flags=flags,
            follows="" if each["master_id"] == "-" else str(each["master_id"]),
            slots=within((int(one[0]), int(one[-1])) for one in each["slots"]),
            epoch=int(each["epoch"]),
            migrating={slot: other for slot, other, kind in moves if kind == "migrating"},
            importing={slot: other for slot, other, kind in moves if kind == "importing"},
        )
        # The one at a port that is not lost is there now.
        both = sorted(filter(None, (node, nodes.get(own))), key=lambda one: (not one.lost, "myself" in one.flags))
        nodes[own] = both[-1]
        ghosts |= {one.id for one in both[:-1] if one.lost} | ({node.id} if not own else set())
    nodes.pop(0, None)
    if port not in nodes:
        raise KeyError("it does not name itself")
    return ClusterView(port, state["cluster_state"] == "ok", nodes, frozenset(ghosts))


def views(stores: Iterable[Store]) -> dict[Store, ClusterView]:
    """What each answering node says."""
    found = {}
    for store in stores:
        try:
            found[store] = view(store)
        except Unavailable:
            continue
    return found


def leads(stores: Sequence[Store]) -> dict[Store, frozenset[int]]:
    """The primaries that serve slots, by their own word, with their slots. Raises :class:`~closeshave.clients.sentinel.NoPrimary` unless every slot is
    served exactly once."""
    found = {store: seen.own.slots for store, seen in views(stores).items() if seen.own.primary and seen.own.slots}
    if wrong := uncovered(found.values()):
        raise NoPrimary(f"{stores[0].group if stores else 'the cluster'}: {wrong}")
    return found


def uncovered(shares: Iterable[frozenset[int]]) -> str:
    """Which slots nobody serves, or several do; empty when each is served exactly once. Pure."""
    once: set[int] = set()
    twice: set[int] = set()
    for share in shares:
        twice |= once & share
        once |= share
    nobody = frozenset(range(SLOTS)) - once
    wrong = [f"nobody serves slots {told(nobody)}"] if nobody else []
    wrong += [f"several serve slots {told(twice)}"] if twice else []
    return "; ".join(wrong)


def declared(stores: Sequence[Store]) -> dict[Store, tuple[Store, ...]]:
    """The declared primaries, in the order of their slots, each with its declared replicas. Pure."""
    ranges: dict[SlotRange, list[Store]] = {}
    for store in stores:
        if store.slots is not None:
            ranges.setdefault(store.slots, []).append(store)
    return {nodes[0]: tuple(nodes[1:]) for _, nodes in sorted(ranges.items())}


def addresses_of(deployment: Deployment, store: Store) -> tuple[str, int, int]:
    """Where other nodes reach it: host, port, and the port of the cluster's bus. Pure."""
    return deployment.process(store.process).address, store.port, store.bus_port


def form(deployment: Deployment, stores: Sequence[Store]) -> None:
    """Give every declared primary its slots, and introduce all nodes to each other. A node that has done so already is left as it is."""
    first = stores[0]
    for number, store in enumerate(declared(stores), 1):
        if view(store).own.slots or store.slots is None:
            continue
        with session(store.port) as connection:
            # Two primaries with one epoch would have to settle first whose it is.
            _say(connection, "CLUSTER", "SET-CONFIG-EPOCH", number)
            _say(connection, "CLUSTER", "ADDSLOTSRANGE", *store.slots)
    for store in stores[1:]:
        meet(deployment, first, store)


def meet(deployment: Deployment, store: Store, other: Store) -> None:
    """Introduce another node to a node; gossip tells the rest."""
    with session(store.port) as connection:
        _say(connection, "CLUSTER", "MEET", *addresses_of(deployment, other))


def replicate(store: Store, primary: Store) -> None:
    """Make a node the replica of another one of its cluster, which it must know."""
    with session(store.port) as connection:
        _say(connection, "CLUSTER", "REPLICATE", view(primary).own.id)


def dismiss(store: Store, id: str) -> None:
    """Let a node forget another one for a minute; until then gossip does not bring it back."""
    with session(store.port) as connection:
        _say(connection, "CLUSTER", "FORGET", id)


def follow(stores: Sequence[Store]) -> None:
    """Make every declared replica follow its declared primary."""
    for primary, replicas in declared(stores).items():
        for replica in replicas:
            replicate(replica, primary)


def take_over(store: Store) -> None:
    """Make a replica the primary of its slots, once it has everything that its primary has: no acknowledged write is lost."""
    with session(store.port) as connection:
        _say(connection, "CLUSTER", "FAILOVER")


class SlotMoves:
    """Moves slots from primary to primary, key by key, over connections that stay open: a resharding says a thousand words."""

    def __init__(self, deployment: Deployment, stores: Sequence[Store]) -> None:
        self._deployment = deployment
        self._stores = tuple(stores)
        self._ids = {store: view(store).own.id for store in stores}
        self._open: dict[Store, Connection] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def at(self, id: str) -> Store | None:
        """The node with this ID, if it is one of them."""
        return next((store for store, own in self._ids.items() if own == id), None)

    def begin(self, slot: int, source: Store, target: Store) -> None:
        """Open a slot for a move: from now on the source sends whoever asks for a key that it does not have to the target (``ASK``)."""
        self._say(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self._ids[source])
        self._say(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self._ids[target])

    def keys(self, slot: int, source: Store, target: Store) -> int:
        """Move up to :data:`MOVED_AT_ONCE` keys of an open slot, each at once with its time to live; returns how many there were."""
        host, port, _ = addresses_of(self._deployment, target)
        keys = cast("list[bytes]", self._say(source, "CLUSTER", "GETKEYSINSLOT", slot, MOVED_AT_ONCE))
        if keys:
            self._say(source, "MIGRATE", host, port, "", 0, MIGRATE_MS, "REPLACE", "KEYS", *keys)
        return len(keys)

    def end(self, slot: int, source: Store, target: Store) -> None:
        """Close an open slot: the target serves it from now on. The target is told first, so that no instant is without an owner. The others hear of it
        by gossip."""
        for store in (target, source):
            self._say(store, "CLUSTER", "SETSLOT", slot, "NODE", self._ids[target])

    def whole(self, slot: int, source: Store, target: Store) -> int:
        """Move one slot with all of its keys; returns how many there were."""
        self.begin(slot, source, target)
        count = 0
        while moved := self.keys(slot, source, target):
            count += moved
        self.end(slot, source, target)
        return count

    def _say(self, store: Store, *words: str | int | bytes) -> Any:
        if store not in self._open:
            self._open[store] = self._stack.enter_context(session(store.port, decode=False, timeout_s=MOVE_S))
        return _say(self._open[store], *words)


def held(slots: Iterable[int], store: Store) -> int:
    """How many keys of some slots a node holds, its own or not."""
    with session(store.port) as connection:
        asked = cast("Any", connection.pipeline(transaction=False))
        for slot in slots:
            asked.execute_command("CLUSTER COUNTKEYSINSLOT", slot)
        return sum(int(count) for count in asked.execute())


def owners(store: Store) -> dict[int, int]:
    """Slot → the port of its primary, as a client that asks this node is told (``CLUSTER SLOTS``)."""
    with session(store.port) as connection:
        listed = cast("Sequence[Sequence[Any]]", _say(connection, "CLUSTER SLOTS"))
    try:
        return _owners(listed)
    except (IndexError, ValueError, TypeError) as error:
        raise Unavailable(f"{store.process} does not tell who serves which slots: {type(error).__name__}: {error}") from None


def _say(connection: Connection, *words: str | int | bytes) -> Any:
    """A command by its words: redis-py has no types for most of those of a cluster."""
    return cast("Any", connection).execute_command(*words)


def _owners(listed: Any) -> dict[int, int]:
    if isinstance(listed, Mapping):  # redis-py takes the answer apart
        return {slot: int(each["primary"][1]) for (first, last), each in listed.items() for slot in range(int(first), int(last) + 1)}
    return {slot: int(each[2][1]) for each in listed for slot in range(int(each[0]), int(each[1]) + 1)}


class ClusterClient:
    """A client of the whole cluster, as an application has one: it follows redirections (``MOVED``, ``ASK``) and finds new primaries."""

    def __init__(self, stores: Sequence[Store], timeout_s: float = 1.0) -> None:
        """Raises :data:`~closeshave.clients.sentinel.Unavailable` when no node answers, as everything here."""
        nodes = [cast("Any", redis.cluster.ClusterNode)(HOST, store.port) for store in stores]
        settings: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "decode_responses": True}
        try:
            self._client = redis.RedisCluster(startup_nodes=nodes, require_full_coverage=False, **settings)
        except redis.exceptions.RedisClusterException as error:
            raise Unavailable(f"no node of the cluster answers: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def put(self, key: str, value: str, lives_s: int) -> None:
        """Write a key; acknowledged when this returns."""
        try:
            self._client.set(key, value, ex=lives_s)
        except redis.exceptions.RedisClusterException as error:
            raise Unavailable(str(error)) from None

    def get(self, key: str) -> str | None:
        """The value of a key."""
        try:
            value = self._client.get(key)
        except redis.exceptions.RedisClusterException as error:
            raise Unavailable(str(error)) from None
        return None if value is None else str(value)


def delete(store: Store, keys: Sequence[str]) -> None:
    """Delete keys whose slots this very node serves."""
    with session(store.port) as connection:
        asked = connection.pipeline(transaction=False)
        for key in keys:
            asked.delete(key)
        asked.execute()


def write(store: Store, key: str, replicas: int) -> int:
    """Write a key of one of its slots and delete it again; returns how many replicas had it within half a second."""
    with session(store.port) as connection:
        connection.set(key, "1", ex=5)
        copies = int(connection.wait(replicas, 500))
        connection.delete(key)
    return copies


def forget(stores: Sequence[Store], key: str) -> None:
    """Delete a key at the primary that serves its slot. Raises :class:`~closeshave.clients.sentinel.NoPrimary` too."""
    for store, slots in leads(stores).items():
        if slot_of(key) in slots:
            with session(store.port) as connection:
                connection.delete(key)


def read(store: Store, keys: Sequence[str], *, as_replica: bool = False) -> list[str | None]:
    """The values of keys whose slots this very node serves, or its primary does (``as_replica``): it is asked, and nobody else. Raises
    :data:`~closeshave.clients.sentinel.Unavailable` for a slot of another node."""
    with session(store.port) as connection:
        asked = connection.pipeline(transaction=False)
        if as_replica:
            asked.readonly()
        for key in keys:
            asked.get(key)
        answers = asked.execute()[int(as_replica) :]
        return [None if value is None else str(value) for value in answers]
