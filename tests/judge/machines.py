"""Records of a machine of two processors in the making: who used it, who waited, second by second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tests.judge.histories import ns

GIB = 1 << 30
QUIET: dict[str, float] = {
    "own": 0.5, "others": 0.02, "delay": 0.05, "senders": 0.0, "steal": 0.0, "interval": 1.0, "memory_stall": 0.0, "io_stall": 0.0,
    "own_memory": 1 * GIB, "others_memory": 1 * GIB, "available": 20 * GIB, "own_bytes": 100_000, "others_bytes": 10_000, "faults": 0,
    "stopped_senders": 0, "stopped_parts": 0, "stopped_helpers": 0,
}  # fmt: skip
"""What a calm second looks like. CPU and waits are in seconds of a second."""
CORES = 2.0


def record(*changes: tuple[Iterable[int], Mapping[str, float]], start: int = 0, end: int = 195) -> pd.DataFrame:
    """A quiet machine from one second of the run to another, but in the seconds of each of ``changes``: there it is what that one says."""
    rows: list[dict[str, Any]] = []
    second = start
    while second < end:
        now = dict(QUIET)
        for seconds, change in changes:
            if second in seconds:
                now.update(change)
        rows += interval(second, now)
        second += round(now["interval"])
    return pd.DataFrame(rows)


def interval(second: int, now: Mapping[str, float]) -> list[dict[str, Any]]:
    """The rows of host and groups for one interval that begins at this second."""
    length = now["interval"]
    own, others, steal = now["own"] * length, now["others"] * length, now["steal"] * length
    common = {"at_ns": ns(second + length), "interval_s": length}
    host = {
        "role": "host", "cpu_s": own + others, "user_s": own + others, "system_s": 0.0, "iowait_s": 0.0, "steal_s": steal,
        "idle_s": max(0.0, CORES * length - own - others - steal), "others_s": others, "memory_stall_s": now["memory_stall"] * length,
        "io_stall_s": now["io_stall"] * length, "memory_bytes": now["own_memory"] + now["others_memory"],
        "memory_available_bytes": now["available"], "read_bytes": 0, "written_bytes": now["own_bytes"] + now["others_bytes"],
    }  # fmt: skip
    parts = {
        "role": "app", "cpu_s": 0.8 * own, "delay_s": now["delay"] * length, "memory_bytes": now["own_memory"], "read_bytes": 0,
        "written_bytes": now["own_bytes"], "major_faults": now["faults"], "stopped": now["stopped_parts"],
    }  # fmt: skip
    senders = {
        "role": "locust",
        "cpu_s": 0.2 * own,
        "delay_s": now["senders"] * length,
        "memory_bytes": 0,
        "stopped": now["stopped_senders"],
    }
    helpers = {"role": "harness", "cpu_s": 0.0, "delay_s": 0.0, "memory_bytes": 0, "stopped": now["stopped_helpers"]}
    return [{**common, **row} for row in (host, parts, senders, helpers)]


def old(resources: pd.DataFrame) -> pd.DataFrame:
    """The same as a harness recorded it that knew nothing of waits."""
    names = ["others_s", "delay_s", "major_faults", "stopped", "memory_stall_s", "io_stall_s"]
    return resources.drop(columns=names)
