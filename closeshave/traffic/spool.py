"""The format in which a generator leaves its records: fixed binary rows, a dictionary of text, effects as JSON lines, counters.

Rows are fixed so that a million of them are read by numpy at once, and small so that writing them costs the sender nothing. The row's
place in the file is its operation's sequence number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DIRECTORY = "spool"
MAGIC = b"CSHAVE01"
HEADER = struct.Struct("<8sI")
"""Magic and the worker's number, which makes operation IDs unique in a run."""

ROW = struct.Struct("<qqqIIffHHHHHHHhhBBBx")
"""62 bytes, in the order of :data:`DTYPE`."""

DTYPE = np.dtype(
    [
        ("intended_ns", "<i8"), ("started_ns", "<i8"), ("ended_ns", "<i8"), ("franchise", "<u4"), ("bytes", "<u4"),
        ("db_ms", "<f4"), ("cache_ms", "<f4"), ("source", "<u2"), ("kind", "<u2"), ("journey", "<u2"), ("region", "<u2"), ("error", "<u2"),
        ("served_by", "<u2"), ("cache", "<u2"), ("shard", "<i2"), ("status", "<i2"), ("outcome", "u1"), ("good", "u1"), ("attempt", "u1"),
        ("padding", "u1"),
    ]
)  # fmt: skip

TEXT_FIELDS = ("source", "kind", "journey", "region", "error", "served_by", "cache")
"""Fields whose value is a code: the line of the text in the dictionary, from 1; 0 means none."""

OUTCOMES = ("ok", "fail", "info")
"""Text of the codes in the field ``outcome``."""

MOST_TEXTS = 2**16 - 2
"""Different texts that a worker can tell apart; what a platform sends beyond that (a header that never repeats) is all :data:`OTHER`."""
OTHER = "other"

SEQUENCE_BITS = 40
"""An operation's ID is the worker's number above so many bits of sequence."""

assert ROW.size == DTYPE.itemsize


@dataclass(frozen=True, slots=True)
class SpoolFiles:
    """The files of one worker."""

    rows: Path
    texts: Path
    effects: Path
    counters: Path

    @classmethod
    def of(cls, run: Path, worker: str) -> SpoolFiles:
        """Where the worker of this name writes."""
        base = run / DIRECTORY / worker
        return cls(*(base.with_name(f"{worker}.{suffix}") for suffix in ("rows", "texts", "effects.jsonl", "counters.json")))


def operation_id(worker: int, sequence: int) -> int:
    """The run-wide ID of a worker's operation."""
    return (worker << SEQUENCE_BITS) | sequence
