"""The fixed record of one request: 64 bytes, which numpy reads a million at a time."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from closeshave.history import Outcome

ROW: Final = struct.Struct("<qqqIIIffHHHHHHhhBBBB")
"""In the order of :data:`DTYPE`."""

TIMES: Final = struct.Struct("<qqq")
"""The beginning of a row, for rows whose rest equals that of the previous one."""

DTYPE = np.dtype(
    [
        ("intended_ns", "<i8"), ("started_ns", "<i8"), ("ended_ns", "<i8"), ("customer", "<u4"), ("franchise", "<u4"), ("bytes", "<u4"),
        ("db_ms", "<f4"), ("cache_ms", "<f4"), ("kind", "<u2"), ("journey", "<u2"), ("region", "<u2"), ("error", "<u2"), ("served_by", "<u2"),
        ("cache", "<u2"), ("shard", "<i2"), ("status", "<i2"), ("outcome", "u1"), ("good", "u1"), ("attempt", "u1"), ("method", "u1"),
    ]
)  # fmt: skip

TEXT_FIELDS = ("kind", "journey", "region", "error", "served_by", "cache")
"""Fields whose value is a code: the line of the text in the worker's dictionary, from 1; 0 means none."""

OUTCOMES = (Outcome.OK, Outcome.FAIL, Outcome.INFO)
"""By the code in the field ``outcome``."""
OK: Final = 0
FAIL: Final = 1
INFO: Final = 2
OUTCOME_CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
"""By the code in the field ``method``."""
METHOD_CODES: Final = {method: code for code, method in enumerate(METHODS)}

MAGIC = b"CSHAVE02"
HEADER = struct.Struct("<8sII16s")
"""Magic, the worker's number (for operation IDs that are unique in a run), the row's size, and the source (:class:`closeshave.history.Source`)."""

SEQUENCE_BITS = 40
WORKERS_MAX = 2**22
"""A worker's number is below this, so that operation IDs fit 63 bits."""
"""An operation's ID has the worker's number in the upper bits, and in so many lower bits its row's position in the file."""

assert ROW.size == DTYPE.itemsize == 64


def operation_id(worker: int, sequence: int) -> int:
    """The run-wide ID of a worker's operation."""
    return (worker << SEQUENCE_BITS) | sequence
