"""Keys that a drill writes as an application does, by a client of the whole cluster, and looks for afterwards: what was acknowledged must be there."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from closeshave.clients import sentinel, valkey, valkey_cluster
from closeshave.clients.valkey_cluster import ClusterClient
from closeshave.clock import now_ns
from closeshave.deployment import Store
from closeshave.drills.kind import DrillOverdue, Facts
from closeshave.files import append_line, read_lines
from closeshave.hashslots import slot_of
from closeshave.history import ACKNOWLEDGED, LOSS_S, LOST, OLDEST_LOST

STEM = "closeshave:moved:"
FILE = "keys.jsonl"
"""In the drill's directory: a line for each key, written when it was acknowledged."""
KEYS = 300
"""Written before a drill changes anything, so that there is something to lose; more are written while it lasts."""
WRITES_PER_S = 100
LIVES_S = 3_600
"""A key that nobody removes any more expires."""
READ_S = 5.0
"""How long one answer may take when keys are looked for: a busy machine loses none."""
SECOND_NS = 1_000_000_000


def stem(drill: str) -> str:
    """What all keys of a drill begin with."""
    return f"{STEM}{drill}:"


def write(stores: Sequence[Store], keys: Sequence[str], keeps: Path) -> None:
    """Write keys, and note each when it is acknowledged. Raises :class:`DrillOverdue` when one is not: a busy machine may be the reason."""
    try:
        with ClusterClient(stores) as client:
            for key in keys:
                client.put(key, key, LIVES_S)
                _note(keeps, key)
    except sentinel.Unavailable as error:
        raise DrillOverdue(f"a write to the cluster was not acknowledged: {type(error).__name__}: {error}") from error


@contextmanager
def written_meanwhile(stores: Sequence[Store], drill: str, slots: frozenset[int], keeps: Path) -> Iterator[None]:
    """Write further keys of these slots all the time, in a thread of their own, until the block ends."""
    over = threading.Event()
    names = (key for key in (f"{stem(drill)}while:{number}" for number in count()) if slot_of(key) in slots)

    def go_on() -> None:
        client: ClusterClient | None = None
        while not over.wait(1 / WRITES_PER_S):
            try:
                client = client or ClusterClient(stores)
                client.put(key := next(names), key, LIVES_S)
            except sentinel.Unavailable:
                # It was not acknowledged, so that it may be there or not.
                continue
            _note(keeps, key)

    writer = threading.Thread(target=go_on, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join(10)


def noted(keeps: Path) -> Mapping[str, int]:
    """Key → when it was acknowledged."""
    return {str(line["key"]): int(line["acknowledged_ns"]) for line in read_lines(keeps / FILE)}


def compared(stores: Sequence[Store], keeps: Path, from_ns: int | None = None) -> Facts:
    """What was acknowledged and is not there, or has another value: how many keys, and since when. ``from_ns``: only what was acknowledged before it
    counts, and the loss is measured back from it; without it from now. Raises :class:`DrillOverdue` if they cannot be read."""
    at_ns = now_ns() if from_ns is None else from_ns
    told = {key: told_ns for key, told_ns in noted(keeps).items() if told_ns <= at_ns}
    try:
        with ClusterClient(stores, READ_S) as client:
            gone = sorted((told_ns, key) for key, told_ns in told.items() if client.get(key) != key)
    except sentinel.Unavailable as error:
        raise DrillOverdue(f"the keys cannot be read: {type(error).__name__}: {error}") from error
    return {
        ACKNOWLEDGED: len(told),
        LOST: len(gone),
        LOSS_S: round((at_ns - gone[0][0]) / SECOND_NS, 3) if gone else 0.0,
        OLDEST_LOST: gone[0][1] if gone else None,
    }


def remove(stores: Sequence[Store]) -> int:
    """Delete the marked keys of every drill; returns how many there were. Raises :data:`~closeshave.clients.sentinel.Unavailable`."""
    found = 0
    for store in valkey_cluster.leads(stores):
        keys = valkey.matching(store, f"{STEM}*")
        found += len(keys)
        valkey_cluster.delete(store, keys)
    return found


def left(stores: Sequence[Store]) -> int:
    """How many marked keys there are. Raises :data:`~closeshave.clients.sentinel.Unavailable`."""
    return sum(len(valkey.matching(store, f"{STEM}*")) for store in valkey_cluster.leads(stores))


def _note(keeps: Path, key: str) -> None:
    append_line(keeps / FILE, {"key": key, "acknowledged_ns": now_ns()})
