"""The hash slots of a Valkey cluster (as of Redis Cluster): which slot a key is in, and which slots are together. Pure.

Source: the Redis Cluster specification, "Key distribution model" and "Hash tags": CRC-16/XMODEM of the key modulo 16384, or of what stands between the
first ``{`` and the first ``}`` after it, if that is not empty.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable
from itertools import islice

SLOTS = 16_384
SlotRange = tuple[int, int]
"""The first and the last slot, both included."""


def slot_of(key: str | bytes) -> int:
    """The slot of a key."""
    raw = key.encode() if isinstance(key, str) else key
    opened = raw.find(b"{")
    closed = raw.find(b"}", opened + 1) if opened >= 0 else -1
    hashed = raw[opened + 1 : closed] if closed > opened + 1 else raw
    return crc_hqx(hashed, 0) % SLOTS


def shares(primaries: int) -> tuple[SlotRange, ...]:
    """All slots in as many ranges, one after the other and of almost equal size."""
    return tuple((SLOTS * number // primaries, SLOTS * (number + 1) // primaries - 1) for number in range(primaries))


def runs(slots: Iterable[int]) -> tuple[SlotRange, ...]:
    """The same slots as ranges, ascending, and as few as possible."""
    found: list[SlotRange] = []
    for slot in sorted(set(slots)):
        if found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        else:
            found.append((slot, slot))
    return tuple(found)


def within(ranges: Iterable[SlotRange]) -> frozenset[int]:
    """Every slot of these ranges."""
    return frozenset(slot for first, last in ranges for slot in range(first, last + 1))


def told(slots: Iterable[int]) -> str:
    """``0 to 99, 200``; ``none``."""
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs(slots)) or "none"


def keys_in(slots: frozenset[int], stem: str, count: int) -> list[str]:
    """Keys that begin with this text and are in these slots, always the same ones. There must be a slot."""
    if not slots:
        raise ValueError("no slots, so that no key is in them")
    numbered = (f"{stem}{number}" for number in range(SLOTS * 64 * max(1, count)))
    return list(islice((key for key in numbered if slot_of(key) in slots), count))
